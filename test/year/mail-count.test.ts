import { expect, test } from "vitest";
import type { Arrival, Fate } from "../e2e/host/fate.ts";
import { countMail, type Harvest, mailFaults } from "./mail-count.ts";
import { mailTable } from "./report.ts";

const well: Harvest = {
	fates: [fate(1, "accepted"), fate(2, "accepted")],
	arrivals: [arrival(1, "202701", null), arrival(2, "202701", null)],
	late: [{ domain: "example.com", selector: "202701", ageHours: 100, reason: null }],
	pauses: [],
};

test("a year without a fault has none", () => {
	const count = countMail(well);
	expect(count).toMatchObject({ offered: 2, accepted: 2, verified: 2, unsigned: 0, invalid: 0, lost: 0 });
	expect(mailFaults(count)).toEqual([]);
});

test.each([
	["1 unsigned", { ...well, arrivals: [arrival(1, null, "unsigned"), arrival(2, "202701", null)] }],
	["1 invalid", { ...well, arrivals: [arrival(1, "202701", "neutral: no key"), arrival(2, "202701", null)] }],
	["1 lost", { ...well, arrivals: [arrival(1, "202701", null)] }],
	["1 rejected", { ...well, fates: [...well.fates, fate(3, "rejected")] }],
	[
		"1 lateInvalid",
		{ ...well, late: [{ domain: "example.com", selector: "202701", ageHours: 9, reason: "no key" }] },
	],
	["nothing verified", { ...well, fates: [], arrivals: [] }],
	["nothing lateLooks", { ...well, late: [] }],
] as const)("%s is a fault", (what, harvest) => {
	expect(mailFaults(countMail(harvest))).toContain(what);
});

test("a message that arrived twice counts once, and one that was cut off counts where it arrived", () => {
	const count = countMail({
		...well,
		fates: [fate(1, "accepted"), fate(2, "dropped")],
		arrivals: [arrival(1, "202701", null), arrival(1, "202701", null), arrival(2, "202701", null)],
	});
	expect(count).toMatchObject({ accepted: 1, verified: 2, lost: 0 });
});

test("mail refused during a pause is told apart from mail that a busy machine refused", () => {
	const count = countMail({
		...well,
		fates: [...well.fates, fate(3, "refused", 50_000), fate(4, "tempfailed", 90_000)],
		pauses: [{ from: 51_000, to: 55_000 }],
	});
	expect(count).toMatchObject({ refused: 1, refusedOtherwise: 1 });
	expect(mailFaults(count)).toEqual([]);
});

test("the table fits a terminal", () => {
	const lines = mailTable(countMail(well));
	expect(lines.length).toBeGreaterThan(8);
	expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(79);
});

function fate(number: number, became: Fate["fate"], at = number): Fate {
	return { number, offeredAt: at, endedAt: at + 10, fate: became, reply: "" };
}

function arrival(number: number, selector: string | null, reason: string | null): Arrival {
	const selectors = selector === null ? [] : [selector];
	return { number, selector, selectors, verdicts: [{ server: "127.0.0.1", reason }] };
}
