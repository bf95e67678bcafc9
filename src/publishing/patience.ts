/** How long to leave a provider alone that said "not now": growing pauses, scattered so that hosts do not come back together. */

import { asKeyturnError, type KeyturnError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";

/** Rate limits count by the second or the minute; what lasts longer is for the agent's next tick. */
const PAUSES_MS = [1_000, 5_000] as const;
/** Of what a provider asks for itself. */
const LONGEST_MS = 60_000;
/** No answer in all this time is none that comes by itself: each name asked for next would be waited for as long. */
const SILENT_MS = 5_000;
/** What was waited for in vain is told again for so long, without asking. */
const LEFT_ALONE_MS = 60_000;

export interface Patience {
	/**
	 * Repeats what failed with an error that says that it may succeed later, unless it asks for more than a minute. Whoever asks
	 * soon after another has waited in vain gets the same error at once: hundreds of names wait together, and others behind them.
	 */
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
	let silence: { readonly error: KeyturnError; readonly untilMs: number } | null = null;

	async function pause(tries: number, signal: AbortSignal, leastMs = 0): Promise<void> {
		const baseMs = PAUSES_MS[Math.min(tries, PAUSES_MS.length) - 1] ?? PAUSES_MS[0];
		const [scatter = 0] = random.bytes(1);
		await clock.sleep(Math.max(baseMs, leastMs) * (1 + scatter / 512), signal);
	}
	function noteSilence(error: KeyturnError, beganMs: number): void {
		const nowMs = clock.uptimeMs();
		if (error.code === "provider.unreachable" && nowMs - beganMs >= SILENT_MS)
			silence = { error, untilMs: nowMs + LEFT_ALONE_MS };
	}

	return {
		pause,
		async retry(work, signal) {
			if (silence !== null && clock.uptimeMs() < silence.untilMs) throw silence.error;
			for (let tries = 1; ; tries++) {
				const beganMs = clock.uptimeMs();
				let leastMs: number;
				try {
					return await work();
				} catch (thrown) {
					const error = asKeyturnError(thrown);
					leastMs = error.retryAfterMs ?? 0;
					if (signal.aborted) throw thrown;
					if (!error.retry || leastMs > LONGEST_MS || tries > PAUSES_MS.length) {
						noteSilence(error, beganMs);
						throw thrown;
					}
				}
				await pause(tries, signal, leastMs);
			}
		},
	};
}
