/** Reads a cron expression into the fields that the rotation works with, and says why one can never do. */

import { parse } from "node-cron";
import type { Schedule } from "../rotation/slots.ts";

export type ReadSchedule =
	/** `shortestMs`: the least time between two slots; infinite where a second one is not in sight. */
	| { readonly kind: "schedule"; readonly schedule: Schedule; readonly shortestMs: number }
	| { readonly kind: "refused"; readonly why: string };

const DAY_MS = 86_400_000;
/** Long enough for 29 February on either side of a leap year left out. */
const DAYS_AHEAD = 366 * 12;
const FIRST_DAY = Date.UTC(2024, 0, 1);

export function readSchedule(expression: string): ReadSchedule {
	let fields: ReturnType<typeof parse>;
	try {
		fields = parse(expression);
	} catch (thrown) {
		return { kind: "refused", why: thrown instanceof Error ? thrown.message : String(thrown) };
	}
	const lists = [
		fields.second,
		fields.minute,
		fields.hour,
		fields.dayOfMonth,
		fields.month,
		fields.dayOfWeek,
	].map(numbers);
	const [seconds, minutes, hours, daysOfMonth, months, weekdays] = lists;
	if (!seconds || !minutes || !hours || !daysOfMonth || !months || !weekdays)
		return { kind: "refused", why: "L, W and # are not understood here" };
	if (lists.some((list) => list?.length === 0)) return { kind: "refused", why: "a field allows no value" };
	const schedule = { expression, seconds, minutes, hours, daysOfMonth, months, weekdays };
	const days = matchingDays(schedule);
	if (days.length === 0)
		return { kind: "refused", why: "it never fires: day of month, month and day of week must all match" };
	return { kind: "schedule", schedule, shortestMs: shortestGap(schedule, days) };
}

/** Whether some slot starts within these minutes of the day. */
export function hasSlotBetween(schedule: Schedule, fromMinute: number, toMinute: number): boolean {
	return schedule.hours.some((hour) =>
		schedule.minutes.some((minute) => {
			const at = hour * 60 + minute;
			return fromMinute < toMinute ? at >= fromMinute && at < toMinute : at >= fromMinute || at < toMinute;
		}),
	);
}

function numbers(values: readonly (number | string)[]): readonly number[] | null {
	const found = values.filter((value) => typeof value === "number");
	return found.length === values.length ? [...new Set(found)].toSorted((a, b) => a - b) : null;
}

function matchingDays(schedule: Schedule): readonly number[] {
	const days: number[] = [];
	for (let day = 0; day < DAYS_AHEAD; day++) {
		const date = new Date(FIRST_DAY + day * DAY_MS);
		if (
			schedule.daysOfMonth.includes(date.getUTCDate()) &&
			schedule.months.includes(date.getUTCMonth() + 1) &&
			schedule.weekdays.includes(date.getUTCDay())
		)
			days.push(day);
	}
	return days;
}

function shortestGap(schedule: Schedule, days: readonly number[]): number {
	const times = schedule.hours.flatMap((hour) =>
		schedule.minutes.flatMap((minute) =>
			schedule.seconds.map((second) => (hour * 3600 + minute * 60 + second) * 1000),
		),
	);
	const first = times[0] ?? 0;
	const last = times.at(-1) ?? 0;
	const within = smallestStep(times);
	return Math.min(within, smallestStep(days) * DAY_MS - (last - first));
}

function smallestStep(ascending: readonly number[]): number {
	let smallest = Number.POSITIVE_INFINITY;
	for (const [index, value] of ascending.entries())
		if (index > 0) smallest = Math.min(smallest, value - (ascending[index - 1] ?? value));
	return smallest;
}
