import { describe, expect, test } from "vitest";
import { duration, inLocalTime, localMinute, moment, plain, relative, wrap } from "../../src/report/words.ts";

const NOW = new Date("2026-11-22T12:00:00Z");
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe("lengths of time", () => {
	test.each([
		[0, "0 s"],
		[499, "0 s"],
		[45 * SECOND, "45 s"],
		[59_900, "1 min"],
		[MINUTE, "1 min"],
		[59.9 * MINUTE, "59 min"],
		[HOUR, "1 h"],
		[2 * HOUR + 10 * MINUTE, "2 h 10 min"],
		[47 * HOUR, "47 h"],
		[2 * DAY, "2 d"],
		[400 * DAY, "400 d"],
	])("%i ms are %s", (ms, words) => {
		expect(duration(ms)).toBe(words);
	});

	test("lie ahead, behind, or are now", () => {
		expect(relative(new Date(NOW.getTime() + 6 * DAY), NOW)).toBe("in 6 d");
		expect(relative(new Date(NOW.getTime() - 3 * HOUR), NOW)).toBe("3 h ago");
		expect(relative(new Date(NOW.getTime() + 200), NOW)).toBe("now");
	});
});

describe("moments", () => {
	test.each([
		["Europe/Berlin", "2026-11-22 13:00 +01:00"],
		["UTC", "2026-11-22 12:00 +00:00"],
		["Asia/Kolkata", "2026-11-22 17:30 +05:30"],
		["America/St_Johns", "2026-11-22 08:30 -03:30"],
	])("in %s have its offset", (timezone, words) => {
		expect(localMinute(NOW, timezone)).toBe(words);
	});

	test("tell the offset of their own season", () => {
		expect(localMinute(new Date("2026-07-01T12:00:00Z"), "Europe/Berlin")).toBe("2026-07-01 14:00 +02:00");
	});

	test("say how far off they are", () => {
		expect(moment(new Date("2026-12-01T02:00:00Z"), NOW, "Europe/Berlin")).toBe(
			"2026-12-01 03:00 +01:00, in 8 d",
		);
	});

	test("inside a sentence become local", () => {
		expect(inLocalTime("due 2026-12-01T02:00:00.000Z, made 2026-11-28T02:00:00Z", "Europe/Berlin")).toBe(
			"due 2026-12-01 03:00 +01:00, made 2026-11-28 03:00 +01:00",
		);
		expect(inLocalTime("serial 2026120102 at 2026-12-01", "UTC")).toBe("serial 2026120102 at 2026-12-01");
	});
});

describe("foreign text", () => {
	test.each([
		["\u001b[2J", "\\u001b[2J"],
		["\u009b1m", "\\u009b1m"],
		["a\rb", "a\\u000db"],
		["\u202etxt", "\\u202etxt"],
		["\u2066x\u2069", "\\u2066x\\u2069"],
		["\u0000\u007f", "\\u0000\\u007f"],
		["zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"],
	])("%j is shown, not obeyed", (text, shown) => {
		expect(plain(text)).toBe(shown);
		expect(plain(shown)).toBe(shown);
	});

	test("keeps line ends, tabs and letters of all scripts", () => {
		expect(plain("ä\t例え\n✓")).toBe("ä\t例え\n✓");
	});
});

describe("wrapping", () => {
	test("breaks at blanks, and indents what follows", () => {
		const text = "word ".repeat(40).trimEnd();
		const lines = wrap(text, 30, "  ", "    ").split("\n");
		expect(lines.length).toBeGreaterThan(5);
		expect(lines.every((line) => line.length <= 30)).toBe(true);
		expect(lines[0]).toMatch(/^ {2}word/);
		expect(lines.slice(1).every((line) => /^ {4}word/.test(line))).toBe(true);
		expect(lines.join(" ").replaceAll(/\s+/g, " ").trim()).toBe(text);
	});

	test("keeps what is to be copied whole", () => {
		const name = `${"a".repeat(90)}.example`;
		expect(wrap(`see ${name} there`, 40).split("\n")).toEqual(["see", name, "there"]);
	});

	test("keeps empty lines", () => {
		expect(wrap("a\n\nb", 10, "> ")).toBe("> a\n> \n> b");
	});
});
