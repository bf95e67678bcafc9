/** One holder at a time for a path, among all processes of this host. */

export interface HeldLock {
	/** Lets it go. Can be repeated. */
	release(): Promise<void>;
}

/** How a lock is taken: alone, or beside others who only look whether somebody has it alone. */
export type LockMode = "exclusive" | "shared";

/**
 * Takes the lock that the file at `path` stands for, trying for `waitMs` milliseconds (0: once); "held" if another keeps
 * it or `signal` aborts. A holder that dies loses it at once; two takers in one process exclude each other too. "shared" (default exclusive) stands beside other shared ones. Makes the file if it is absent
 * (0600); its directory has to be there. Fails with `disk.failed`, `program.missing` or `program.failed`.
 */
export type TakeLock = (
	path: string,
	waitMs: number,
	signal: AbortSignal,
	mode?: LockMode,
) => Promise<HeldLock | "held">;
