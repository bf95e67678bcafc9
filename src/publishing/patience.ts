/** How long to leave a provider alone that said "not now": growing pauses, scattered so that hosts do not come back together. */

import { asKeyturnError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";

/** Rate limits count by the second or the minute; what lasts longer is for the agent's next tick. */
const PAUSES_MS = [1_000, 5_000] as const;
/** Of what a provider asks for itself. */
const LONGEST_MS = 60_000;

export interface Patience {
	/** Repeats what failed with an error that says that it may succeed later, unless it asks for more than a minute. */
	retry<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result>;
	/** The pause after the `tries`-th try, `leastMs` milliseconds at least. */
	pause(tries: number, signal: AbortSignal, leastMs?: number): Promise<void>;
}

export function createPatience({
	clock,
	random,
}: {
	readonly clock: Clock;
	readonly random: Random;
}): Patience {
	async function pause(tries: number, signal: AbortSignal, leastMs = 0): Promise<void> {
		const baseMs = PAUSES_MS[Math.min(tries, PAUSES_MS.length) - 1] ?? PAUSES_MS[0];
		const [scatter = 0] = random.bytes(1);
		await clock.sleep(Math.max(baseMs, leastMs) * (1 + scatter / 512), signal);
	}
	return {
		pause,
		async retry(work, signal) {
			for (let tries = 1; ; tries++) {
				let leastMs: number;
				try {
					return await work();
				} catch (thrown) {
					const { retry, retryAfterMs } = asKeyturnError(thrown);
					leastMs = retryAfterMs ?? 0;
					if (!retry || leastMs > LONGEST_MS || tries > PAUSES_MS.length || signal.aborted) throw thrown;
				}
				await pause(tries, signal, leastMs);
			}
		},
	};
}
