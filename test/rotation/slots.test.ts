import { createTask } from "node-cron";
import { describe, expect, it } from "vitest";
import { instantOf, nextSlot, previousSlot, type Schedule } from "../../src/rotation/slots.ts";
import { scheduleOf } from "../fakes/policies.ts";

const schedule = scheduleOf;

describe("slots of the schedule", () => {
	it("are those that node-cron fires at, and no others lie between them", () => {
		const expressions = [
			"0 3 1 * *",
			"30 2 * * *",
			"15 */6 10-12 * *",
			"0 0 * * 1",
			"5 4 29 2 *",
			"0 12 13 * 5",
		];
		const zones = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"];
		let compared = 0;
		for (const expression of expressions)
			for (const timezone of zones) {
				const task = createTask(expression, () => undefined, { timezone });
				let at = new Date("2026-01-15T12:34:56Z");
				for (let slot = 0; slot < 5; slot += 1) {
					const next = nextSlot(schedule(expression), timezone, at);
					if (next === null) throw new Error(`${expression} has no next slot`);
					expect(task.match(next), `${expression} ${timezone} ${next.toISOString()}`).toBe(true);
					expect(previousSlot(schedule(expression), timezone, next)).toEqual(next);
					const before = previousSlot(schedule(expression), timezone, new Date(next.getTime() - 1));
					expect(before === null || before <= at).toBe(true);
					at = next;
					compared += 1;
				}
			}
		expect(compared).toBe(150);
	});

	it("pass over a time that the clocks jump over, and take the first of two", () => {
		const daily = schedule("30 2 * * *");
		expect(nextSlot(daily, "Europe/Berlin", new Date("2026-03-28T12:00:00Z"))?.toISOString()).toBe(
			"2026-03-30T00:30:00.000Z",
		);
		const both = { year: 2026, month: 10, day: 25, hour: 2, minute: 30, second: 0 };
		expect(instantOf(both, "Europe/Berlin")?.toISOString()).toBe("2026-10-25T00:30:00.000Z");
	});

	it("end for a schedule that never fires", () => {
		const never: Schedule = { ...schedule("0 0 1 * *"), daysOfMonth: [31], months: [2] };
		expect(nextSlot(never, "UTC", new Date("2026-01-01T00:00:00Z"))).toBeNull();
		expect(previousSlot(never, "UTC", new Date("2026-01-01T00:00:00Z"))).toBeNull();
	});

	it("are found forty years away: a Monday that is the 29th of February, across a century without one", () => {
		const rare: Schedule = { ...schedule("0 3 29 2 *"), weekdays: [1] };
		const [one, other] = [new Date("2072-02-29T03:00:00Z"), new Date("2112-02-29T03:00:00Z")];
		expect(nextSlot(rare, "UTC", one)).toEqual(other);
		expect(previousSlot(rare, "UTC", new Date(other.getTime() - 1))).toEqual(one);
	});

	it("of one day come in order: the next is after a moment, the previous at or before it", () => {
		const often: Schedule = { ...schedule("15,45 1,22 * * *"), seconds: [10, 50] };
		const times = [
			"01:15:10",
			"01:15:50",
			"01:45:10",
			"01:45:50",
			"22:15:10",
			"22:15:50",
			"22:45:10",
			"22:45:50",
		].map((time) => new Date(`2026-11-22T${time}Z`));
		for (const [index, time] of times.entries()) {
			const [before, after] = [times[index - 1], times[index + 1]];
			expect(nextSlot(often, "UTC", new Date(time.getTime() - 1))).toEqual(time);
			expect(previousSlot(often, "UTC", time)).toEqual(time);
			if (after !== undefined) expect(nextSlot(often, "UTC", time)).toEqual(after);
			if (before !== undefined)
				expect(previousSlot(often, "UTC", new Date(time.getTime() - 1))).toEqual(before);
		}
	});

	it("are those of the zone's own date, where that is another than in UTC", () => {
		const noon = schedule("0 12 1 * *");
		const at = new Date("2026-10-31T23:30:00Z");
		expect(nextSlot(noon, "Pacific/Kiritimati", at)).toEqual(new Date("2026-11-30T22:00:00Z"));
		expect(previousSlot(noon, "Pacific/Kiritimati", at)).toEqual(new Date("2026-10-31T22:00:00Z"));
		expect(nextSlot(noon, "Pacific/Pago_Pago", at)).toEqual(new Date("2026-11-01T23:00:00Z"));
		expect(previousSlot(noon, "Pacific/Pago_Pago", at)).toEqual(new Date("2026-10-01T23:00:00Z"));
	});
});
