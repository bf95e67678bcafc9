/**
 * Makes sure that one keyturn at a time acts on a host. flock(1) locks a file that we hold open, so the lock belongs to
 * our open file description: it goes when we close it or die, also by SIGKILL, and no clock or pid file is believed.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { close, constants, fstat, open } from "node:fs";
import { stat } from "node:fs/promises";
import { promisify } from "node:util";
import { KeyturnError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { HeldLock, LockMode, TakeLock } from "../ports/lock.ts";
import { diskError } from "./disk.ts";

const FLOCK = "/usr/bin/flock";
/** It never waits for the lock; on a network file system it may wait for the server. */
const FLOCK_MS = 20_000;
const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;
const POLL_MS = 100;
/** flock's own exit status for a lock that is held, chosen apart from its failures. */
const HELD_STATUS = 75;
/** That of util-linux ends with 64 and above where it fails (sysexits.h). */
const NOT_UNDERSTOOD_STATUS = 1;

/** `program` is the flock of util-linux. */
export function createTakeLock(clock: Clock, program = FLOCK): TakeLock {
	return async (path, waitMs, signal, mode = "exclusive") => {
		const until = clock.uptimeMs() + waitMs;
		for (;;) {
			const taken = await takeOnce(program, path, mode);
			if (taken !== "held") return taken;
			const left = until - clock.uptimeMs();
			if (left <= 0 || signal.aborted) return "held";
			await clock.sleep(Math.min(POLL_MS, left), signal);
		}
	};
}

async function takeOnce(program: string, path: string, mode: LockMode): Promise<HeldLock | "held"> {
	const fd = await openLockFile(path);
	try {
		const isOurs = (await flock(program, { fd, path, mode })) && (await isStillAt(fd, path));
		if (isOurs) return hold(fd);
	} catch (error) {
		await promisify(close)(fd);
		throw error;
	}
	await promisify(close)(fd);
	return "held";
}

/** A bare descriptor: a FileHandle that nobody refers to any more is closed by the garbage collector. */
async function openLockFile(path: string): Promise<number> {
	try {
		return await promisify(open)(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
	} catch (error) {
		throw diskError("open the lock file", path, error);
	}
}

interface Asked {
	readonly fd: number;
	readonly path: string;
	readonly mode: LockMode;
}

function flock(program: string, { fd, path, mode }: Asked): Promise<boolean> {
	return new Promise((resolve, reject) => {
		const child = start(program, fd, mode);
		child.once("error", (error) => reject(notStarted(program, errnoOf(error))));
		child.once("exit", (status) => {
			if (status === 0) resolve(true);
			else if (status === HELD_STATUS) resolve(false);
			else reject(failed(path, status));
		});
	});
}

function start(program: string, fd: number, mode: LockMode): ChildProcess {
	try {
		return spawn(program, [`--${mode}`, "--nonblock", `--conflict-exit-code=${HELD_STATUS}`, "3"], {
			cwd: "/",
			env: {},
			stdio: ["ignore", "ignore", "ignore", fd],
			timeout: FLOCK_MS,
			killSignal: "SIGKILL",
		});
	} catch (error) {
		throw notStarted(program, errnoOf(error));
	}
}

/** Somebody may have removed or replaced the file meanwhile: then others lock another one. */
async function isStillAt(fd: number, path: string): Promise<boolean> {
	try {
		const [ours, there] = await Promise.all([promisify(fstat)(fd), stat(path)]);
		return there.ino === ours.ino && there.dev === ours.dev;
	} catch (error) {
		if (errnoOf(error) === "ENOENT") return false;
		throw diskError("look at the lock file", path, error);
	}
}

function errnoOf(error: unknown): string {
	return error instanceof Error && "code" in error ? String(error.code) : "EUNKNOWN";
}

function hold(fd: number): HeldLock {
	let closed: Promise<void> | null = null;
	return {
		release: () => {
			closed ??= promisify(close)(fd);
			return closed;
		},
	};
}

/** A host without a process, a descriptor or memory to spare has the program all the same. */
function notStarted(program: string, errno: string): KeyturnError {
	if (errno !== "ENOENT" && errno !== "EACCES")
		return new KeyturnError("program.failed", `program ${program} could not be started: ${errno}`, {
			errno,
			retry: true,
		});
	return new KeyturnError(
		"program.missing",
		`program ${program}: expected an executable file, got ${errno}`,
		{ errno, hint: "install util-linux" },
	);
}

function failed(path: string, status: number | null): KeyturnError {
	return new KeyturnError(
		"disk.failed",
		`cannot lock ${path}: flock ended with status ${status ?? "none (killed)"}`,
		{
			hint:
				status === NOT_UNDERSTOOD_STATUS
					? "install util-linux: this flock, BusyBox's perhaps, does not understand what it is asked"
					: "the file system of the state directory has to support flock(2)",
			retry: true,
		},
	);
}
