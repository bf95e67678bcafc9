/** One holder at a time for a path, among all processes of this host. */

export interface HeldLock {
	/** Lets it go. Can be repeated. */
	release(): Promise<void>;
}

/**
 * Takes the lock that the file at `path` stands for, trying for `waitMs` milliseconds (0: once); "held" if another keeps
 * it or `signal` aborts. A holder that dies loses it at once; two takers in one process exclude each other too. Makes the file if it is absent
 * (0600); its directory has to be there. Fails with `disk.failed` or `program.missing`.
 */
export type TakeLock = (path: string, waitMs: number, signal: AbortSignal) => Promise<HeldLock | "held">;
