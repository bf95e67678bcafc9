/** Other programs, run by argument list and absolute path, never through a shell. */

export interface ProgramRequest {
	/** The first is an absolute path. */
	readonly argv: readonly [string, ...string[]];
	readonly input?: Uint8Array | string;
	/** Killed (SIGKILL, its whole group) after this many milliseconds. */
	readonly timeoutMs: number;
	/** The whole environment of the child; nothing is inherited but PATH and LANG=C.UTF-8. */
	readonly env?: Readonly<Record<string, string>>;
	/** Run as this user, where we may; otherwise as ourselves. */
	readonly owner?: { readonly uid: number; readonly gid: number };
	/** Output beyond this many bytes of either stream is dropped; 1 MiB by default. */
	readonly outputLimitBytes?: number;
}

export interface ProgramResult {
	/** The exit status, or null when a signal ended it. */
	readonly status: number | null;
	readonly signal: string | null;
	readonly stdout: string;
	readonly stderr: string;
}

export interface Programs {
	/**
	 * Resolves when the program has ended, whatever its status and whatever it left running. When its time is over or `signal`
	 * aborts its whole group is killed. Fails with `program.missing`, `program.failed` (not to be started) or `program.timeout`.
	 */
	run(request: ProgramRequest, signal: AbortSignal): Promise<ProgramResult>;
}
