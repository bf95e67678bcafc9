/** The moments a turn is made of: when it is due, when its record goes out, how long the soak and the grace last. */

import type { DomainState, KeyEntry, KeyRecordEntry } from "./domain-state.ts";
import { activeKey } from "./domain-state.ts";
import type { Policy } from "./policy.ts";
import { nextSlot, previousSlot } from "./slots.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** RULES.md "DNS": at least ten minutes, at most a day. */
const AUTO_SOAK_MS = { least: 10 * MINUTE_MS, most: 24 * HOUR_MS };

/** What a wildcard answered, or a wrong record, resolvers do not forget in a day, as an absence: they keep it for a week (RFC 8767 section 4). */
export const ANSWER_SOAK_MS = 7 * 24 * HOUR_MS;

/**
 * The slot that the next key is for: the latest one that has passed since the active key's own (several missed months
 * make one turn), else the next to come. Null if the schedule never fires, or nothing is active.
 */
export function nextDue(state: DomainState, policy: Policy, now: Date): Date | null {
	const active = activeKey(state);
	if (active === null) return null;
	const coming = slotAfter(policy, now);
	const passed = slotBefore(policy, now);
	const turnedFor = believedSlot(active, policy, now);
	if (passed !== null && (turnedFor === null || passed > turnedFor)) return passed;
	const isDone = coming !== null && turnedFor?.getTime() === coming.getTime();
	return isDone ? slotAfter(policy, coming) : coming;
}

/**
 * A key is turned early for the slot to come at most: one later than that, when it began to sign, is of another schedule, or of a
 * clock that was ahead. Null where that was ahead when the key began to sign, too.
 */
function believedSlot(active: KeyEntry, policy: Policy, now: Date): Date | null {
	const [slot, since] = [slotOf(active, policy), new Date(active.since)];
	const coming = slotAfter(policy, since <= now ? since : now);
	if (coming === null || slot <= coming) return slot;
	return since <= now ? since : null;
}

/** By how much another time zone moves a slot at most, or another hour. */
const MOVED_MS = 26 * HOUR_MS;

/**
 * The slot that a key stands for, as the schedule has it by now: another time zone, hour or spread moves it, and what is only
 * later than it was did not pass without a new key. The moment of a wish or of an adoption is no slot: it has milliseconds.
 */
function slotOf(key: KeyEntry, policy: Policy): Date {
	const dueAt = new Date(key.dueAt);
	const isSlot = key.origin === "made" && dueAt.getTime() % 1000 === 0;
	if (!isSlot || slotBefore(policy, dueAt)?.getTime() === dueAt.getTime()) return dueAt;
	const moved = slotAfter(policy, dueAt);
	const following = moved === null ? null : slotAfter(policy, moved);
	if (moved === null || following === null) return dueAt;
	const mostMs = Math.min(Math.max(MOVED_MS, policy.spreadMs), (following.getTime() - moved.getTime()) / 2);
	return moved.getTime() - dueAt.getTime() <= mostMs ? moved : dueAt;
}

/**
 * The first slot since the active key's own that has passed without a new key, as `nextDue` sees it; where a clock that was
 * ahead leaves unknown how many did, the latest. Null if there is none.
 */
export function missedSlot(state: DomainState, policy: Policy, now: Date): Date | null {
	const active = activeKey(state);
	if (active === null) return null;
	const turnedFor = believedSlot(active, policy, now);
	const missed = turnedFor === null ? slotBefore(policy, now) : slotAfter(policy, turnedFor);
	return missed !== null && missed <= now ? missed : null;
}

/** When the record of a turn due at `dueAt` goes out: `publish_ahead` earlier, spread over the jitter. */
export function publishAt(dueAt: Date, policy: Policy): Date {
	const spread = shareOf(Math.min(policy.jitterMs, policy.publishAheadMs), policy, "publish");
	return new Date(dueAt.getTime() - policy.publishAheadMs + spread);
}

/** When the record of a standby for that turn goes out: as soon as the key in use signs, spread over the jitter. */
export function standbyAt(dueAt: Date, active: KeyEntry, policy: Policy): Date {
	const spread = shareOf(policy.jitterMs, policy, "publish");
	const earliest = new Date(new Date(active.since).getTime() + spread);
	const latest = publishAt(dueAt, policy);
	return earliest < latest ? earliest : latest;
}

/** What the slot of a key counts as once it signs: a late turn stands for every slot that it slept through. */
export function turnedFor(key: KeyEntry, policy: Policy, switchedAt: Date): Date {
	const dueAt = new Date(key.dueAt);
	const passed = slotBefore(policy, switchedAt);
	return passed !== null && passed > dueAt ? passed : dueAt;
}

/** How long cached absences of the key's name, or what was wrong there, may live after the last server was seen right, in milliseconds. */
export function soakMs(key: KeyEntry, state: DomainState, policy: Policy): number {
	if (state.wants.rotate?.noSoak === true || state.wants.add?.noSoak === true) return 0;
	if (policy.verify.soakMs !== "auto") return policy.verify.soakMs;
	return autoSoakMs(key.record);
}

export function autoSoakMs({
	negativeTtlSeconds,
	wildcardTtlSeconds = 0,
}: Pick<KeyRecordEntry, "negativeTtlSeconds" | "wildcardTtlSeconds">): number {
	const negativeMs = Math.min(Math.max(negativeTtlSeconds * 1000, AUTO_SOAK_MS.least), AUTO_SOAK_MS.most);
	return Math.max(negativeMs, Math.min(wildcardTtlSeconds * 1000, ANSWER_SOAK_MS));
}

/** When absences cached before every server was right have expired; the epoch where none was right yet. */
export function soakEnds(key: KeyEntry, state: DomainState, policy: Policy): Date {
	return new Date(new Date(key.rightSince ?? 0).getTime() + soakMs(key, state, policy));
}

/** The confirmed last use of a key; null while it may still be used. A key that never signed counts from `since`. */
export function lastUse(key: KeyEntry, now: Date): Date | null {
	let latest = new Date(key.since);
	for (const use of key.uses) {
		const last =
			use.lastAt ??
			(use.lastAtLatest !== null && new Date(use.lastAtLatest) <= now ? use.lastAtLatest : null);
		if (last === null) return null;
		if (new Date(last) > latest) latest = new Date(last);
	}
	return latest;
}

/** When the record of a retiring key may go; null while its last use is not confirmed. No grace for a key that never signed. */
export function graceEnds(key: KeyEntry, policy: Policy, now: Date): Date | null {
	const last = lastUse(key, now);
	if (last === null) return null;
	if (key.uses.length === 0) return last;
	return new Date(last.getTime() + policy.retire.graceMs + shareOf(policy.jitterMs, policy, "retire"));
}

/**
 * How long the clock has to be steady after a jump before something of a domain is removed: how old a last use of before is
 * cannot be told, so that grace counts from the jump; a day at least.
 */
export function doubtMs({ retire, record }: Policy): number {
	return Math.max(24 * HOUR_MS, retire.graceMs + record.ttlSeconds * 1000);
}

/** The slots of one domain are those of the schedule, each later by the domain's share of `spread`. */
function slotAfter(policy: Policy, instant: Date): Date | null {
	return shifted(
		nextSlot(policy.schedule, policy.timezone, new Date(instant.getTime() - lagMs(policy))),
		policy,
	);
}

function slotBefore(policy: Policy, instant: Date): Date | null {
	return shifted(
		previousSlot(policy.schedule, policy.timezone, new Date(instant.getTime() - lagMs(policy))),
		policy,
	);
}

function shifted(slot: Date | null, policy: Policy): Date | null {
	return slot === null ? null : new Date(slot.getTime() + lagMs(policy));
}

/** In whole minutes, for whoever reads the dates. */
function lagMs(policy: Policy): number {
	return Math.floor(shareOf(policy.spreadMs, policy, "due") / MINUTE_MS) * MINUTE_MS;
}

/** A share of `ms` that is always the same for this host, domain and purpose, so that not everybody asks at once. */
function shareOf(ms: number, policy: Policy, purpose: string): number {
	if (ms === 0) return 0;
	let hash = 0x811c9dc5;
	for (const octet of Buffer.from(`${policy.host} ${policy.pacedAs ?? policy.domain} ${purpose}`)) {
		hash ^= octet;
		hash = Math.imul(hash, 0x01000193);
	}
	return ms * ((hash >>> 0) / 2 ** 32);
}
