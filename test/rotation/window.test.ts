import { describe, expect, it } from "vitest";
import { nextOpening, openSince } from "../../src/rotation/window.ts";

const BERLIN = "Europe/Berlin";
const day = { fromMinute: 9 * 60 + 30, toMinute: 11 * 60 + 15 };
const night = { fromMinute: 22 * 60, toMinute: 2 * 60 };

function since(window: typeof day, now: string, zone = "UTC"): string | null {
	return openSince(window, zone, new Date(now))?.toISOString() ?? null;
}

function opening(window: typeof day, now: string, zone = "UTC"): string {
	return nextOpening(window, zone, new Date(now)).toISOString();
}

describe("a window of the day", () => {
	it("is open from its first minute to before its last", () => {
		expect(since(day, "2026-11-22T09:29:59.999Z")).toBeNull();
		expect(since(day, "2026-11-22T09:30:00Z")).toBe("2026-11-22T09:30:00.000Z");
		expect(since(day, "2026-11-22T11:14:59.999Z")).toBe("2026-11-22T09:30:00.000Z");
		expect(since(day, "2026-11-22T11:15:00Z")).toBeNull();
		expect(since(day, "2026-11-22T00:00:00Z")).toBeNull();
	});

	it("opens next today, or tomorrow if it has opened", () => {
		expect(opening(day, "2026-11-22T09:29:59Z")).toBe("2026-11-22T09:30:00.000Z");
		expect(opening(day, "2026-11-22T09:30:00Z")).toBe("2026-11-23T09:30:00.000Z");
		expect(opening(day, "2026-11-30T23:00:00Z")).toBe("2026-12-01T09:30:00.000Z");
		expect(opening(day, "2026-12-31T23:00:00Z")).toBe("2027-01-01T09:30:00.000Z");
	});
});

describe("a window past midnight", () => {
	it("is open on both sides of midnight, since the evening", () => {
		expect(since(night, "2026-11-22T21:59:59Z")).toBeNull();
		expect(since(night, "2026-11-22T22:00:00Z")).toBe("2026-11-22T22:00:00.000Z");
		expect(since(night, "2026-11-23T01:59:59Z")).toBe("2026-11-22T22:00:00.000Z");
		expect(since(night, "2026-11-23T02:00:00Z")).toBeNull();
	});

	it("that ends when it begins is open all day", () => {
		const always = { fromMinute: 180, toMinute: 180 };
		expect(since(always, "2026-11-22T02:59:00Z")).toBe("2026-11-21T03:00:00.000Z");
		expect(since(always, "2026-11-22T03:00:00Z")).toBe("2026-11-22T03:00:00.000Z");
	});
});

describe("a window in a zone", () => {
	it("is that of the zone's day, not of the day in UTC", () => {
		const early = { fromMinute: 15, toMinute: 45 };
		expect(since(early, "2026-06-30T22:15:00Z", BERLIN)).toBe("2026-06-30T22:15:00.000Z");
		expect(opening(early, "2026-06-30T22:20:00Z", BERLIN)).toBe("2026-07-01T22:15:00.000Z");
	});

	it("opens with the next minute that exists where clocks jump over its first", () => {
		const lost = { fromMinute: 2 * 60 + 30, toMinute: 4 * 60 };
		expect(opening(lost, "2026-03-28T12:00:00Z", BERLIN)).toBe("2026-03-29T01:00:00.000Z");
		expect(since(lost, "2026-03-29T01:00:00Z", BERLIN)).toBe("2026-03-29T01:00:00.000Z");
		expect(since(lost, "2026-03-29T00:59:59Z", BERLIN)).toBeNull();
	});

	it("opens once where clocks go back", () => {
		const twice = { fromMinute: 2 * 60 + 30, toMinute: 4 * 60 };
		expect(opening(twice, "2026-10-24T12:00:00Z", BERLIN)).toBe("2026-10-25T00:30:00.000Z");
		expect(opening(twice, "2026-10-25T00:30:00Z", BERLIN)).toBe("2026-10-26T01:30:00.000Z");
	});
});
