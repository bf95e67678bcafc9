/** Brings the record of a retired key back whose lines somebody put into the signer's tables again. */

import { keyOf, moveKey } from "../rotation/domain-state.ts";
import { CAUSES } from "./causes.ts";
import type { Job, Run } from "./run.ts";

export async function revive(run: Run, { doc, step }: Job<"revive">): Promise<void> {
	const key = keyOf(doc.state, step.selector);
	if (key === null) return;
	const { domain } = doc.policy;
	const now = run.now().toISOString();
	await run.raise({
		cause: CAUSES.drift(domain),
		event: "drift_detected",
		severity: "critical",
		domains: [domain],
		selector: key.selector,
		summary: `${domain}: the signer uses ${key.selector} again, whose record was removed on ${key.since}`,
		detail: "its record is published again; until every server has it, mail signed with it does not verify",
		hint: "was an old backup of the signer's tables restored? keyturn rotate --now makes a new key",
	});
	await run.save(
		doc,
		moveKey(doc.state, key.selector, "pending", run.now(), {
			owes: { act: "publish", id: null, askedAt: now, tries: 0, notBefore: null },
			rightSince: null,
			lookingSince: null,
			reason: "found in use again",
		}),
	);
	run.done(doc, step);
}
