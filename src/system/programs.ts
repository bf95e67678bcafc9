/** Runs other programs for the agent and the door: no shell, a bare environment, bounded output, a whole group killed in time. */

import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { KeyturnError } from "../errors.ts";
import type { ProgramRequest, ProgramResult, Programs } from "../ports/programs.ts";
import { type Become, createBecome } from "./become.ts";

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const DEFAULT_OUTPUT_BYTES = 1_048_576;
/** A program that left a daemon behind has ended, though the daemon keeps its output open. */
const DRAIN_MS = 250;

export function createSystemPrograms(): Programs {
	const become = createBecome(runOnce);
	return {
		run: async (request, signal) => runOnce(await become(request), request, signal),
	};
}

async function runOnce(become: Become, request: ProgramRequest, signal: AbortSignal): Promise<ProgramResult> {
	const [program] = request.argv;
	if (!program.startsWith("/")) {
		throw new KeyturnError("bug", `program ${program}: expected an absolute path`);
	}
	if (signal.aborted) throw interrupted(program);
	return watch(start(become, request), request, signal);
}

function start(become: Become, request: ProgramRequest): ChildProcess {
	const [program, ...args] = become.commandFor(request);
	const options: SpawnOptions = {
		cwd: "/",
		detached: true,
		env: { PATH: process.env["PATH"] ?? PATH, LANG: "C.UTF-8", ...request.env },
		stdio: ["pipe", "pipe", "pipe"],
		...(become.asRoot ? { uid: 0, gid: 0 } : {}),
	};
	try {
		return spawn(program, args, options);
	} catch (error) {
		throw spawnError(program, error);
	}
}

function watch(child: ChildProcess, request: ProgramRequest, signal: AbortSignal): Promise<ProgramResult> {
	const [program] = request.argv;
	const limit = request.outputLimitBytes ?? DEFAULT_OUTPUT_BYTES;
	const stdout = collect(child.stdout, limit);
	const stderr = collect(child.stderr, limit);
	feed(child, request.input);
	return new Promise((resolve, reject) => {
		const give = (error: KeyturnError) => {
			killGroup(child);
			settle(() => reject(error));
		};
		const onAbort = () => give(interrupted(program));
		const timer = setTimeout(() => give(tooSlow(program, request.timeoutMs)), request.timeoutMs);
		const settle = (end: () => void) => {
			clearTimeout(timer);
			signal.removeEventListener("abort", onAbort);
			child.stdout?.destroy();
			child.stderr?.destroy();
			end();
		};
		signal.addEventListener("abort", onAbort, { once: true });
		child.once("error", (error) => settle(() => reject(spawnError(program, error))));
		child.once("exit", (status, ended) => {
			const result = () => ({ status, signal: ended, stdout: stdout(), stderr: stderr() });
			const drained = setTimeout(() => settle(() => resolve(result())), DRAIN_MS);
			child.once("close", () => {
				clearTimeout(drained);
				settle(() => resolve(result()));
			});
		});
	});
}

/** Gathers up to `limit` bytes and lets the rest go by, so that the program never blocks on a full pipe. */
function collect(stream: Readable | null, limit: number): () => string {
	const chunks: Buffer[] = [];
	let total = 0;
	stream?.on("data", (chunk: Buffer) => {
		const kept = chunk.subarray(0, Math.max(0, limit - total));
		total += kept.length;
		if (kept.length > 0) chunks.push(kept);
	});
	stream?.on("error", () => undefined);
	return () => Buffer.concat(chunks).toString("utf8");
}

/** A program need not read its input: a broken pipe is no failure of ours. */
function feed(child: ChildProcess, input: Uint8Array | string | undefined): void {
	child.stdin?.on("error", () => undefined);
	child.stdin?.end(input ?? "");
}

function killGroup(child: ChildProcess): void {
	if (child.pid === undefined) return;
	try {
		process.kill(-child.pid, "SIGKILL");
	} catch {
		child.kill("SIGKILL");
	}
}

const ABSENT = new Set(["ENOENT", "EACCES", "ENOTDIR"]);

function spawnError(program: string, error: unknown): KeyturnError {
	const errno = error instanceof Error && "code" in error ? String(error.code) : "EUNKNOWN";
	if (ABSENT.has(errno)) {
		return new KeyturnError(
			"program.missing",
			`program ${program}: expected an executable file, got ${errno}`,
			{
				errno,
				hint: `install the package that has ${program}`,
			},
		);
	}
	return new KeyturnError("program.failed", `program ${program} could not be started: ${errno}`, {
		errno,
		retry: true,
	});
}

export function tooSlow(program: string, timeoutMs: number): KeyturnError {
	return new KeyturnError(
		"program.timeout",
		`program ${program}: expected it to end within ${timeoutMs} ms; it was killed`,
		{ retry: true },
	);
}

function interrupted(program: string): KeyturnError {
	return new KeyturnError("program.timeout", `program ${program} was interrupted and killed`, {
		retry: true,
	});
}
