/** What keys need that sign no more, and the daily look at those that do. */

import { type DomainState, type KeyEntry, keyOf, type RevokeWanted } from "./domain-state.ts";
import { isCandidate } from "./life.ts";
import type { Policy } from "./policy.ts";
import { type Delay, type Facts, isUnderWay, type Step, type Wanted } from "./step.ts";
import { doubtMs, graceEnds } from "./timing.ts";
import { isSuperseded } from "./wishes.ts";

/** Not while a switch to it is under way: going back to `published` would forget the switch. */
export function watching({ state, now }: Facts): readonly Wanted[] {
	return state.keys
		.filter(
			(key) =>
				key.state === "active" || (key.state === "verified" && !isUnderWay(key)) || isEmptyForThief(key, now),
		)
		.map((key) => ({ kind: "watch", selector: key.selector }));
}

/** The reason of a revoked key that was not merely kept empty after its grace (`retire.tombstone`). */
export const COMPROMISED = "compromised";

/** As long as its record is to stand empty: a thief counts on every server that has not heard of it. */
function isEmptyForThief({ state, reason, owes }: KeyEntry, now: Date): boolean {
	return state === "revoked" && reason === COMPROMISED && new Date(owes?.notBefore ?? 0) > now;
}

/** Who is compromised is turned first (`turn`), then its record is emptied at once: grace would let forged mail pass. */
export function revocation(facts: Facts): readonly Wanted[] {
	const { state } = facts;
	return state.wants.revoke.flatMap((wish): readonly Wanted[] => {
		const { selector } = wish;
		const key = keyOf(state, selector);
		// Once that is done nothing says any more which keys may not follow.
		if (key?.state === "retiring") return [...distrusted(wish, facts), { kind: "revoke", selector }];
		if (key === null || !isCandidate(key.state) || isUnderWay(key)) return [];
		return [{ kind: "giveUp", selector, reason: "it is compromised" }];
	});
}

/** A key that is taken out (`revoke --unsigned`) is gone before there is a turn: what may have been read with it goes first. */
function distrusted(
	{ selector: compromised, distrusts }: RevokeWanted,
	{ state: { keys, wants }, seen }: Facts,
): readonly Wanted[] {
	return keys
		.filter((key) => distrusts.includes(key.selector) && isCandidate(key.state) && !isUnderWay(key))
		.filter(({ selector }) => selector !== wants.rollback?.selector)
		.filter(({ selector }) => seen.inUse?.some((line) => line.selector === selector) !== true)
		.map(({ selector }) => ({ kind: "giveUp", selector, reason: whyDistrusted(compromised) }));
}

export function whyDistrusted(compromised: string): string {
	return `it was made before ${compromised} was known to be compromised`;
}

/** Old records, once no mail under way needs them, and those that were kept empty. */
export function retirement(facts: Facts): readonly Wanted[] {
	const { keys, wants } = facts.state;
	return keys
		.filter(({ selector }) => isSuperseded(wants) || selector !== wants.rollback?.selector)
		.flatMap((key): readonly Wanted[] => {
			if (key.state === "retiring") return [retiring(key, facts)];
			return key.state === "revoked" ? [unlessFrozen({ kind: "retire", selector: key.selector }, facts)] : [];
		});
}

function retiring(key: KeyEntry, facts: Facts): Wanted {
	const { state, policy, now } = facts;
	const { selector } = key;
	const isAsked = state.wants.retire.some((wish) => wish.selector === selector);
	if (staysForGood(key, state, policy))
		return {
			selector,
			until: null,
			reason: `its record stays: keyturn did not make it (retire.adopted is off)${inRing(selector, policy)}`,
		};
	const ends = graceEnds(key, isAsked ? { ...policy, jitterMs: 0 } : policy, now);
	if (ends === null)
		return { selector, until: lastUseKnown(key), reason: "its last use is not confirmed yet" };
	const frozen = freezeOf(facts);
	if (ends > now && (frozen === null || ends >= frozen.until))
		return { selector, until: ends, reason: "mail signed with it may still be under way (grace)" };
	const kind = policy.retire.tombstoneMs > 0 && key.uses.length > 0 && !isAsked ? "revoke" : "retire";
	return unlessFrozen({ kind, selector }, facts);
}

/** A ring stops where too few of its names become free again. */
function inRing(selector: string, { selector: pattern }: Policy): string {
	const isNamed = pattern.kind === "ring" && pattern.names.includes(selector);
	return isNamed ? "; so does its name in the ring, until keyturn retire" : "";
}

/** Whether the record of a key that signs no more is never removed by itself: keyturn did not make it. */
export function staysForGood(
	{ origin, selector }: KeyEntry,
	{ wants }: DomainState,
	{ retire }: Policy,
): boolean {
	return origin === "adopted" && !retire.adopted && !wants.retire.some((wish) => wish.selector === selector);
}

function unlessFrozen(step: Step & { readonly selector: string }, facts: Facts): Wanted {
	const frozen = freezeOf(facts);
	return frozen !== null && frozen.until > facts.now ? { selector: step.selector, ...frozen } : step;
}

/** What the removals of a domain wait for after a jump of the clock; null where there was none. */
function freezeOf({ seen: { steadySince }, policy }: Facts): Delay | null {
	if (steadySince === null) return null;
	return {
		until: removalsFrom(steadySince, policy),
		reason: `the clock jumped before ${steadySince.toISOString()}; grace counts from then on`,
	};
}

/** When something of the domain may be removed again after a jump of the clock. */
export function removalsFrom(steadySince: Date, policy: Policy): Date {
	return new Date(steadySince.getTime() + doubtMs(policy));
}

/** From when on nothing of the domain counts from a jump of the clock any more. */
export function doubtEnds(steadySince: Date, policy: Policy): Date {
	const { retire, record } = policy;
	const removals = removalsFrom(steadySince, policy);
	if (retire.publishPrivate === null) return removals;
	const disclosures = new Date(steadySince.getTime() + record.ttlSeconds * 1000 + DISCLOSED_AFTER_MS);
	return disclosures > removals ? disclosures : removals;
}

function lastUseKnown(key: KeyEntry): Date | null {
	const open = key.uses.flatMap((use) =>
		use.lastAt === null && use.lastAtLatest !== null ? [use.lastAtLatest] : [],
	);
	return open.length === 0 ? null : new Date(Math.max(...open.map((at) => Date.parse(at))));
}

/** RULES.md "Grace and the queue": what resolvers and mail on its way remember has to be over by far. */
const DISCLOSED_AFTER_MS = 7 * 24 * 3_600_000;

/** Private halves that are to be known to everybody once nobody verifies with the key any more. */
export function disclosing(facts: Facts): readonly Wanted[] {
	const steadyMs = facts.seen.steadySince?.getTime() ?? 0;
	return facts.state.keys
		.filter((key) => isToBeDisclosed(key, facts.policy))
		.map(({ selector, since, record }) => {
			const goneMs = Math.max(Date.parse(since), steadyMs);
			const until = new Date(goneMs + record.ttlSeconds * 1000 + DISCLOSED_AFTER_MS);
			if (until <= facts.now) return unlessFrozen({ kind: "disclose", selector }, facts);
			return { selector, until, reason: "its private half is published then (retire.publish_private)" };
		});
}

/**
 * Whether its private half is yet to be published: one that we made for this domain alone and that signed, whose file is not
 * dropped yet.
 */
export function isToBeDisclosed(key: KeyEntry, { retire }: Policy): boolean {
	const isOwn = key.origin === "made" && key.sharedWith === undefined;
	const wasUsed = key.state === "retired" && isOwn && key.uses.length > 0;
	return (
		retire.publishPrivate !== null && wasUsed && key.owes?.act === "drop" && key.disclosedAt === undefined
	);
}

/** The files of keys that were retired long ago. */
export function dropping(facts: Facts): readonly Wanted[] {
	return facts.state.keys
		.filter((key) => key.state === "retired" && key.owes?.act === "drop")
		.filter((key) => !isToBeDisclosed(key, facts.policy))
		.map(({ selector }) => unlessFrozen({ kind: "drop", selector }, facts));
}
