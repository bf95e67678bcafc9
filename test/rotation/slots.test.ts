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
	});
});
