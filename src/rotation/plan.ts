/** Decides the one next step a domain's keys need, from their state, what was seen, and the time; does nothing itself. */

import { activeKey, type DomainState, type KeyEntry, keyOf, type Owed } from "./domain-state.ts";
import { isCandidate } from "./life.ts";
import type { KeySpec } from "../dkim/key-material.ts";
import { isRevokedRecord } from "../dkim/key-record.ts";
import type { Policy } from "./policy.ts";
import { graceEnds, nextDue, publishAt } from "./timing.ts";
import { nextOpening, openSince } from "./window.ts";

/** A line of the signer's live configuration for this domain. */
export interface LineInUse {
	readonly selector: string;
	/** Base64 of the SPKI DER; null if the key file is unreadable. */
	readonly publicKey: string | null;
	readonly problem: string | null;
}

export interface Delay {
	readonly until: Date;
	readonly reason: string;
}

/** What this run observed. */
export interface Seen {
	/** What the live configuration signs with; null if nobody could look. */
	readonly inUse: readonly LineInUse[] | null;
	/** Why nobody could, where that is known. */
	readonly unread?: string | null;
	/** Why the signer has no place for a first key of the domain; null if it has one. */
	readonly firstKeyFault: string | null;
	/** When services were last stopped for a switch. */
	readonly lastPauseAt: Date | null;
	/** Steps not worth trying before a moment, by `delayKey`. */
	readonly delays: ReadonlyMap<string, Delay>;
	/** Nothing is removed before this moment: the clock is not to be trusted. */
	readonly freeze: Delay | null;
}

export type Step =
	/** A switch asked for earlier, whose end is not known. */
	| { readonly kind: "settle"; readonly selector: string }
	/** Keys in use that keyturn did not make. */
	| { readonly kind: "adopt"; readonly selectors: readonly string[] }
	/** A verified key that the live configuration names already. */
	| { readonly kind: "takeOver"; readonly selector: string }
	/** A retired key that the live configuration names again, as after a restored backup: its record has to come back. */
	| { readonly kind: "revive"; readonly selector: string }
	| { readonly kind: "make"; readonly selector: null; readonly dueAt: Date }
	| { readonly kind: "giveUp"; readonly selector: string; readonly reason: string }
	| { readonly kind: "publish"; readonly selector: string }
	| { readonly kind: "look"; readonly selector: string }
	/** `from` null: the first key of a domain that nothing signs for. */
	| { readonly kind: "switch"; readonly selector: string; readonly from: string | null }
	/** A key that signed before and is gone back to: its record is looked at again first. */
	| { readonly kind: "restore"; readonly selector: string }
	/** Its record becomes one with an empty `p=` (RFC 6376 section 3.6.1): nothing signed with it verifies any more. */
	| { readonly kind: "revoke"; readonly selector: string }
	/** Its lines go from the signer's tables, and nothing takes its place. */
	| { readonly kind: "takeOut"; readonly selector: string }
	/** The daily look at a key in use, and at one that waits for its date. */
	| { readonly kind: "watch"; readonly selector: string }
	| { readonly kind: "retire"; readonly selector: string }
	/** The key files of a key retired long ago. */
	| { readonly kind: "drop"; readonly selector: string };

export type StepKind = Step["kind"];

/** `until` null: until somebody does something. */
export interface Wait {
	readonly selector: string | null;
	readonly until: Date | null;
	readonly reason: string;
}

export type Plan =
	| { readonly kind: "step"; readonly step: Step }
	| { readonly kind: "wait"; readonly waits: readonly Wait[]; readonly until: Date | null };

const DAY_MS = 86_400_000;

export function plan(state: DomainState, seen: Seen, policy: Policy, now: Date): Plan {
	const facts: Facts = { state, seen, policy, now };
	const waits: Wait[] = [];
	for (const concern of [settling, inUse, takingOut, revocation, turn, watching, retirement, dropping])
		for (const wanted of concern(facts)) {
			const outcome = isWait(wanted) ? wanted : (delayed(wanted, facts) ?? wanted);
			if (!isWait(outcome)) return { kind: "step", step: outcome };
			waits.push(outcome);
		}
	const untils = waits.flatMap((wait) => (wait.until === null ? [] : [wait.until.getTime()]));
	return { kind: "wait", waits, until: untils.length === 0 ? null : new Date(Math.min(...untils)) };
}

/** The key of a step in `Seen.delays`. */
export function delayKey(kind: StepKind, selector: string | null): string {
	return `${kind} ${selector ?? ""}`;
}

interface Facts {
	readonly state: DomainState;
	readonly seen: Seen;
	readonly policy: Policy;
	readonly now: Date;
}

type Wanted = Step | Wait;

function isWait(wanted: Wanted): wanted is Wait {
	return "until" in wanted;
}

/** What has to pass before this very step, whatever it is. */
function delayed(step: Step, { state, seen, now }: Facts): Wait | null {
	const selector = step.kind === "adopt" ? null : step.selector;
	const delay = seen.delays.get(delayKey(step.kind, selector));
	if (delay !== undefined && delay.until > now) return { selector, ...delay };
	const key = selector === null ? null : keyOf(state, selector);
	const owes = key?.owes ?? null;
	if (key === null || owes?.notBefore == null || (owes.act !== step.kind && !isTombstoneOf(owes, step)))
		return null;
	// What a clock that was ahead has put off would wait as long as it was ahead; only removal may wait too long.
	if (!REMOVALS.has(owes.act) && new Date(owes.askedAt) > now) return null;
	if (new Date(owes.notBefore) > now)
		return { selector, until: new Date(owes.notBefore), reason: whyNotBefore(owes, key) };
	return null;
}

/** What holds a record back holds it back from being emptied too, but for a compromised key, which owes nothing. */
function isTombstoneOf({ act }: Owed, { kind }: Step): boolean {
	return act === "retire" && kind === "revoke";
}

const REMOVALS: ReadonlySet<Owed["act"]> = new Set(["retire", "drop"]);

function whyNotBefore({ act, tries }: Owed, { state, reason }: KeyEntry): string {
	if (tries > 0) return `${act} failed ${tries} ${tries === 1 ? "time" : "times"}; next attempt`;
	if (act === "drop") return "its key file is kept that long, in case a restored backup names the key";
	if (act === "retire" && state === "revoked")
		return "its empty record stands that long: the key is revoked for everybody who looks";
	return reason ?? `${act} was put off`;
}

function settling({ state }: Facts): readonly Wanted[] {
	return state.keys.filter(isUnderWay).map((key) => ({ kind: "settle", selector: key.selector }));
}

function isUnderWay({ owes }: KeyEntry): boolean {
	return (owes?.act === "switch" || owes?.act === "takeOut") && owes.id !== null;
}

function inUse({ state, seen }: Facts): readonly Wanted[] {
	const lines = (seen.inUse ?? []).filter((line) => line.problem === null && line.publicKey !== null);
	const wanted: Wanted[] = [];
	const unknown = lines.filter((line) => keyOf(state, line.selector) === null);
	if (unknown.length > 0 && isReplaced(state, seen.inUse ?? []))
		wanted.push({ kind: "adopt", selectors: unknown.map((line) => line.selector) });
	for (const line of lines) {
		const key = keyOf(state, line.selector);
		if (key !== null && key.publicKey === line.publicKey && !isUnderWay(key)) wanted.push(...lacking(key));
	}
	return wanted;
}

/** What a key that signs already still needs, whoever put it into the tables. */
function lacking({ selector, state, record }: KeyEntry): readonly Step[] {
	switch (state) {
		case "pending":
			return [{ kind: "publish", selector }];
		case "published":
			return [{ kind: "look", selector }];
		case "verified":
			return [{ kind: "takeOver", selector }];
		case "retired":
			return isRevokedRecord(record.value) ? [] : [{ kind: "revive", selector }];
		default:
			return [];
	}
}

/**
 * Nothing is known to sign, or the tables were changed by other hands: the state is older than they, or an administrator did.
 * Lines that were foreign while a key of ours signed stay foreign once the domain is leaving.
 */
function isReplaced(state: DomainState, lines: readonly LineInUse[]): boolean {
	if (state.wants.remove !== null && state.keys.length > 0) return false;
	const active = activeKey(state);
	if (active === null) return true;
	// How a switch under way ended is found out first.
	return !state.keys.some(isUnderWay) && !lines.some((line) => keyOf(state, line.selector) !== null);
}

/** Who is compromised is turned first (`turn`), then its record is emptied at once: grace would let forged mail pass. */
function revocation({ state }: Facts): readonly Wanted[] {
	return state.wants.revoke.flatMap(({ selector }): readonly Wanted[] => {
		const key = keyOf(state, selector);
		if (key?.state === "retiring") return [{ kind: "revoke", selector }];
		if (key === null || !isCandidate(key.state) || isUnderWay(key)) return [];
		return [{ kind: "giveUp", selector, reason: "it is compromised" }];
	});
}

/** Back to the key before, verified again first; null where nobody asked for it. */
function goingBack({ state, seen }: Facts): readonly Wanted[] | null {
	const { rollback } = state.wants;
	const key = rollback === null ? null : keyOf(state, rollback.selector);
	if (key === null) return null;
	if (state.keys.some(isUnderWay)) return [];
	const { selector } = key;
	switch (key.state) {
		case "retiring":
			return [{ kind: "restore", selector }];
		case "pending":
			return [{ kind: "publish", selector }];
		case "published":
			return [{ kind: "look", selector }];
		case "verified": {
			const active = activeKey(state);
			if (active !== null && seen.inUse !== null)
				return [{ kind: "switch", selector, from: active.selector }];
			return [{ selector, until: null, reason: whyUnseen(seen) ?? "no key is known to be in use" }];
		}
		default:
			return null;
	}
}

/** A key that is to sign no more goes from the tables before anything else happens to it. */
function takingOut({ state }: Facts): readonly Wanted[] {
	const { remove, revoke } = state.wants;
	const goes = ({ selector }: KeyEntry): boolean =>
		remove !== null || revoke.some((wish) => wish.unsigned && wish.selector === selector);
	return state.keys
		.filter((key) => key.state === "active" && !isUnderWay(key) && goes(key))
		.map(({ selector }) => ({ kind: "takeOut", selector }));
}

/** What was made ahead for a domain that is leaving is given up. */
function leaving({ state, policy }: Facts): readonly Wanted[] {
	const ahead = state.keys.filter((key) => isCandidate(key.state));
	if (ahead.length > 0)
		return ahead
			.filter((key) => !isUnderWay(key))
			.map(({ selector }) => ({ kind: "giveUp", selector, reason: "its domain is leaving" }));
	if (activeKey(state) !== null) return [];
	const reason = state.keys.every((key) => !goesYet(key, state, policy))
		? `${policy.domain} has left: its entry in keyturn.yaml can be deleted`
		: `${policy.domain} is leaving: it gets no new key; its entry in keyturn.yaml stays until its records are gone`;
	return [{ selector: null, until: null, reason }];
}

/** Whether the record of a key that signs no more stands and will be removed. */
function goesYet(key: KeyEntry, state: DomainState, policy: Policy): boolean {
	return key.state === "revoked" || (key.state === "retiring" && !staysForGood(key, state, policy));
}

/** The one turn under way or next. */
function turn(facts: Facts): readonly Wanted[] {
	if (facts.state.wants.remove !== null) return leaving(facts);
	const back = goingBack(facts);
	if (back !== null) return back;
	if (isTakenUp(facts)) return [];
	const candidate = candidateOf(facts);
	if (candidate === null) return [nextTurn(facts)];
	// A second switch beside one whose end is not known would forget how that one ended.
	if (isUnderWay(candidate)) return [];
	if (!fits(candidate, facts.policy.key))
		return [
			{
				kind: "giveUp",
				selector: candidate.selector,
				reason: `the configuration now asks for ${describe(facts.policy.key)}`,
			},
		];
	const distrusted = facts.state.wants.revoke.find(({ distrusts }) => distrusts.includes(candidate.selector));
	if (distrusted !== undefined)
		return [
			{
				kind: "giveUp",
				selector: candidate.selector,
				reason: `it was made before ${distrusted.selector} was known to be compromised`,
			},
		];
	switch (candidate.state) {
		case "pending":
			return [{ kind: "publish", selector: candidate.selector }];
		case "published":
			return [{ kind: "look", selector: candidate.selector }];
		default:
			return [switching(candidate, facts)];
	}
}

function nextTurn({ state, policy, now, seen }: Facts): Wanted {
	if (activeKey(state) === null) {
		const why = whyNoFirstKey(seen, policy.domain);
		return why === null
			? { kind: "make", selector: null, dueAt: now }
			: { selector: null, until: null, reason: why };
	}
	if (state.wants.rotate !== null)
		return { kind: "make", selector: null, dueAt: new Date(state.wants.rotate.askedAt) };
	const dueAt = nextDue(state, policy, now);
	if (dueAt === null) return { selector: null, until: null, reason: "the schedule never fires" };
	const start = policy.standby ? now : publishAt(dueAt, policy);
	if (start <= now) return { kind: "make", selector: null, dueAt };
	return { selector: null, until: start, reason: `the next key, due ${dueAt.toISOString()}, is made` };
}

/** A domain that is configured and that nothing signs for gets a first key at once; whose lines sign already is not touched. */
function whyNoFirstKey(seen: Seen, domain: string): string | null {
	const { inUse, firstKeyFault } = seen;
	const [line] = inUse ?? [];
	if (line !== undefined)
		return `${line.selector} signs for ${domain}, which keyturn cannot turn: ${line.problem ?? whyNotAdopted(line)}`;
	if (firstKeyFault !== null) return `no first key for ${domain}: ${firstKeyFault}`;
	return whyUnseen(seen);
}

function whyUnseen({ inUse, unread = null }: Pick<Seen, "inUse" | "unread">): string | null {
	if (inUse !== null) return null;
	return `the signer's configuration could not be read${unread === null ? "" : `: ${unread}`}`;
}

function whyNotAdopted({ publicKey }: LineInUse): string {
	return publicKey === null ? "its key file cannot be read" : "it was given up before";
}

/** A verified key waits for its slot, the window, and the one pause a night. */
function switching(candidate: KeyEntry, { state, seen, policy, now }: Facts): Wanted {
	const { selector } = candidate;
	const active = activeKey(state);
	const why = active === null ? whyNoFirstKey(seen, policy.domain) : whyUnseen(seen);
	if (why !== null) return { selector, until: null, reason: why };
	const step: Step = { kind: "switch", selector, from: active?.selector ?? null };
	if (state.wants.rotate !== null || (active === null && state.wants.add !== null)) return step;
	// A key made while the clock was ahead must not keep its domain waiting for a slot months away.
	const coming = nextDue(state, policy, now);
	const dueAt = isFirstKeyTooLate(candidate, active) ? coming : earlier(new Date(candidate.dueAt), coming);
	if (dueAt !== null && dueAt > now)
		return { selector, until: dueAt, reason: "verified ahead; it signs from its due date" };
	const opened = policy.window === null ? null : openSince(policy.window, policy.timezone, now);
	if (policy.window !== null && opened === null)
		return {
			selector,
			until: nextOpening(policy.window, policy.timezone, now),
			reason: "the window in which services may be touched opens",
		};
	// One in the future is of a clock that was ahead.
	const pause =
		policy.swap === "restart" && seen.lastPauseAt !== null && seen.lastPauseAt <= now
			? seen.lastPauseAt
			: null;
	if (pause !== null && policy.window === null && pause.getTime() + DAY_MS > now.getTime())
		return {
			selector,
			until: new Date(pause.getTime() + DAY_MS),
			reason: "services were stopped within the last 24 h; one pause a night",
		};
	if (pause !== null && policy.window !== null && opened !== null && pause >= opened)
		return {
			selector,
			until: nextOpening(policy.window, policy.timezone, now),
			reason: "services were stopped in this window already; one pause a night",
		};
	return step;
}

/** Somebody else's key was found signing before the one that was to be the first: that one is for the next turn. */
function isFirstKeyTooLate(candidate: KeyEntry, active: KeyEntry | null): boolean {
	return active?.origin === "adopted" && active.dueAt > candidate.dueAt;
}

function earlier(one: Date, other: Date | null): Date {
	return other !== null && other < one ? other : one;
}

/** Not while a switch to it is under way: going back to `published` would forget the switch. */
function watching({ state }: Facts): readonly Wanted[] {
	return state.keys
		.filter((key) => key.state === "active" || (key.state === "verified" && !isUnderWay(key)))
		.map((key) => ({ kind: "watch", selector: key.selector }));
}

function retirement(facts: Facts): readonly Wanted[] {
	const { keys, wants } = facts.state;
	return keys
		.filter(({ selector }) => selector !== wants.rollback?.selector)
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
			reason: "its record stays: keyturn did not make it (retire.adopted is off)",
		};
	const ends = graceEnds(key, isAsked ? { ...policy, jitterMs: 0 } : policy, now);
	if (ends === null)
		return { selector, until: lastUseKnown(key), reason: "its last use is not confirmed yet" };
	if (ends > now)
		return { selector, until: ends, reason: "mail signed with it may still be under way (grace)" };
	const kind = policy.retire.tombstoneMs > 0 && key.uses.length > 0 && !isAsked ? "revoke" : "retire";
	return unlessFrozen({ kind, selector }, facts);
}

function staysForGood({ origin, selector }: KeyEntry, { wants }: DomainState, { retire }: Policy): boolean {
	return origin === "adopted" && !retire.adopted && !wants.retire.some((wish) => wish.selector === selector);
}

function unlessFrozen(step: Step & { readonly selector: string }, { seen, now }: Facts): Wanted {
	return seen.freeze !== null && seen.freeze.until > now ? { selector: step.selector, ...seen.freeze } : step;
}

function lastUseKnown(key: KeyEntry): Date | null {
	const open = key.uses.flatMap((use) =>
		use.lastAt === null && use.lastAtLatest !== null ? [use.lastAtLatest] : [],
	);
	return open.length === 0 ? null : new Date(Math.max(...open.map((at) => Date.parse(at))));
}

function dropping(facts: Facts): readonly Wanted[] {
	return facts.state.keys
		.filter((key) => key.state === "retired" && key.owes?.act === "drop")
		.map(({ selector }) => unlessFrozen({ kind: "drop", selector }, facts));
}

function candidateOf({ state }: Facts): KeyEntry | null {
	return state.keys.findLast((key) => isCandidate(key.state)) ?? null;
}

/** A key that the tables name already and that only waits for its record: the turn is to it, and there is one at a time. */
function isTakenUp({ state, seen }: Facts): boolean {
	const signs = (key: KeyEntry): boolean =>
		seen.inUse?.some((line) => line.selector === key.selector && line.publicKey === key.publicKey) === true;
	return state.keys.some((key) => isCandidate(key.state) && signs(key));
}

function fits(key: KeyEntry, spec: KeySpec): boolean {
	return key.algorithm === spec.algorithm && (spec.algorithm === "ed25519" || key.bits === spec.bits);
}

function describe(spec: KeySpec): string {
	return spec.algorithm === "rsa" ? `RSA with ${spec.bits} bits` : "Ed25519";
}
