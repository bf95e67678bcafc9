/** Tells a turn that should have been done a day ago, with what it waits for. */

import { activeKey } from "../rotation/domain-state.ts";
import { missedSlot } from "../rotation/timing.ts";
import { CAUSES } from "./causes.ts";
import { type Groups, policyOfTurn } from "./groups.ts";
import type { Doc, Run } from "./run.ts";

const OVERDUE_MS = 24 * 3_600_000;

/** `docs`: the domain, or the keys of each algorithm that sign its messages. Who turns together is due when the first of them is. */
export async function tellOverdue(run: Run, docs: readonly Doc[], groups: Groups): Promise<void> {
	const [first] = docs;
	if (first === undefined) return;
	const { policy } = first;
	const late = docs.flatMap((doc) => {
		const turn = policyOfTurn(doc.policy, groups.get(doc.policy.domain));
		const due = missedSlot(doc.state, turn, run.now());
		const active = activeKey(doc.state);
		const isLate = due !== null && due.getTime() + OVERDUE_MS <= run.now().getTime();
		const isLeaving = doc.state.wants.remove !== null;
		return isLate && active !== null && !isLeaving ? [{ doc, due, active }] : [];
	});
	const [worst] = late;
	if (worst === undefined) {
		await run.end(CAUSES.overdue(policy.domain), policy.domain);
		return;
	}
	const { doc, due, active } = worst;
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
