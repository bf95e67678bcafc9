import { expect, test } from "vitest";
import { retryAfterMs } from "../../../src/publishing/api/retry-after.ts";

const NOW = new Date("2026-11-01T12:00:00Z");

test.each([
	["120", 120_000],
	[" 0 ", 0],
	["Sun, 01 Nov 2026 12:01:00 GMT", 60_000],
	["Sun, 01 Nov 2026 11:59:00 GMT", 0],
	["", null],
	["soon", null],
	["-5", null],
	["1e9", null],
	["2026-11-01T12:01:00Z", null],
])("%j means %j", (text, expected) => {
	expect(retryAfterMs({ "retry-after": text }, NOW)).toBe(expected);
});

test("a server that does not say says nothing", () => {
	expect(retryAfterMs({}, NOW)).toBeNull();
});
