/** Ends work on DNS in time. */

import type { Clock } from "../ports/clock.ts";

/**
 * For all that is asked about one name: one domain's servers may be any number, each silent, and others wait. A dozen dead
 * ones take half a minute.
 */
export const LOOK_MS = 120_000;

/** Gives the deadline's timer and listener up as soon as the work is done: a look asks hundreds of questions. */
export async function withDeadline<T>(
	clock: Clock,
	ms: number,
	signal: AbortSignal,
	work: (deadline: AbortSignal) => Promise<T>,
): Promise<T> {
	const done = new AbortController();
	const abort = (): void => done.abort();
	signal.addEventListener("abort", abort, { once: true });
	if (signal.aborted) abort();
	try {
		return await work(clock.deadline(ms, done.signal));
	} finally {
		signal.removeEventListener("abort", abort);
		abort();
	}
}
