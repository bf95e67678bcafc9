/** A clock whose time passes only while somebody sleeps: waiting takes no time, and its length can be told. */

import type { Clock } from "../../src/ports/clock.ts";

export function createSleepingClock(start = "2026-10-31T12:00:00Z"): Clock {
	let passedMs = 0;
	return {
		now: () => new Date(Date.parse(start) + passedMs),
		uptimeMs: () => passedMs,
		bootMs: () => passedMs,
		bootId: () => null,
		sleep: async (ms, signal) => {
			if (!signal.aborted) passedMs += ms;
		},
		deadline: (_, signal) => signal,
	};
}
