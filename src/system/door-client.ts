/**
 * Reaches the door: its socket under systemd, a transient unit where its units are not installed, a child process where
 * no systemd runs. What was asked goes on when we stop waiting: a switch under way is never cut short from here.
 */

import type { Clock } from "../ports/clock.ts";
import type { Disk } from "../ports/disk.ts";
import type { Door, DoorRequest } from "../ports/door.ts";
import type { Programs } from "../ports/programs.ts";
import type { Random } from "../ports/random.ts";
import { notListening, readAnswer, unreachable } from "./door-answer.ts";
import { DOOR_PROPERTIES, inTransientUnit, isBooted, isSystemd } from "./transient-unit.ts";
import { exchange } from "./unix-exchange.ts";

export interface DoorClientOptions {
	readonly programs: Programs;
	readonly disk: Disk;
	readonly clock: Clock;
	readonly random: Random;
	/** Of `keyturn-apply.socket`; null where its door would read another configuration. */
	readonly socketPath: string | null;
	/** The door as a program: `node door.js --config FILE`, all absolute. */
	readonly argv: readonly [string, ...string[]];
}

/** Thousands of signed messages come back from a `stage`. */
const ANSWER_LIMIT_BYTES = 256 * 1024 * 1024;
/** Far beyond anything the door does: the program is killed after it. */
const PROGRAM_MS = 3_600_000;
const ROOT = { uid: 0, gid: 0 };
const NEVER = new AbortController().signal;

/** How long an answer is waited for: `stage` signs a message per key, `commit` may hold the mail server down. */
const DEADLINES_MS: Readonly<Record<DoorRequest["act"], number>> = {
	inspect: 180_000,
	stage: 1_200_000,
	commit: 1_200_000,
	drop: 180_000,
	recover: 1_200_000,
};

export function createDoorClient(options: DoorClientOptions): Door {
	return {
		async request(request, signal) {
			const deadline = options.clock.deadline(DEADLINES_MS[request.act], signal);
			const text = JSON.stringify(request);
			const bySocket = await bySocketOf(options, text, deadline);
			return readAnswer(request, bySocket ?? (await byProgram(options, text, deadline)));
		},
	};
}

async function bySocketOf(
	{ socketPath }: DoorClientOptions,
	text: string,
	signal: AbortSignal,
): Promise<string | null> {
	if (socketPath === null) return null;
	return exchange({ path: socketPath, text, limitBytes: ANSWER_LIMIT_BYTES, signal });
}

async function byProgram(options: DoorClientOptions, text: string, signal: AbortSignal): Promise<string> {
	const { programs } = options;
	const run = programs.run(
		{
			argv: await programFor(options),
			input: text,
			timeoutMs: PROGRAM_MS,
			outputLimitBytes: ANSWER_LIMIT_BYTES,
			owner: ROOT,
		},
		NEVER,
	);
	const result = await Promise.race([run.catch(notRun), gaveUp(signal)]);
	if (result.stdout.trim() !== "") return result.stdout;
	const said = result.stderr.trim().split("\n")[0] ?? "";
	throw unreachable(`it ended with ${result.status ?? result.signal ?? "no status"} and no answer: ${said}`);
}

async function programFor({
	disk,
	random,
	socketPath,
	argv,
}: DoorClientOptions): Promise<readonly [string, ...string[]]> {
	if (!(await isSystemd(disk))) {
		// As a child of anybody but root it could only tell that its papers are root's.
		if (socketPath !== null && (await isBooted(disk))) throw notListening(socketPath);
		return argv;
	}
	const name = `keyturn-apply-${random.id().slice(0, 12)}`;
	return inTransientUnit({ description: "keyturn's door", name, properties: DOOR_PROPERTIES }, argv);
}

function gaveUp(signal: AbortSignal): Promise<never> {
	return new Promise((_, reject) => {
		const give = () => reject(unreachable("it gave no answer in time; it may still be at work"));
		signal.addEventListener("abort", give, { once: true });
		if (signal.aborted) give();
	});
}

function notRun(error: unknown): never {
	throw unreachable(error instanceof Error ? error.message : "it could not be started");
}
