/** Says what the agent does, one JSON line each, so that the last line before a crash is there and no secret is in it. */

import { pino } from "pino";
import type { Log, LogFields } from "../ports/log.ts";

export interface LogOptions {
	readonly level: "debug" | "info" | "warn" | "error" | "silent";
	readonly destination: "stderr" | "stdout";
}

/** sd-daemon(3): journald takes the priority from `<N>` at the start of a line. */
const PRIORITIES: Readonly<Record<number, number>> = { 20: 7, 30: 6, 40: 4, 50: 3 };
/** pino's way of asking for `lastLevel` on the stream. */
const NEEDS_METADATA = Symbol.for("pino.metadata");

export function createLog({ level, destination }: LogOptions): Log {
	const output = pino.destination({ dest: destination === "stderr" ? 2 : 1, sync: true });
	// A reader that went away must not end the agent in the middle of a step.
	output.on("error", () => undefined);
	const stream = process.env["JOURNAL_STREAM"] === undefined ? output : withPriority(output);
	const logger = pino(
		{
			level,
			base: null,
			timestamp: pino.stdTimeFunctions.isoTime,
			formatters: { level: (label) => ({ level: label }), log: withPlainErrors },
		},
		stream,
	);
	return {
		debug: (message, fields = {}) => logger.debug(fields, message),
		info: (message, fields = {}) => logger.info(fields, message),
		warn: (message, fields = {}) => logger.warn(fields, message),
		error: (message, fields = {}) => logger.error(fields, message),
	};
}

function withPriority(output: { write(line: string): unknown }) {
	return {
		[NEEDS_METADATA]: true,
		lastLevel: 30,
		write(line: string): void {
			output.write(`<${PRIORITIES[this.lastLevel] ?? 6}>${line}`);
		},
	};
}

/** What of an error may be told is listed; an HTTP library's holds headers, a subprocess's holds arguments. */
export function withPlainErrors(fields: LogFields): Record<string, unknown> {
	return Object.fromEntries(
		Object.entries(fields).map(([name, value]) => [name, value instanceof Error ? plainError(value) : value]),
	);
}

function plainError(error: Error): LogFields {
	const { code, hint, errno } = error as Error & Readonly<Record<"code" | "hint" | "errno", unknown>>;
	return { code, message: error.message, hint: hint ?? undefined, errno: errno ?? undefined };
}
