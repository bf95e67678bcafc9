/** Waits for a change that an interface takes on at once and carries out later. */

import { asKeyturnError, KeyturnError } from "../../errors.ts";
import type { Clock } from "../../ports/clock.ts";

export type Progress =
	| { readonly kind: "running" }
	| { readonly kind: "done" }
	| { readonly kind: "failed"; readonly why: string };

const GAP_MS = 1_000;
/** Most are done in five seconds, and seventeen were seen. */
const MOST_MS = 120_000;

/**
 * Asks every second until it is done; `first` is what the answer to the change itself said. Fails with `provider.refused`
 * if it was not carried out, and with `provider.unreachable` where that cannot be learnt: then it may still come.
 */
export async function untilCarriedOut(
	what: { readonly provider: string; readonly change: string; readonly first: Progress },
	look: () => Promise<Progress>,
	{ clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
	const { provider, change, first } = what;
	const untilMs = clock.uptimeMs() + MOST_MS;
	for (let progress = first; ; progress = await look().catch(unknown)) {
		if (progress.kind === "done") return;
		if (progress.kind === "failed")
			throw new KeyturnError(
				"provider.refused",
				`${provider}: ${change} was not carried out: ${progress.why}`,
			);
		if (signal.aborted || clock.uptimeMs() >= untilMs)
			throw new KeyturnError("provider.unreachable", `${provider}: ${change} is still not carried out`, {
				retry: true,
			});
		await clock.sleep(GAP_MS, signal);
	}

	function unknown(thrown: unknown): never {
		const error = asKeyturnError(thrown);
		if (!error.code.startsWith("provider.")) throw error;
		throw new KeyturnError(
			"provider.unreachable",
			`${provider}: ${change} was taken on, and what became of it cannot be learnt: ${error.message}`,
			{ retry: true, ...(error.hint === null ? {} : { hint: error.hint }) },
		);
	}
}
