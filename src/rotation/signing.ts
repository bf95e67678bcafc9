/** What the keys that sign need, and those whose end of signing is not known yet. */

import { isRevokedRecord } from "../dkim/key-record.ts";
import {
	activeKey,
	CONNECTIONS_MS,
	type DomainState,
	type KeyEntry,
	keyOf,
	type KeyUse,
	type Wants,
} from "./domain-state.ts";
import { type Facts, isUnderWay, type LineInUse, type Step, type Wanted } from "./step.ts";
import { isToGo } from "./wishes.ts";

/** How a switch ended whose answer is missing is found out before anything else. */
export function settling({ state }: Facts): readonly Wanted[] {
	return state.keys.filter(isUnderWay).map((key) => ({ kind: "settle", selector: key.selector }));
}

/** What the live tables name is taken into the state, with all that it still lacks. */
export function inUse({ state, seen, now }: Facts): readonly Wanted[] {
	const lines = (seen.inUse ?? []).filter((line) => line.problem === null && line.publicKey !== null);
	const wanted: Wanted[] = [];
	const unknown = lines.filter((line) => keyOf(state, line.selector) === null);
	if (unknown.length > 0 && isReplaced(state, seen.inUse ?? []))
		wanted.push({ kind: "adopt", selectors: unknown.map((line) => line.selector) });
	for (const line of lines) {
		const key = keyOf(state, line.selector);
		if (key !== null && key.publicKey === line.publicKey && !isUnderWay(key))
			wanted.push(...lacking(key, state, now));
	}
	return isTurnedAway(state, seen.inUse ?? [])
		? [
				...wanted.filter((step) => !("kind" in step) || step.kind !== "turnAway"),
				...handingOver(state, lines),
			]
		: wanted;
}

/** Lines of a key that nobody may sign with, beside those of the key in use, are given to that: it is ready. */
function handingOver(state: DomainState, lines: readonly LineInUse[]): readonly Step[] {
	const active = activeKey(state);
	const { rollback, remove } = state.wants;
	if (active === null || remove !== null || rollback !== null || state.keys.some(isUnderWay)) return [];
	if (!lines.some((line) => line.selector === active.selector && line.publicKey === active.publicKey))
		return [];
	return lines.flatMap((line): readonly Step[] => {
		const key = keyOf(state, line.selector);
		if (key === null || key.publicKey !== line.publicKey || !isUnfit(key)) return [];
		return [{ kind: "switch", selector: active.selector, from: line.selector }];
	});
}

/** One turn is enough; beside the key in use it would not take the other's lines away. */
function isTurnedAway(state: DomainState, inUse: readonly LineInUse[]): boolean {
	const { rotate, rollback, remove } = state.wants;
	const active = activeKey(state);
	return (
		rotate !== null ||
		rollback !== null ||
		remove !== null ||
		state.keys.some(isUnderWay) ||
		inUse.some((line) => line.selector === active?.selector && !isUnusable(line))
	);
}

/** Without its file a key signs nothing; of one whose line has a `problem` for which it was not read, that is not known. */
function isUnusable({ publicKey, problem }: LineInUse): boolean {
	return publicKey === null ? problem === null : problem !== null;
}

/** Whether nobody may ever sign with it again. */
export function isUnfit({ state, record, disclosedAt }: KeyEntry): boolean {
	if (state === "revoked") return true;
	return state === "retired" && (isRevokedRecord(record.value) || disclosedAt !== undefined);
}

/**
 * Whose lines the next key takes: those of the key in use, or of another that we know and that was put in its place; null
 * where nothing signs.
 */
export function takenFrom({ state, seen }: Pick<Facts, "state" | "seen">): string | null {
	const active = activeKey(state);
	const lines = seen.inUse;
	if (lines === null || lines.some((line) => line.selector === active?.selector))
		return active?.selector ?? null;
	if (lines.length === 0) return null;
	const known = lines.find(
		(line) => line.problem === null && keyOf(state, line.selector)?.publicKey === line.publicKey,
	);
	return known?.selector ?? active?.selector ?? null;
}

/** What a key that signs already still needs, whoever put it into the tables. */
function lacking(key: KeyEntry, domain: DomainState, now: Date): readonly Step[] {
	const { selector, state } = key;
	if (isUnfit(key)) return [{ kind: "turnAway", selector }];
	switch (state) {
		case "pending":
			return [{ kind: "publish", selector }];
		case "published":
			return [{ kind: "look", selector }];
		case "verified":
			return [{ kind: "takeOver", selector }];
		case "retired":
			return [{ kind: "revive", selector }];
		case "retiring":
			return isGoneBackTo(key, domain) || isNoted(key, now) ? [] : [{ kind: "noteUse", selector }];
		default:
			return [];
	}
}

function isGoneBackTo({ selector }: KeyEntry, { wants }: DomainState): boolean {
	return wants.rollback?.selector === selector;
}

/** What signs is seen hourly. */
const NOTED_EACH_MS = 3_600_000;

/** The last use of a key that is seen in use at this moment: it may sign over open connections for a while more. */
export function usedUntilNow(now: Date): Pick<KeyUse, "lastAt" | "lastAtLatest"> {
	return { lastAt: null, lastAtLatest: new Date(now.getTime() + CONNECTIONS_MS).toISOString() };
}

function isNoted({ uses }: KeyEntry, now: Date): boolean {
	const least = now.getTime() + CONNECTIONS_MS - NOTED_EACH_MS;
	return uses.some(({ lastAt, lastAtLatest }) => lastAt === null && Date.parse(lastAtLatest ?? "") > least);
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

/**
 * A key that is to sign no more goes from the tables before anything else happens to it, once it is known how a switch under way
 * ended, of any key of its signer for the domain: that may have given its lines to another key, which would have to go in its place.
 */
export function takingOut(facts: Facts): readonly Wanted[] {
	const { state } = facts;
	if ([state, ...ofOneSigner(facts)].some(({ keys }) => keys.some(isUnderWay))) return [];
	return state.keys
		.filter((key) => key.state === "active" && (isToGo(state.wants, key.selector) || goesAlong(key, facts)))
		.map(({ selector }) => ({ kind: "takeOut", selector }));
}

/**
 * Whether the domain's RSA key goes at this moment without a turn (`revoke --unsigned`), and this one beside it is of the same
 * signer: none that signs twice lets go of one key alone, nor has place for a first key beside another.
 */
function goesAlong({ algorithm }: KeyEntry, facts: Facts): boolean {
	const goesNow = (key: KeyEntry, wants: Wants): boolean =>
		key.state === "active" &&
		key.algorithm === "rsa" &&
		isToGo(wants, key.selector) &&
		new Date(key.owes?.notBefore ?? 0) <= facts.now;
	return (
		algorithm !== "rsa" &&
		ofOneSigner(facts).some(({ keys, wants }) => keys.some((key) => goesNow(key, wants)))
	);
}

/** The domain's keys of each algorithm, where one signer signs with all. */
function ofOneSigner({ policy: { lane }, seen }: Facts): readonly DomainState[] {
	const isOfOneSigner = lane !== undefined && lane.hasOwnSigner !== true;
	return isOfOneSigner ? (seen.group?.members ?? []) : [];
}
