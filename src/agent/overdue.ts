/** Tells a turn that should have been done a day ago, by its date or since somebody asked for it, with what it waits for. */

import type { InspectAnswer } from "../ports/door.ts";
import { activeKey, type DomainState } from "../rotation/domain-state.ts";
import { missedSlot } from "../rotation/timing.ts";
import { turnAsked } from "../rotation/wishes.ts";
import { CAUSES } from "./causes.ts";
import { type Groups, policyOfTurn } from "./groups.ts";
import { linesInUse } from "./inspection.ts";
import type { Doc, Run } from "./run.ts";

const OVERDUE_MS = 24 * 3_600_000;

interface Late {
	readonly doc: Doc;
	readonly since: Date;
	readonly summary: string;
}

/** `docs`: the domain, or the keys of each algorithm that sign its messages. Who turns together is due when the first of them is. */
export async function tellOverdue(run: Run, docs: readonly Doc[], groups: Groups): Promise<void> {
	const [first] = docs;
	if (first === undefined) return;
	const { domain } = first.policy;
	// What it waits for is known once DNS has answered.
	if (run.inquiries.isWaiting(domain)) return;
	const staying = docs.filter(({ state }) => state.wants.remove === null);
	const late = [...staying.flatMap((doc) => passed(run, doc, groups)), ...unsigned(run, staying)];
	const worst = late.find(({ since }) => since.getTime() + OVERDUE_MS <= run.now().getTime());
	if (worst === undefined) {
		await run.end(CAUSES.overdue(domain), domain);
		return;
	}
	const { doc, summary } = worst;
	await run.raise({
		cause: CAUSES.overdue(domain),
		event: "key_overdue",
		severity: "warning",
		domains: [domain],
		selector: activeKey(doc.state)?.selector ?? null,
		summary: `${domain}: ${summary}`,
		detail: doc.waits.map((wait) => wait.reason).join("\n") || doc.error?.message || null,
		hint: `keyturn status says what it waits for`,
	});
}

/** A slot that has passed without a new key, and a turn that was asked for, be it to be rid of a compromised key. */
function passed(run: Run, doc: Doc, groups: Groups): readonly Late[] {
	const { policy, state } = doc;
	const active = activeKey(state);
	if (active === null) return [];
	const due = missedSlot(state, policyOfTurn(policy, groups.get(policy.domain)), run.now());
	const asked = turnAsked(state);
	const still = `${active.selector} still signs`;
	const at = due?.toISOString() ?? "";
	return [
		...(due === null ? [] : [{ doc, since: due, summary: `a new key was due on ${at}; ${still}` }]),
		...(asked === null
			? []
			: [
					{
						doc,
						since: new Date(asked.askedAt),
						summary: `a new key was asked for on ${asked.askedAt}; ${still}`,
					},
				]),
	];
}

/** Keys of it have signed, none is known to by now, and it stays: what keeps the next one from its place may be told nowhere else. */
function unsigned(run: Run, docs: readonly Doc[]): readonly Late[] {
	const answer = run.memory.inspection?.answer ?? null;
	const [doc] = docs;
	if (doc === undefined || answer === null || docs.some((one) => signs(one, answer))) return [];
	const ends = docs.flatMap(({ state }) => endsOf(state));
	if (ends.length === 0) return [];
	const since = new Date(Math.max(...ends));
	const summary = `no key is known to have signed for it since ${since.toISOString()}, and the next one is not in place`;
	return [{ doc, since, summary }];
}

function signs({ policy, state }: Doc, answer: InspectAnswer): boolean {
	return activeKey(state) !== null || (linesInUse(answer, policy) ?? []).length > 0;
}

function endsOf({ keys }: DomainState): readonly number[] {
	const ends = keys.flatMap(({ uses }) => uses.map(({ lastAt, lastAtLatest }) => lastAt ?? lastAtLatest));
	return ends.flatMap((end) => (end === null ? [] : [Date.parse(end)]));
}
