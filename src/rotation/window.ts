/** When services may be touched: the configured window of the day, in the domain's time zone. */

import type { Window } from "./policy.ts";
import { instantOf, type LocalTime, localTime } from "./slots.ts";

const DAY_MS = 86_400_000;

/** The opening that `now` lies in, or null if the window is closed. */
export function openSince(window: Window, timezone: string, now: Date): Date | null {
	for (const day of [0, -1]) {
		const opening = boundary(window.fromMinute, timezone, now, day);
		const closing = boundary(
			window.toMinute,
			timezone,
			now,
			window.toMinute > window.fromMinute ? day : day + 1,
		);
		if (opening <= now && now < closing) return opening;
	}
	return null;
}

/** The first opening after `now`. */
export function nextOpening(window: Window, timezone: string, now: Date): Date {
	for (const day of [0, 1]) {
		const opening = boundary(window.fromMinute, timezone, now, day);
		if (opening > now) return opening;
	}
	return boundary(window.fromMinute, timezone, now, 2);
}

/** A minute of the local day that lies `days` after that of `now`; one that clocks jump over counts as the next that exists. */
function boundary(minuteOfDay: number, timezone: string, now: Date, days: number): Date {
	const today = localTime(now, timezone);
	const date = new Date(Date.UTC(today.year, today.month - 1, today.day) + days * DAY_MS);
	for (let minute = minuteOfDay; ; minute += 1) {
		const local: LocalTime = {
			year: date.getUTCFullYear(),
			month: date.getUTCMonth() + 1,
			day: date.getUTCDate(),
			hour: Math.floor(minute / 60) % 24,
			minute: minute % 60,
			second: 0,
		};
		const found = instantOf(local, timezone);
		if (found !== null) return found;
	}
}
