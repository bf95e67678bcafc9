/** Tells a turn that should have been done a day ago, with what it waits for. */

import { activeKey } from "../rotation/domain-state.ts";
import { missedSlot } from "../rotation/timing.ts";
import { CAUSES } from "./causes.ts";
import type { Doc, Run } from "./run.ts";

const OVERDUE_MS = 24 * 3_600_000;

export async function tellOverdue(run: Run, doc: Doc): Promise<void> {
	const { policy, state } = doc;
	const due = missedSlot(state, policy, run.now());
	const active = activeKey(state);
	if (active === null || due === null || due.getTime() + OVERDUE_MS > run.now().getTime()) {
		await run.end(CAUSES.overdue(policy.domain), policy.domain);
		return;
	}
	await run.raise({
		cause: CAUSES.overdue(policy.domain),
		event: "key_overdue",
		severity: "warning",
		domains: [policy.domain],
		selector: active.selector,
		summary: `${policy.domain}: a new key was due on ${due.toISOString()}; ${active.selector} still signs`,
		detail: doc.waits.map((wait) => wait.reason).join("\n") || doc.error?.message || null,
		hint: `keyturn status says what it waits for`,
	});
}
