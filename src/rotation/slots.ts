/** Finds the slots of the schedule before and after an instant, from parsed cron fields and a time zone; asks no clock. */

/** A parsed cron expression: the values each field allows, ascending. Day of month and day of week must both match. */
export interface Schedule {
	/** As written, for people. */
	readonly expression: string;
	readonly seconds: readonly number[];
	readonly minutes: readonly number[];
	readonly hours: readonly number[];
	readonly daysOfMonth: readonly number[];
	/** 1 to 12. */
	readonly months: readonly number[];
	/** 0 (Sunday) to 6. */
	readonly weekdays: readonly number[];
}

/** The wall clock of a time zone; `month` is 1 to 12. */
export interface LocalTime {
	readonly year: number;
	readonly month: number;
	readonly day: number;
	readonly hour: number;
	readonly minute: number;
	readonly second: number;
}

/** 29 February on a given weekday comes once in 28 years, once in 40 across a century that is no leap year. */
const SEARCH_DAYS = 366 * 41;
const DAY_MS = 86_400_000;

/** The first slot after `instant`; null if the schedule never fires. */
export function nextSlot(schedule: Schedule, timezone: string, instant: Date): Date | null {
	const start = localDay(instant, timezone);
	for (let offset = 0; offset <= SEARCH_DAYS; offset += 1) {
		const slot = slotsOfDay(schedule, timezone, start + offset * DAY_MS).find((at) => at > instant.getTime());
		if (slot !== undefined) return new Date(slot);
	}
	return null;
}

/** The last slot at or before `instant`; null if there was none. */
export function previousSlot(schedule: Schedule, timezone: string, instant: Date): Date | null {
	const start = localDay(instant, timezone);
	for (let offset = 0; offset <= SEARCH_DAYS; offset += 1) {
		const slot = slotsOfDay(schedule, timezone, start - offset * DAY_MS).findLast(
			(at) => at <= instant.getTime(),
		);
		if (slot !== undefined) return new Date(slot);
	}
	return null;
}

export function localTime(instant: Date, timezone: string): LocalTime {
	const second = Math.floor(instant.getTime() / 1000);
	const times = timesKnown.get(timezone) ?? new Map<number, LocalTime>();
	timesKnown.set(timezone, times);
	const local = times.get(second) ?? askFormatter(instant, timezone);
	if (times.size >= TIMES_KEPT) times.clear();
	times.set(second, local);
	return local;
}

/** A tick asks about few moments (now, the slots beside it, those of the keys in use), again and again for every domain. */
const timesKnown = new Map<string, Map<number, LocalTime>>();
const TIMES_KEPT = 256;

function askFormatter(instant: Date, timezone: string): LocalTime {
	const parts = new Map(
		formatter(timezone)
			.formatToParts(instant)
			.map((part) => [part.type, Number(part.value)]),
	);
	const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
	return {
		year: part("year"),
		month: part("month"),
		day: part("day"),
		hour: part("hour"),
		minute: part("minute"),
		second: part("second"),
	};
}

/** The instant of a wall clock time: the first of two where clocks go back, null where they jump over it. */
export function instantOf(local: LocalTime, timezone: string): Date | null {
	const asUtc = wallMs(local);
	const offsets = new Set([-DAY_MS, 0, DAY_MS].map((shift) => offsetMs(new Date(asUtc + shift), timezone)));
	const candidates = [...offsets]
		.map((offset) => asUtc - offset)
		.filter((at) => wallMs(localTime(new Date(at), timezone)) === asUtc)
		.toSorted((one, other) => one - other);
	return candidates[0] === undefined ? null : new Date(candidates[0]);
}

/** The same few days are asked for at every tick and for every domain, and a day of a schedule never changes. */
const daysKnown = new WeakMap<Schedule, Map<string, readonly number[]>>();
const DAYS_KEPT = 64;

/** Slots of one local day, given as midnight UTC of its date, ascending. */
function slotsOfDay(schedule: Schedule, timezone: string, day: number): readonly number[] {
	const known = daysKnown.get(schedule) ?? new Map<string, readonly number[]>();
	daysKnown.set(schedule, known);
	const name = `${timezone} ${day}`;
	const found = known.get(name) ?? findSlots(schedule, timezone, day);
	if (known.size >= DAYS_KEPT) known.clear();
	known.set(name, found);
	return found;
}

function findSlots(schedule: Schedule, timezone: string, day: number): readonly number[] {
	const date = new Date(day);
	const [year, month, dayOfMonth] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
	if (!schedule.months.includes(month) || !schedule.daysOfMonth.includes(dayOfMonth)) return [];
	if (!schedule.weekdays.includes(date.getUTCDay())) return [];
	const slots = new Set<number>();
	for (const hour of schedule.hours)
		for (const minute of schedule.minutes)
			for (const second of schedule.seconds) {
				const at = instantOf({ year, month, day: dayOfMonth, hour, minute, second }, timezone);
				if (at !== null) slots.add(at.getTime());
			}
	return [...slots].toSorted((one, other) => one - other);
}

function localDay(instant: Date, timezone: string): number {
	const local = localTime(instant, timezone);
	return Date.UTC(local.year, local.month - 1, local.day);
}

function offsetMs(instant: Date, timezone: string): number {
	return wallMs(localTime(instant, timezone)) - Math.floor(instant.getTime() / 1000) * 1000;
}

function wallMs(local: LocalTime): number {
	return Date.UTC(local.year, local.month - 1, local.day, local.hour, local.minute, local.second);
}

/** Making a formatter costs far more than using it. */
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(timezone: string): Intl.DateTimeFormat {
	let found = formatters.get(timezone);
	if (found === undefined) {
		found = new Intl.DateTimeFormat("en-US", {
			timeZone: timezone,
			hourCycle: "h23",
			year: "numeric",
			month: "numeric",
			day: "numeric",
			hour: "numeric",
			minute: "numeric",
			second: "numeric",
		});
		formatters.set(timezone, found);
	}
	return found;
}
