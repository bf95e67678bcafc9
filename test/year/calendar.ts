/** At which moments the clock of the year stops: close together around a turn, every third day in between. */

import { instantOf } from "../../src/rotation/slots.ts";

export const TIMEZONE = "Europe/Berlin";

export interface Month {
	/** As its selectors are called. */
	readonly name: string;
	/** When its key starts to sign: at three in the morning on the first. */
	readonly dueAt: Date;
}

const HOUR_MS = 3_600_000;
/** From before the record goes out until the day after the switch; hours from the due date. */
const TURN_HOURS = [-65.9, -65.5, -64, -24, 0.02, 0.5, 24.02] as const;
const CALM_HOURS = 72;
/** So long before its due date a month begins: before its records go out. */
const LEAD_HOURS = 75;
/** The last month goes on until the record before its own is gone, and what began with a stopped daemon is over. */
const LAST_HOURS = 27 * 24;

/** So many months from the one of that number, January being 1. */
export function monthsOf(year: number, from: number, count: number): readonly Month[] {
	return Array.from({ length: count }, (_, past) => {
		const index = from - 1 + past;
		const [inYear, month] = [year + Math.floor(index / 12), (index % 12) + 1];
		const local = { year: inYear, month, day: 1, hour: 3, minute: 0, second: 0 };
		const dueAt = instantOf(local, TIMEZONE);
		if (dueAt === null) throw new Error(`${inYear}-${month} has no three o'clock`);
		return { name: `${inYear}${String(month).padStart(2, "0")}`, dueAt };
	});
}

export function hoursFrom(month: Month, hours: number): Date {
	return new Date(month.dueAt.getTime() + hours * HOUR_MS);
}

/** The moments of a month, ascending, until the next begins; the first month begins at `from`. */
export function momentsOf(month: Month, next: Month | null, from: Date | null = null): readonly Date[] {
	const turn = TURN_HOURS.map((hours) => hoursFrom(month, hours));
	const begin = hoursFrom(month, -LEAD_HOURS);
	const end = next === null ? hoursFrom(month, LAST_HOURS) : hoursFrom(next, -LEAD_HOURS);
	const before = from === null ? [] : [...calm(from, begin), begin];
	return [...before, ...turn, ...calm(turn.at(-1) ?? begin, end), end];
}

/** Strictly between two moments. */
function calm(from: Date, to: Date): Date[] {
	const moments: Date[] = [];
	for (let at = from.getTime() + CALM_HOURS * HOUR_MS; at < to.getTime(); at += CALM_HOURS * HOUR_MS)
		moments.push(new Date(at));
	return moments;
}
