/** Time as the agent knows it; the only place where it comes from. */

export interface Clock {
	/** The wall clock. May step forward and back. */
	now(): Date;
	/** Milliseconds on a clock that never goes back, and stands still while the host is suspended; its zero means nothing. */
	uptimeMs(): number;
	/** The same, but time suspended counts: since the boot of `bootId`. */
	bootMs(): number;
	/** Another one after each boot of the host; null where that cannot be told. */
	bootId(): string | null;
	/** Resolves after `ms` milliseconds, or at once when `signal` aborts; never rejects. */
	sleep(ms: number, signal: AbortSignal): Promise<void>;
	/** A signal that aborts after `ms` milliseconds, or when `signal` does. Does not keep the process alive. */
	deadline(ms: number, signal: AbortSignal): AbortSignal;
}
