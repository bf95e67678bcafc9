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
