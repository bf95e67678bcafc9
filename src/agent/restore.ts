/** Goes back to a key that signed before: whatever is known of its record is old, so every server is asked again first. */

import { editKey, type KeyEntry, keyOf, moveKey } from "../rotation/domain-state.ts";
import { withoutRollback } from "../rotation/wishes.ts";
import type { LookReport } from "../ports/propagation.ts";
import { KeyturnError } from "../errors.ts";
import { seen } from "./look.ts";
import type { Doc, Job, Run } from "./run.ts";
import { swapFailed } from "./swap-failed.ts";
import { sentences } from "./unverified.ts";

/** `mates`: who would have to go back together with it, and does not either where it cannot. */
export async function restore(run: Run, { doc, step }: Job<"restore">, mates: readonly Doc[]): Promise<void> {
	const key = keyOf(doc.state, step.selector);
	// A mate that could not go back may have given the wish up since this step was planned.
	if (key === null || doc.state.wants.rollback?.selector !== key.selector) return;
	const report = seen(run, doc.policy, key, true);
	if (report === null) return;
	switch (report.verdict) {
		case "right":
			await run.save(
				doc,
				moveKey(doc.state, key.selector, "verified", new Date(report.at), {
					rightSince: report.at,
					reason: "it is gone back to",
				}),
			);
			run.done(doc, step);
			return;
		case "unknown":
			run.delay(doc, step, run.backoff(run.tries(doc, step)), report.summary);
			return;
		case "wrong":
		case "absent":
			// A signature that nobody can verify is worse than the key in use.
			await giveUpWayBack(run, doc, key.selector, { mates, error: unverifiable(doc, key, report) });
			run.done(doc, step);
	}
}

/** Something else was asked for while a switch back was under way, which was not done: the key is kept for mail under way. */
export async function stay(run: Run, { doc, step }: Job<"giveUp">): Promise<void> {
	await run.save(doc, withoutRollback(doc.state, run.now(), step.reason));
	run.done(doc, step);
}

function unverifiable({ policy }: Doc, { selector }: KeyEntry, report: LookReport): KeyturnError {
	return new KeyturnError(
		"dns.failed",
		`${policy.domain}: ${selector} is not gone back to, since its record does not verify: ${report.summary}`,
		{ hint: sentences(report) },
	);
}

/** The wish to go back to a key is given up, which is told, and that of those who would have to go back with it. */
export async function giveUpWayBack(
	run: Run,
	doc: Doc,
	selector: string,
	{ mates, error }: { readonly mates: readonly Doc[]; readonly error: KeyturnError },
): Promise<void> {
	for (const mate of mates)
		await run.save(
			mate,
			withoutRollback(mate.state, run.now(), `${doc.policy.domain} cannot go back: ${error.message}`),
		);
	await swapFailed(run, doc, selector, error);
	const state = withoutRollback(doc.state, run.now(), error.message);
	await run.save(
		doc,
		editKey(state, selector, (one) => ({ ...one, reason: error.message })),
	);
	doc.error = error;
}
