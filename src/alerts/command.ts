/** Tells by running a program: the event as JSON on its standard input. */

import * as z from "zod";
import { asKeyturnError, KeyturnError } from "../errors.ts";
import type { AlertSink } from "../ports/alert-sink.ts";
import type { AlertGiven, AlertTools } from "./registry.ts";

export const settingsSchema = z.strictObject({
	run: z
		.tuple([z.string().regex(/^\//, { error: "must be an absolute path" })], z.string())
		.describe(
			"The program and its arguments; it is run without a shell and gets the event as JSON on standard input.",
		),
});

const TIMEOUT_MS = 10_000;

export async function create(given: AlertGiven, { programs }: AlertTools): Promise<AlertSink> {
	const { run } = settingsSchema.parse(given.settings);
	return Promise.resolve({
		...given,
		async deliver(event, signal) {
			const input = `${JSON.stringify(event)}\n`;
			const result = await programs
				.run({ argv: run, input, timeoutMs: TIMEOUT_MS }, signal)
				.catch((thrown: unknown) => {
					throw undelivered(run[0], asKeyturnError(thrown).message);
				});
			if (result.status === 0) return;
			const ended = result.status === null ? `signal ${result.signal ?? "?"}` : `status ${result.status}`;
			throw undelivered(run[0], `expected status 0, got ${ended}: ${result.stderr.slice(0, 200).trim()}`);
		},
	});
}

function undelivered(program: string, why: string): KeyturnError {
	return new KeyturnError("alert.undelivered", `${program}: ${why}`, {
		retry: true,
		hint: "run the program by hand with an event on standard input",
	});
}
