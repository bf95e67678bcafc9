/** The real clock, put forward while the demo would only wait; everything that is done takes the time that it takes. */

import type { Clock } from "../../src/ports/clock.ts";

export interface SpeedingClock extends Clock {
	/** Lets the time until `at` pass in an instant. To be called only while nothing is being done. */
	passUntil(at: Date): void;
}

export function createSpeedingClock(real: Clock): SpeedingClock {
	let aheadMs = 0;
	const now = (): Date => new Date(real.now().getTime() + aheadMs);
	return {
		now,
		uptimeMs: () => real.uptimeMs() + aheadMs,
		bootMs: () => real.bootMs() + aheadMs,
		bootId: () => real.bootId(),
		sleep: (ms, signal) => real.sleep(ms, signal),
		deadline: (ms, signal) => real.deadline(ms, signal),
		passUntil: (at) => void (aheadMs += Math.max(0, at.getTime() - now().getTime())),
	};
}
