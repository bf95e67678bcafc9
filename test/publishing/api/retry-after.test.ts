import { expect, test } from "vitest";
import { retryAfterMs } from "../../../src/publishing/api/retry-after.ts";

const NOW = new Date("2026-11-01T12:00:00Z");

test.each([
	["120", 120_000],
	[" 0 ", 0],
	["Sun, 01 Nov 2026 12:01:00 GMT", 60_000],
	["Sun, 01 Nov 2026 11:59:00 GMT", 0],
	["999999999", 86_400_000],
	["Tue, 01 Nov 2033 12:00:00 GMT", 86_400_000],
	["", null],
	["soon", null],
	["-5", null],
	["1e9", null],
	["2026-11-01T12:01:00Z", null],
])("%j means %j", (text, expected) => {
	expect(retryAfterMs({ "retry-after": text }, NOW)).toBe(expected);
});

test("a date is told by the server's clock, however far ours is from it", () => {
	const headers = { "retry-after": "Sun, 01 Nov 2026 15:00:30 GMT", date: "Sun, 01 Nov 2026 15:00:00 GMT" };
	expect(retryAfterMs(headers, NOW)).toBe(30_000);
	expect(retryAfterMs({ ...headers, date: "soon" }, NOW)).toBe(3 * 3_600_000 + 30_000);
});

test("a server that does not say says nothing", () => {
	expect(retryAfterMs({}, NOW)).toBeNull();
});
