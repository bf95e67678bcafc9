import { describe, expect, test } from "vitest";
import { duration, durationMs, formatDuration } from "../../src/settings/durations.ts";
import { nearest } from "../../src/settings/nearest.ts";
import { endpoint } from "../../src/settings/plain-values.ts";
import { hasSlotBetween, readSchedule } from "../../src/settings/schedule.ts";
import { secretReference } from "../../src/settings/secret-reference.ts";

describe("durations", () => {
	test.each([
		["90s", 90_000, "90s"],
		["15m", 900_000, "15m"],
		["36h", 129_600_000, "36h"],
		["14d", 1_209_600_000, "14d"],
		["0d", 0, "0s"],
		["24h", 86_400_000, "1d"],
	])("%s", (text, ms, shown) => {
		expect(duration.parse(text)).toBe(ms);
		expect(durationMs(text)).toBe(ms);
		expect(formatDuration(ms)).toBe(shown);
	});

	test.each(["14", "1.5h", "-1d", "1w", "", " 1d", "1d ", "1D", "999999999d", 14, null])(
		"%j is none",
		(text) => {
			expect(duration.safeParse(text).success).toBe(false);
		},
	);
});

describe("the nearest name", () => {
	test.each([
		["grce", "grace"],
		["garce", "grace"],
		["Grace", "grace"],
		["publish-ahead", "publish_ahead"],
		["x", null],
		["bananas", null],
	])("of %s is %s", (name, found) => {
		expect(nearest(name, ["grace", "tombstone", "publish_ahead"])).toBe(found);
	});
});

describe("addresses", () => {
	test.each([
		["192.0.2.53", "192.0.2.53", 53],
		["127.0.0.1:5300", "127.0.0.1", 5300],
		["2001:db8::53", "2001:db8::53", 53],
		["[2001:db8::53]", "2001:db8::53", 53],
		["[::1]:5300", "::1", 5300],
	])("%s", (text, address, port) => {
		expect(endpoint.parse(text)).toEqual({ address, port });
	});

	test.each([
		"ns1.example.com",
		"127.0.0.1:0",
		"127.0.0.1:65536",
		"[127.0.0.1]:53",
		"1.2.3",
		"",
		":53",
		"[::1]:x",
	])("%s is none", (text) => {
		expect(endpoint.safeParse(text).success).toBe(false);
	});
});

describe("the schedule", () => {
	test.each([
		["0 3 1 * *", 28],
		["0 3 * * 1", 7],
		["0 3 1 1,7 *", 181],
		["0 3 29 2 *", 1461],
	])("%s fires again after %d days at the least", (expression, days) => {
		const read = readSchedule(expression);
		expect(read.kind === "schedule" && read.shortestMs / 86_400_000).toBe(days);
	});

	test("several times a day count too, and over midnight", () => {
		const read = readSchedule("0 1,23 * * *");
		expect(read.kind === "schedule" && read.shortestMs / 3_600_000).toBe(2);
	});

	test("a day of month and a day of week both have to match", () => {
		const read = readSchedule("30 3 1 * mon");
		expect(read).toMatchObject({ schedule: { daysOfMonth: [1], weekdays: [1] } });
	});

	test("slots lie in a window over midnight", () => {
		const read = readSchedule("30 0 1 * *");
		if (read.kind !== "schedule") throw new Error(read.why);
		expect(hasSlotBetween(read.schedule, 23 * 60, 60)).toBe(true);
		expect(hasSlotBetween(read.schedule, 23 * 60, 30)).toBe(false);
		expect(hasSlotBetween(read.schedule, 30, 31)).toBe(true);
	});
});

describe("secret references", () => {
	test.each([{ file: "/x" }, { env: "TOKEN" }, { credential: "token" }])("%j", (reference) => {
		expect(secretReference.parse(reference)).toEqual(reference);
	});

	test.each([
		"secret",
		{ file: "x" },
		{ file: "/x", env: "Y" },
		{},
		{ env: "A B" },
		{ credential: "../x" },
		null,
	])("%j is none", (reference) => {
		expect(secretReference.safeParse(reference).success).toBe(false);
	});
});
