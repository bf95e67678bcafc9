/** Leaves one key of a switch behind, with the moment of its next attempt; the others go on. */

import type { KeyturnError } from "../errors.ts";
import type { LookReport } from "../ports/propagation.ts";
import { editKey, type KeyEntry } from "../rotation/domain-state.ts";
import type { Job, Run } from "./run.ts";
import { swapFailed } from "./swap-failed.ts";

/** A key on its way through a switch. */
export interface Switching {
	readonly job: Job<"switch">;
	readonly key: KeyEntry;
	/** Of the look made after staging. */
	report: LookReport | null;
}

/** Not switched this time: nothing is under way any more, and the next attempt has its moment. */
export async function leave(
	run: Run,
	{ job, key }: Switching,
	waitMs: number,
	error: KeyturnError | null,
	reason = error?.message ?? "",
): Promise<void> {
	const { doc, step } = job;
	const until = new Date(run.now().getTime() + waitMs);
	await run.save(
		doc,
		editKey(doc.state, key.selector, (one) => ({
			...one,
			owes: {
				act: "switch",
				id: null,
				askedAt: run.now().toISOString(),
				tries: (one.owes?.tries ?? 0) + (error === null ? 0 : 1),
				notBefore: until.toISOString(),
			},
			reason,
		})),
	);
	run.delay(doc, step, until, reason);
	if (error === null) return;
	doc.error = error;
	await swapFailed(run, doc, key.selector, error);
}
