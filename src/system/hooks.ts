/** Runs the programs of `hooks`: the event as JSON on standard input, no shell, a bare environment, killed in time. */

import { asKeyturnError, KeyturnError } from "../errors.ts";
import type { AlertSink } from "../ports/alert-sink.ts";
import type { HookOutcome, PreHook } from "../ports/hook.ts";
import type { Programs } from "../ports/programs.ts";

export interface HookGiven {
	readonly phase: "pre" | "deploy" | "post";
	/** Its place among those of its phase, from 1. */
	readonly place: number;
	/** The program, by an absolute path, and its arguments. */
	readonly argv: readonly string[];
	readonly timeoutMs: number;
	readonly programs: Programs;
}

export function createPreHook(given: HookGiven): PreHook {
	return { name: nameOf(given), run: async (event, signal) => run(given, event, signal) };
}

/** A hook after a switch is delivered to as an alert is: kept across restarts, and run again until it has gone through. */
export function createHookSink(given: HookGiven & { readonly phase: "deploy" | "post" }): AlertSink {
	return {
		name: nameOf(given),
		hook: given.phase,
		on: given.phase === "deploy" ? ["switched"] : [],
		repeatMs: REPEAT_MS,
		async deliver(event, signal) {
			const outcome = await run(given, event, signal);
			if (outcome.kind === "done") return;
			throw new KeyturnError("hook.failed", outcome.reason, {
				retry: true,
				hint: "run the program by hand with an event on standard input",
			});
		},
	};
}

/** Told of no troubles: nothing is ever repeated to it. */
const REPEAT_MS = 6 * 3_600_000;
const DEFERRED = 75;
const WORDS_LIMIT = 200;

function nameOf({ phase, place }: HookGiven): string {
	return `${phase} ${place}`;
}

async function run(
	{ phase, argv, timeoutMs, programs }: HookGiven,
	event: object,
	signal: AbortSignal,
): Promise<HookOutcome> {
	const [program = "", ...args] = argv;
	const input = `${JSON.stringify({ hook: phase, ...event })}\n`;
	try {
		const result = await programs.run({ argv: [program, ...args], input, timeoutMs }, signal);
		if (result.status === 0) return { kind: "done" };
		const said = (result.stderr.trim() || result.stdout.trim()).slice(0, WORDS_LIMIT);
		const ended = result.status === null ? `signal ${result.signal ?? "?"}` : `status ${result.status}`;
		const reason = `${program} ended with ${ended}: ${said || "it said nothing"}`;
		return { kind: result.status === DEFERRED ? "deferred" : "failed", reason };
	} catch (thrown) {
		return { kind: "failed", reason: asKeyturnError(thrown).message };
	}
}
