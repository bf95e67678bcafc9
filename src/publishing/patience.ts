/** How long to leave a provider alone that said "not now": growing pauses, scattered so that hosts do not come back together. */

import { asKeyturnError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";

/** Rate limits count by the second or the minute; what lasts longer is for the agent's next tick. */
const PAUSES_MS = [1_000, 5_000] as const;

export interface Patience {
	/** Repeats what failed with an error that says that it may succeed later. */
	retry<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result>;
	/** The pause after the `tries`-th try. */
	pause(tries: number, signal: AbortSignal): Promise<void>;
}

export function createPatience({
	clock,
	random,
}: {
	readonly clock: Clock;
	readonly random: Random;
}): Patience {
	async function pause(tries: number, signal: AbortSignal): Promise<void> {
		const baseMs = PAUSES_MS[Math.min(tries, PAUSES_MS.length) - 1] ?? PAUSES_MS[0];
		const [scatter = 0] = random.bytes(1);
		await clock.sleep(baseMs * (1 + scatter / 512), signal);
	}
	return {
		pause,
		async retry(work, signal) {
			for (let tries = 1; ; tries++) {
				try {
					return await work();
				} catch (thrown) {
					if (!asKeyturnError(thrown).retry || tries > PAUSES_MS.length || signal.aborted) throw thrown;
				}
				await pause(tries, signal);
			}
		},
	};
}
