/**
 * Tells what should have been done a day ago, with what it waits for: a turn, by its date or since somebody asked for it, and the
 * next key of a domain that nothing signs any more.
 */

import type { InspectAnswer } from "../ports/door.ts";
import { activeKey, type DomainState } from "../rotation/domain-state.ts";
import { isCandidate } from "../rotation/life.ts";
import { missedSlot, soakEnds } from "../rotation/timing.ts";
import { turnAsked } from "../rotation/wishes.ts";
import { CAUSES } from "./causes.ts";
import { type Groups, policyOfTurn } from "./groups.ts";
import { linesInUse } from "./inspection.ts";
import type { Doc, Run } from "./run.ts";

const OVERDUE_MS = 24 * 3_600_000;

interface Late {
	readonly doc: Doc;
	/** From here on a day is allowed. */
	readonly since: Date;
	readonly summary: string;
	readonly hint: string;
}

const HINT = "keyturn status says what it waits for";

/** `docs`: the domain, or the keys of each algorithm that sign its messages. Who turns together is due when the first of them is. */
export async function tellOverdue(run: Run, docs: readonly Doc[], groups: Groups): Promise<void> {
	const [first] = docs;
	if (first === undefined) return;
	const { domain } = first.policy;
	// What it waits for is known once DNS has answered.
	if (run.inquiries.isWaiting(domain)) return;
	const cause = CAUSES.overdue(domain);
	const staying = docs.filter(({ state }) => state.wants.remove === null);
	const unsigned = unsignedOnes(staying, run.memory.inspection?.answer ?? null);
	const late = [...staying.flatMap((doc) => turnsLate(run, doc, groups)), ...(unsigned ?? [])];
	// Once told it lasts until it is done: neither a soak that begins nor an attempt that fails is its end.
	const isTold = late.length > 0 && run.host.troubles.some(({ id }) => id === cause);
	const worst = late.find(({ since }) => isTold || since.getTime() + OVERDUE_MS <= run.now().getTime());
	if (worst === undefined) {
		if (unsigned !== null) await run.end(cause, domain);
		return;
	}
	const { doc, summary, hint } = worst;
	await run.raise({
		cause,
		event: "key_overdue",
		severity: "warning",
		domains: [domain],
		selector: activeKey(doc.state)?.selector ?? null,
		summary: `${domain}: ${summary}`,
		detail: doc.waits.map((wait) => wait.reason).join("\n") || doc.error?.message || null,
		hint,
	});
}

/** A slot that has passed without a new key, and a turn that was asked for, be it to be rid of a compromised key. */
function turnsLate(run: Run, doc: Doc, groups: Groups): readonly Late[] {
	const { policy, state } = doc;
	const active = activeKey(state);
	if (active === null) return [];
	const due = missedSlot(state, policyOfTurn(policy, groups.get(policy.domain)), run.now());
	const asked = turnAsked(state);
	const isCompromised = state.wants.revoke.some(({ selector }) => selector === active.selector);
	const still = `${active.selector}${isCompromised ? ", which is compromised," : ""} still signs`;
	const late = (since: Date, what: string): Late => ({
		doc,
		since,
		summary: `${what}; ${still}`,
		hint: HINT,
	});
	return [
		...(due === null ? [] : [late(due, `a new key was due on ${due.toISOString()}`)]),
		...(asked === null
			? []
			: [
					late(
						latest([Date.parse(asked.askedAt), ...soaked(doc)]),
						`a new key was asked for on ${asked.askedAt}`,
					),
				]),
	];
}

/**
 * Keys of it have signed, none is known to by now, and it stays: what keeps the next one from its place may be told nowhere else.
 * Null where the door has not said what signs.
 */
function unsignedOnes(docs: readonly Doc[], answer: InspectAnswer | null): readonly Late[] | null {
	const [doc] = docs;
	if (doc === undefined || docs.some(({ state }) => activeKey(state) !== null)) return [];
	if (answer === null) return null;
	const ends = docs.flatMap(({ state }) => endsOf(state));
	if (ends.length === 0 || docs.some(({ policy }) => (linesInUse(answer, policy) ?? []).length > 0))
		return [];
	// Who comes back after months has a day from then on.
	const added = docs.flatMap(({ state: { wants } }) =>
		wants.add === null ? [] : [Date.parse(wants.add.askedAt)],
	);
	const summary = `no key is known to have signed for it since ${latest(ends).toISOString()}, and the next one is not in place`;
	const hint = `${HINT}; where nothing is to sign for it any more: keyturn remove ${doc.policy.domain}`;
	return [{ doc, since: latest([...ends, ...added, ...docs.flatMap(soaked)]), summary, hint }];
}

function endsOf({ keys }: DomainState): readonly number[] {
	const ends = keys.flatMap(({ uses }) => uses.map(({ lastAt, lastAtLatest }) => lastAt ?? lastAtLatest));
	return ends.flatMap((end) => (end === null ? [] : [Date.parse(end)]));
}

/** When the next key may sign at the earliest: what resolvers remember is waited for on purpose, for a day and more in some zones. */
function soaked({ policy, state }: Doc): readonly number[] {
	const next = state.keys.findLast((key) => isCandidate(key.state));
	return next === undefined || next.rightSince === null ? [] : [soakEnds(next, state, policy).getTime()];
}

function latest(times: readonly number[]): Date {
	return new Date(Math.max(...times));
}
