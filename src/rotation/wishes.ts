/** Whether what an operator asks for can be had, from a domain's state alone, and what it leaves to be done. */

import { isRevokedRecord } from "../dkim/key-record.ts";
import {
	activeKey,
	type Asked,
	CONNECTIONS_MS,
	type DomainState,
	type KeyEntry,
	type KeyUse,
	keyOf,
	moveKey,
	type Wants,
} from "./domain-state.ts";
import { isCandidate } from "./life.ts";

/**
 * The key that signed before the one in use, as long as its record stands; null if there is none. One of another algorithm only
 * where that one took its place: where `key` was a list, two signed beside each other, and going back to the other would leave
 * mail without its own.
 */
export function previousKey(state: DomainState): KeyEntry | null {
	const active = activeKey(state);
	// One that was made since and stood in the tables for a moment has failed: its switch did not hold.
	const hasFailed = (key: KeyEntry): boolean =>
		active !== null &&
		state.keys.indexOf(key) > state.keys.indexOf(active) &&
		(key.uses[0]?.firstAt ?? "") > active.since;
	const gone = state.keys.filter((key) => key.state === "retiring" && key.uses.length > 0 && !hasFailed(key));
	const isRevoked = (key: KeyEntry): boolean =>
		state.wants.revoke.some(({ selector }) => selector === key.selector);
	const isAlike = ({ algorithm }: KeyEntry): boolean => active === null || algorithm === active.algorithm;
	const left = gone.filter((key) => !isRevoked(key) && (isAlike(key) || hasMadeWay(key, active)));
	// Of two that made way at one moment the one of the same algorithm.
	return [...left.filter(isAlike), ...left.filter((key) => !isAlike(key))].toSorted(latestFirst)[0] ?? null;
}

/** Whether it signed no more when the key in use began to, whatever came of a way back since. */
function hasMadeWay({ uses }: KeyEntry, active: KeyEntry | null): boolean {
	const sinceMs = Date.parse(active?.since ?? "");
	const endedMs = ({ lastAt, lastAtLatest }: KeyUse): number =>
		lastAt === null ? Date.parse(lastAtLatest ?? "") - CONNECTIONS_MS : Date.parse(lastAt);
	return uses.every((use) => Date.parse(use.firstAt) > sinceMs || endedMs(use) <= sinceMs);
}

/** Whether a key has signed before the one in use. */
export function hasTurned({ keys }: DomainState): boolean {
	return keys.some((key) => key.state !== "active" && key.uses.length > 0);
}

/** Whether a key that signs has done so before, and one that was made later since: it was gone back to. */
export function isBack({ keys }: DomainState, { selector, algorithm, uses }: KeyEntry): boolean {
	const later = keys.slice(keys.findIndex((key) => key.selector === selector) + 1);
	const first = uses[0]?.firstAt ?? "";
	// A time alone may be of a clock that was ahead.
	return later.some(
		(key) => key.algorithm === algorithm && key.state !== "active" && (key.uses[0]?.firstAt ?? "") > first,
	);
}

/** Whether a key that signs was switched to since then. */
export function isSwitchedSince({ since }: KeyEntry, then: Date, now: Date): boolean {
	const at = new Date(since);
	// One in the future is of a clock that was ahead.
	return at >= then && at <= now;
}

/** The same by a turn: neither what was adopted nor what was gone back to is new. */
export function isTurnedSince(state: DomainState, key: KeyEntry, then: Date, now: Date): boolean {
	return key.origin === "made" && isSwitchedSince(key, then, now) && !isBack(state, key);
}

/**
 * What asks for a turn whether due or not; null where nothing does. As long as the key in use is compromised that does, whatever
 * became of the turn or the way back that was to take it away.
 */
export function turnAsked(state: DomainState): Asked | null {
	const inUse = activeKey(state)?.selector;
	return state.wants.rotate ?? state.wants.revoke.find(({ selector }) => selector === inUse) ?? null;
}

/** Whether it is asked for that a key signs no more, whether another takes its place or not. */
export function isToGo({ remove, revoke }: Wants, selector: string): boolean {
	return remove !== null || revoke.some((wish) => wish.unsigned && wish.selector === selector);
}

/** Why no new key can be asked for; null if it can. */
export function whyNoTurn({ wants }: DomainState): string | null {
	return wants.remove === null ? null : "no new key: it is leaving (keyturn remove)";
}

/** What is wanted of a domain that stays after all: a turn asked for before would hurry a key that comes much later. */
export function staying(wants: Wants): Wants {
	return wants.remove === null ? wants : { ...wants, remove: null, rotate: null };
}

/** Why the key before cannot be gone back to; null if it can. */
export function whyNoRollback(state: DomainState): string | null {
	if (state.wants.remove !== null) return "it is leaving (keyturn remove); keyturn add keeps it";
	const active = activeKey(state);
	if (active === null) return "no key is known to be in use";
	if (state.wants.rollback !== null || previousKey(state) !== null) return null;
	return `the record of no key that signed before ${active.selector} stands any more`;
}

/** Why a key cannot be revoked; null if it can. */
export function whyNoRevoke(state: DomainState, selector: string): string | null {
	const key = keyOf(state, selector);
	if (key === null) return `no key ${selector} is known`;
	if (key.state === "revoked") return `${selector} is revoked already`;
	if (key.state !== "retired") return null;
	const left = leftWords(key);
	return left === null
		? `the record of ${selector} is removed already: nothing verifies with it`
		: `${selector} is retired already; ${left}: revoke it there`;
}

/** Why an old record cannot be asked to go; null if it can. */
export function whyNoRetire(state: DomainState, selector: string): string | null {
	const key = keyOf(state, selector);
	if (key === null) return `no key ${selector} is known`;
	if (key.state === "active") return `mail is signed with ${selector}: turn it first`;
	if (isCandidate(key.state)) return `${selector} is the next key to sign`;
	if (state.wants.rollback?.selector === selector) return `${selector} is to sign again (keyturn rollback)`;
	if (key.state !== "retired") return null;
	const left = leftWords(key);
	return left === null
		? `the record of ${selector} is removed already`
		: `${selector} is retired already; ${left}`;
}

/** Of a retired key whose record stands on, for another domain whose name leads to it as well: which; null for all others. */
export function leftWords({ record, reason }: KeyEntry): string | null {
	return isRevokedRecord(record.value) ? null : reason;
}

/**
 * The state without the wish to go back: a key that was verified again for it is kept for mail under way like before. One
 * whose switch is under way is left until it is known how that ended.
 */
export function withoutRollback(state: DomainState, now: Date, reason: string): DomainState {
	const { rollback } = state.wants;
	const key = rollback === null ? null : keyOf(state, rollback.selector);
	if (key?.owes?.act === "switch" && key.owes.id !== null) return state;
	const next = { ...state, wants: { ...state.wants, rollback: null } };
	return key !== null && isCandidate(key.state)
		? moveKey(next, key.selector, "retiring", now, { reason })
		: next;
}

/** Whether something else was asked for while the switch back was under way: how that ended is known first. */
export function isSuperseded({ rollback, rotate, remove }: Wants): boolean {
	return rollback !== null && (rotate !== null || remove !== null);
}

function latestFirst(one: KeyEntry, other: KeyEntry): number {
	if (one.since === other.since) return 0;
	return one.since < other.since ? 1 : -1;
}
