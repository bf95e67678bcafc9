/** The one turn under way or next: to a new key, back to the one before, or to none. */

import type { KeySpec } from "../dkim/key-material.ts";
import { activeKey, type DomainState, type KeyEntry, keyOf } from "./domain-state.ts";
import { isCandidate } from "./life.ts";
import type { Policy } from "./policy.ts";
import { staysForGood, whyDistrusted } from "./retiring.ts";
import { takenFrom } from "./signing.ts";
import { type Facts, isUnderWay, type LineInUse, type Seen, type Step, type Wanted } from "./step.ts";
import { type Group, groupCandidate, hasGivenUp, isToJoin, whyApart } from "./together.ts";
import { nextDue, publishAt, standbyAt } from "./timing.ts";
import { isSuperseded, turnAsked } from "./wishes.ts";
import { nextOpening, openSince } from "./window.ts";

const DAY_MS = 86_400_000;

/** The one turn under way or next. */
export function turn(facts: Facts): readonly Wanted[] {
	if (facts.state.wants.remove !== null) return leaving(facts);
	const back = goingBack(facts);
	if (back !== null) return back;
	if (isTakenUp(facts)) return [];
	const candidate = candidateOf(facts);
	if (candidate === null) return [nextTurn(facts)];
	// A second switch beside one whose end is not known would forget how that one ended.
	if (isUnderWay(candidate)) return [];
	const bygone = whyBygone(candidate, facts);
	if (bygone !== null) return [{ kind: "giveUp", selector: candidate.selector, reason: bygone }];
	if (!fits(candidate, facts.policy.key))
		return [
			{
				kind: "giveUp",
				selector: candidate.selector,
				reason: `the configuration now asks for ${describe(facts.policy.key)}`,
			},
		];
	const apart = facts.seen.group === undefined ? null : whyApart(candidate, facts.state, facts.seen.group);
	if (apart !== null) return [{ kind: "giveUp", selector: candidate.selector, reason: apart }];
	const distrusted = facts.state.wants.revoke.find(({ distrusts }) => distrusts.includes(candidate.selector));
	if (distrusted !== undefined)
		return [
			{
				kind: "giveUp",
				selector: candidate.selector,
				reason: whyDistrusted(distrusted.selector),
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

/** Back to the key before, verified again first; null where nobody asked for it. */
function goingBack({ state, seen, policy }: Facts): readonly Wanted[] | null {
	const { rollback } = state.wants;
	const key = rollback === null ? null : keyOf(state, rollback.selector);
	if (key === null) return null;
	if (state.keys.some(isUnderWay)) return [];
	const { selector } = key;
	if (isSuperseded(state.wants))
		return isCandidate(key.state) ? [{ kind: "giveUp", selector, reason: "a new key was asked for" }] : null;
	switch (key.state) {
		case "retiring":
			return [{ kind: "restore", selector }];
		case "pending":
			return [{ kind: "publish", selector }];
		case "published":
			return [{ kind: "look", selector }];
		case "verified": {
			// Where nothing signs any more it comes back as a first key does.
			const from = takenFrom({ state, seen });
			const why = from === null ? whyNoFirstKey(seen, policy.domain) : whyUnseen(seen);
			return [why === null ? { kind: "switch", selector, from } : { selector, until: null, reason: why }];
		}
		default:
			return null;
	}
}

/** What was made ahead for a domain that is leaving is given up. */
function leaving({ state, policy, seen }: Facts): readonly Wanted[] {
	const ahead = state.keys.filter((key) => isCandidate(key.state));
	if (ahead.length > 0)
		return ahead
			.filter((key) => !isUnderWay(key))
			.map(({ selector }) => ({ kind: "giveUp", selector, reason: "its domain is leaving" }));
	if (activeKey(state) !== null) return [];
	// Of its other algorithms a record may go yet.
	const own = seen.group?.sharesName === false ? seen.group.members : [state];
	const reason = own.every((one) => one.keys.every((key) => !goesYet(key, one, policy)))
		? `${policy.domain} has left: its entry in keyturn.yaml can be deleted`
		: `${policy.domain} is leaving: it gets no new key; its entry in keyturn.yaml stays until its records are gone`;
	return [{ selector: null, until: null, reason }];
}

/** Whether the record of a key that signs no more stands and will be removed. */
function goesYet(key: KeyEntry, state: DomainState, policy: Policy): boolean {
	return key.state === "revoked" || (key.state === "retiring" && !staysForGood(key, state, policy));
}

function nextTurn({ state, policy, now, seen }: Facts): Wanted {
	if (activeKey(state) === null && takenFrom({ state, seen }) === null) {
		const why = whyNoFirstKey(seen, policy.domain);
		return why === null
			? { kind: "make", selector: null, dueAt: now }
			: { selector: null, until: null, reason: why };
	}
	const held = whyLineHeld(activeKey(state), seen);
	if (held !== null) return { selector: null, until: null, reason: held };
	const joined = seen.group === undefined ? null : joining(state, seen.group);
	if (joined !== null) return joined;
	const asked = turnAsked(state);
	if (asked !== null) return { kind: "make", selector: null, dueAt: new Date(asked.askedAt) };
	// A key that is only kept for mail under way was put back into the tables: no schedule looks after it.
	const active = activeKey(state);
	if (active === null) return { kind: "make", selector: null, dueAt: now };
	const dueAt = nextDue(state, policy, now);
	if (dueAt === null) return { selector: null, until: null, reason: "the schedule never fires" };
	const start = policy.standby ? standbyAt(dueAt, active, policy) : publishAt(dueAt, policy);
	if (start <= now) return { kind: "make", selector: null, dueAt };
	return { selector: null, until: start, reason: `the next key, due ${dueAt.toISOString()}, is made` };
}

/** To the key that the others are on the way to already, whatever the domain's own dates say; null where there is none. */
function joining(state: DomainState, group: Group): Wanted | null {
	const common = groupCandidate(group);
	if (common === null || !isToJoin(state, common, group)) return null;
	if (!group.sharesName || !hasGivenUp(state, common, group))
		return { kind: "make", selector: null, dueAt: new Date(common.dueAt) };
	const names = group.members.map(({ domain }) => domain).filter((domain) => domain !== state.domain);
	return { selector: null, until: null, reason: `${names.join(", ")} gives up ${common.selector} first` };
}

/** A new key could not take the place of one whose line cannot be changed for all whom it signs for. */
function whyLineHeld(active: KeyEntry | null, { inUse }: Seen): string | null {
	const lines = inUse?.filter((line) => line.selector === active?.selector) ?? [];
	const [line] = lines;
	if (line === undefined || lines.some(({ problem }) => problem === null)) return null;
	return `no new key in place of ${line.selector}: ${line.problem ?? ""}`;
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
	return publicKey === null
		? "its key file cannot be read"
		: "its key is not the one that is known by that name";
}

/** A verified key waits for its slot, the window, and the one pause a night. */
function switching(candidate: KeyEntry, { state, seen, policy, now }: Facts): Wanted {
	const { selector } = candidate;
	const active = activeKey(state);
	const from = takenFrom({ state, seen });
	const why = from === null ? whyNoFirstKey(seen, policy.domain) : whyUnseen(seen);
	if (why !== null) return { selector, until: null, reason: why };
	const step: Step = { kind: "switch", selector, from };
	// Of those that turn together one may have lost its wish by an attempt that failed, and would hold the others.
	const isAsked = [state, ...(seen.group?.members ?? [])].some((one) => turnAsked(one) !== null);
	if (isAsked || (active === null && state.wants.add !== null)) return step;
	// A key made while the clock was ahead must not keep its domain waiting for a slot months away.
	const coming = nextDue(state, policy, now);
	const isForNext = isFirstKeyTooLate(candidate, active) || isPassedOver(candidate, active, now);
	const dueAt = isForNext ? coming : earlier(new Date(candidate.dueAt), coming);
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

/** A key that signed before was gone back to after this one was due: what came of a rollback lasts until the next turn. */
function isPassedOver({ dueAt }: KeyEntry, active: KeyEntry | null, now: Date): boolean {
	if (active === null || active.uses.length < 2) return false;
	// One in the future is of a clock that was ahead.
	return active.since > dueAt && new Date(active.since) <= now;
}

function earlier(one: Date, other: Date | null): Date {
	return other !== null && other < one ? other : one;
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

/** A key of before whose lines somebody put back, and took out again before its record was everywhere; null for all others. */
function whyBygone(candidate: KeyEntry, { state, seen }: Facts): string | null {
	const active = activeKey(state);
	const isOlder = active !== null && state.keys.indexOf(candidate) < state.keys.indexOf(active);
	if (!isOlder || candidate.uses.length === 0 || seen.inUse === null) return null;
	return `the tables name it no more, and ${active.selector} signs`;
}

function fits(key: KeyEntry, spec: KeySpec): boolean {
	return key.algorithm === spec.algorithm && (spec.algorithm === "ed25519" || key.bits === spec.bits);
}

function describe(spec: KeySpec): string {
	return spec.algorithm === "rsa" ? `RSA with ${spec.bits} bits` : "Ed25519";
}
