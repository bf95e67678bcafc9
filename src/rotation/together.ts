/** Domains that sign with one key turn to the next together: who is on the way to which key, and when one is given up by all. */

import { activeKey, type DomainState, type KeyEntry, keyOf } from "./domain-state.ts";
import { isCandidate, type KeyState } from "./life.ts";
import type { Policy } from "./policy.ts";

export interface Group {
	/** In the order of keyturn.yaml, the domain's own among them. */
	readonly members: readonly DomainState[];
	/** Whether one key signs for all; otherwise each has its own, all under one selector. */
	readonly sharesKey: boolean;
	/** Whether all have one selector; otherwise they are the keys of one domain, of several algorithms. */
	readonly sharesName: boolean;
}

/** `policy` as it turns beside `first`: when, by which name and to which key is what `first` says. */
export function turningAs(policy: Policy, first: Policy): Policy {
	const { schedule, timezone, publishAheadMs, window, selector, host, key, standby, jitterMs, spreadMs } =
		first;
	const turn = {
		schedule,
		timezone,
		publishAheadMs,
		window,
		selector,
		host,
		key,
		standby,
		jitterMs,
		spreadMs,
	};
	return { ...policy, ...turn, pacedAs: first.domain };
}

/** The key that they are on the way to: that of the first who has one. Null if nobody has. */
export function groupCandidate({ members }: Group): KeyEntry | null {
	for (const state of members) {
		const found = state.keys.findLast(
			(key) => isCandidate(key.state) && key.selector !== state.wants.rollback?.selector,
		);
		if (found !== undefined) return found;
	}
	return null;
}

/** Whether two domains' keys are those of one turn. A name of a ring comes again, a due date does not. */
export function isSameTurn(one: KeyEntry, other: KeyEntry, { sharesKey }: Group): boolean {
	const isNamedAlike = one.selector === other.selector && one.dueAt === other.dueAt;
	return isNamedAlike && (!sharesKey || one.publicKey === other.publicKey);
}

/** Why a domain's next key can no more become that of all; null if it can. */
export function whyApart(candidate: KeyEntry, state: DomainState, group: Group): string | null {
	if (!group.sharesName) return null;
	const without = group.members.find(
		(mate) => mate.domain !== state.domain && hasGivenUp(mate, candidate, group),
	);
	if (without !== undefined)
		return `${without.domain}, which turns together with ${state.domain}, has given it up`;
	const common = groupCandidate(group);
	if (common === null || isSameTurn(common, candidate, group)) return null;
	return `what signs for ${group.members.map(({ domain }) => domain).join(", ")} turns to ${common.selector}`;
}

/** Whether a domain has had this key and will not sign with it. */
export function hasGivenUp(state: DomainState, candidate: KeyEntry, group: Group): boolean {
	const own = keyOf(state, candidate.selector);
	return own !== null && isGone(own.state) && isSameTurn(own, candidate, group);
}

/** Whether this domain turns to its next key because the others do. */
export function isToJoin(state: DomainState, common: KeyEntry, group: Group): boolean {
	// Of a switch whose end is known for this domain and not for the other yet.
	if (group.sharesName) return keyOf(state, common.selector)?.state !== "active";
	const mate = group.members.find((one) => one !== state && keyOf(one, common.selector) !== null);
	if (mate !== undefined && isBeside(mate, state)) return false;
	const active = activeKey(state);
	return active === null || active.dueAt < common.dueAt;
}

/** Of two algorithms of a domain: whether one gets its first key beside one that signs already. Each then goes when it is ready. */
export function isBeside(one: DomainState, other: DomainState): boolean {
	return (activeKey(one) === null) !== (activeKey(other) === null);
}

function isGone(state: KeyState): boolean {
	return state === "retiring" || state === "retired" || state === "revoked";
}
