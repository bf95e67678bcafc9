import { expect, test } from "vitest";
import { hoursFrom, momentsOf, monthsOf } from "./calendar.ts";

const HOUR_MS = 3_600_000;

test("a month is called as its selectors, and its key is due at three in the morning, in summer and in winter", () => {
	const months = monthsOf(2027, 1, 14);
	expect(months).toHaveLength(14);
	expect(months[0]).toEqual({ name: "202701", dueAt: new Date("2027-01-01T02:00:00Z") });
	expect(months[6]).toEqual({ name: "202707", dueAt: new Date("2027-07-01T01:00:00Z") });
	expect(months[13]?.name).toBe("202802");
	expect(monthsOf(2027, 7, 2)).toEqual(months.slice(6, 8));
});

test("the moments of all months are one ascending row, close together around each turn", () => {
	const months = monthsOf(2027, 1, 12);
	const start = new Date("2026-12-20T12:00:00Z");
	const moments = months.flatMap((month, index) =>
		momentsOf(month, months[index + 1] ?? null, index === 0 ? start : null),
	);
	expect(moments.length).toBeGreaterThan(12 * 12);
	const gaps = moments.map((at, index) => at.getTime() - (moments[index - 1] ?? start).getTime());
	expect(Math.min(...gaps)).toBeGreaterThan(5 * 60_000);
	expect(Math.max(...gaps)).toBeLessThanOrEqual(72 * HOUR_MS);
	for (const month of months) {
		const night = moments.filter((at) => at >= month.dueAt && at <= hoursFrom(month, 1));
		expect(night).toHaveLength(2);
	}
});

test("the last month goes on until the record before it may be gone: a day, the grace, and the jitter", () => {
	const [month] = monthsOf(2027, 1, 1);
	if (month === undefined) throw new Error("no month");
	const last = momentsOf(month, null).at(-1);
	expect(last?.getTime()).toBeGreaterThan(hoursFrom(month, 24 + 14 * 24 + 6).getTime());
});
