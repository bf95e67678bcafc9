import { expect, test } from "vitest";
import { type Fault, faultSentence, formatFaults, formatPath, printable } from "../../src/settings/faults.ts";

const fault: Fault = {
	file: "/etc/keyturn/keyturn.yaml",
	line: 12,
	column: 5,
	path: "retire.grce",
	rule: "is no key here",
	value: null,
	consequence: "it would have no effect",
	hint: "did you mean `grace`?",
	excerpt: "    grce: 14d",
};

test("a fault has its place, its line with a caret, rule and consequence", () => {
	expect(formatFaults([fault])).toBe(
		[
			"/etc/keyturn/keyturn.yaml:12:5 retire.grce",
			"  |     grce: 14d",
			"  |     ^",
			"  is no key here (did you mean `grace`?)",
			"  otherwise: it would have no effect",
		].join("\n"),
	);
});

test("no line is longer than 80 columns, and the caret stays under its column", () => {
	const long: Fault = {
		...fault,
		file: `/${"x".repeat(120)}`,
		column: 301,
		excerpt: `${"a".repeat(300)}HERE${"b".repeat(300)}`,
		rule: "word ".repeat(60).trim(),
	};
	const lines = formatFaults([long, fault]).split("\n");
	expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
	const shown = lines.findIndex((line) => line.includes("HERE"));
	expect(lines[shown + 1]?.indexOf("^")).toBe(lines[shown]?.indexOf("HERE"));
});

test("in a log it is one line", () => {
	expect(faultSentence({ ...fault, value: '"1"' })).toBe(
		'/etc/keyturn/keyturn.yaml:12:5 retire.grce: is no key here, got "1" (did you mean `grace`?): it would have no effect',
	);
});

test("names that are no plain words are quoted, and nothing commands a terminal", () => {
	expect(formatPath(["domains", 0, "a.b", "c"])).toBe('domains[0]."a.b".c');
	expect(printable("a\u001b[2Jb\nc")).toBe("a?[2Jb?c");
	expect(printable("a\u2028b\u2029c")).toBe("a?b?c");
});

test("a character of two halves is shown whole or not at all, wherever a line is cut", () => {
	for (let before = 0; before < 90; before += 1) {
		const long = `${"a".repeat(before)}${"\u{10000}".repeat(200)}`;
		const told = formatFaults([
			{ ...fault, value: printable(long), rule: long, excerpt: long, column: before + 1 },
		]);
		expect(told, String(before)).not.toMatch(/\p{Cs}/u);
		expect(told.split("\u{10000}").length, String(before)).toBeGreaterThan(200);
	}
});
