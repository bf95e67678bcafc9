/** Looks whether the names of a ring last until the first of them may stand for another key. */

import { nextSlot, type Schedule } from "../rotation/slots.ts";
import type { Turn } from "./check-turns.ts";
import { formatDuration } from "./durations.ts";

const FIRST_DAY = new Date("2026-01-01T00:00:00.000Z");
/** Four years of a schedule show its closest turns; of one that fires daily or oftener, so many turns do. */
const YEARS_MS = 4 * 366 * 86_400_000;
const SLOTS = 400;

export function checkRing({ settings, place, faults }: Turn): void {
	const { selector } = settings;
	if (typeof selector === "string") return;
	for (const [index, name] of selector.ring.entries())
		if (selector.ring.indexOf(name) < index)
			return faults.add({
				path: place(["selector", "ring", index]),
				rule: "stands twice in the ring",
				consequence: "the ring would have a name less than it seems, and its turns wait for one to be free",
				hint: "publish a CNAME for a further name",
			});
	const { schedule } = settings.schedule;
	const needed = namesNeeded(schedule, settings) * settings.keys.length;
	const { length } = selector.ring;
	if (length < needed)
		faults.add({
			path: place(["selector"], ["schedule"], ["retire", "grace"]),
			rule: `a ring of ${length} names is too short for "${schedule.expression}" with grace ${formatDuration(settings.retire.grace)}: ${needed} are needed`,
			consequence: "a turn would come when no name is free again, and wait until one is",
			hint: "publish CNAMEs for more names, turn keys less often, or shorten retire.grace",
		});
	if (settings.retire.publish_private !== null)
		faults.add({
			path: place(["retire", "publish_private"], ["selector"]),
			rule: "publish_private cannot go with a ring",
			consequence:
				"a name stands for one key after another, and nobody could tell whose private half lies there",
			hint: "use a selector with a date in it, or set publish_private: null",
		});
}

/** A name is taken from when its record goes out until nobody can meet mail or remember the record of its key. */
function namesNeeded(
	schedule: Schedule,
	{ publishAhead, standby, record, retire }: Turn["settings"],
): number {
	const slots = slotsOf(schedule);
	const afterMs = 2 * retire.grace + retire.tombstone + record.ttl;
	let most = 0;
	let last = 1;
	for (const first of slots.keys()) {
		const freeAt = (slots[first + 1] ?? Infinity) + afterMs;
		while (last < slots.length && wantedAt(slots, last, standby ? null : publishAhead) < freeAt) last += 1;
		// Behind the last slot that is looked at nothing is known.
		if (last === slots.length) break;
		most = Math.max(most, last - first);
	}
	return Math.max(2, most);
}

/** When the key of a slot needs its name: a standby from the slot before on. */
function wantedAt(slots: readonly number[], index: number, aheadMs: number | null): number {
	return aheadMs === null ? (slots[index - 1] ?? 0) : (slots[index] ?? 0) - aheadMs;
}

const known = new WeakMap<Schedule, readonly number[]>();

/** Thousands of domains have one schedule. */
function slotsOf(schedule: Schedule): readonly number[] {
	const before = known.get(schedule);
	if (before !== undefined) return before;
	const slots: number[] = [];
	let at = nextSlot(schedule, "UTC", FIRST_DAY);
	while (at !== null && slots.length < SLOTS && at.getTime() < FIRST_DAY.getTime() + YEARS_MS) {
		slots.push(at.getTime());
		at = nextSlot(schedule, "UTC", at);
	}
	known.set(schedule, slots);
	return slots;
}
