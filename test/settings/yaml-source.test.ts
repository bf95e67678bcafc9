import { describe, expect, test } from "vitest";
import { readYaml } from "../../src/settings/yaml-source.ts";

const bomb = [
	"a: &a [x, x, x, x, x, x, x, x, x]",
	..."bcdefghi".split("").map((name, index) => `${name}: &${name} [${`*${"abcdefghi"[index]}, `.repeat(9)}]`),
].join("\n");

/** Text, line and column of the first fault, and what it says. */
const HOSTILE: readonly (readonly [string, string, number, number, RegExp])[] = [
	["a billion laughs", bomb, 1, 7, /anchors/],
	["an alias", "a: 1\nb: *a", 2, 4, /aliases/],
	["too large", `a: ${"x".repeat(1024 * 1024)}`, 1, 1, /at most 1 MiB/],
	["binary", "a: \u0000\u0001b", 1, 4, /control characters, got U\+0000/],
	["bytes that are no UTF-8", "a: 1\nb: \ufffd", 2, 4, /U\+FFFD/],
	["a terminal's escape", "a: \u001b[2J", 1, 4, /U\+001B/],
	["a right-to-left override", "a: \u202e", 1, 4, /U\+202E/],
	["__proto__", "retire: { __proto__: { grace: 1s } }", 1, 11, /__proto__ is not allowed/],
	["a quoted __proto__", '"__proto__": { a: 1 }', 1, 1, /__proto__ is not allowed/],
	["a merge key", "<<: { a: 1 }", 1, 1, /<< is not allowed/],
	["a tag", "a: !!binary aGk=", 1, 13, /tags/],
	["a key twice", "a: 1\nb: 2\na: 3", 3, 1, /stands twice/],
	["a key that is a list", "[1, 2]: 3", 1, 1, /a key must be a plain text/],
	["two documents", "a: 1\n---\nb: 2", 2, 1, /one document/],
	["tabs", "a:\n\tb: 1", 2, 1, /not tabs/],
	["blanks of a web page before a key", "a:\n  b: 1\n\u00a0\u00a0c: 2", 3, 1, /plain blanks, got U\+00A0/],
	["one behind a dash", "a:\n  -\u00a0{ b: 1 }", 2, 4, /plain blanks, got U\+00A0/],
	["one behind a colon", "a:\n  - b:\u202f1", 2, 7, /plain blanks, got U\+202F/],
	["a sign without width before a key", "a: 1\n\u200bb: 2", 2, 1, /plain blanks, got U\+200B/],
	[
		"the mark of a file that was put behind another",
		"\ufeffa: 1\n\ufeffb: 2",
		2,
		1,
		/plain blanks, got U\+FEFF/,
	],
	["a bracket left open", "a: [1, 2\nb: 3", 2, 1, /must be YAML/],
	["brackets without end", "[".repeat(1_000_000), 1, 201, /nested/],
	["brackets and their end", `${"[".repeat(5000)}${"]".repeat(5000)}`, 1, 201, /nested/],
	["dashes without end", "- ".repeat(500_000), 1, 1, /nested/],
	["question marks without end", "? ".repeat(500_000), 1, 1, /nested/],
	["an endless indentation", `a:\n${" ".repeat(900_000)}b: 1`, 2, 1, /nested/],
	["thirty levels", `${"[".repeat(30)}${"]".repeat(30)}`, 1, 26, /nested/],
];

describe("hostile and broken text is refused with its place", () => {
	test.each(HOSTILE)("%s", (_, text, line, column, rule) => {
		const read = readYaml(text, "f");
		const faults = "faults" in read ? read.faults : [];
		expect(faults[0]).toMatchObject({ file: "f", line, column, rule: expect.stringMatching(rule) as string });
		expect(faults.length).toBeLessThanOrEqual(25);
	});

	test.each([
		"# Pas d'acc\u00e8s\u00a0: rien\na: 1",
		"a: 'b:\u00a0c'",
		"a: b\u00a0c # d:\u00a0e",
		"\ufeffa: 1",
		`${" ".repeat(300)}${"-".repeat(900_000)}`,
	])("%j has its blanks where they mean nothing", (text) => {
		expect(JSON.stringify(readYaml(text, "f"))).not.toContain("plain blanks");
	});

	test("of a line indented with a tab the tab alone is told", () => {
		expect(readYaml("domains:\n  - { name: a }\n\t- { name: b }\n  - { name: c }\n", "f")).toEqual({
			faults: [expect.objectContaining({ line: 3, rule: "must be indented with blanks, not tabs" })],
		});
	});

	test("eighty thousand keys in one map are read in a few seconds", () => {
		const text = Array.from({ length: 80_000 }, (_, index) => `k${index}: 1`).join("\n");
		expect(readYaml(text, "f")).not.toHaveProperty("faults");
	}, 20_000);

	test("nothing reaches a prototype", () => {
		readYaml("__proto__: { polluted: 1 }\nconstructor: { prototype: { polluted: 1 } }", "f");
		expect({}).not.toHaveProperty("polluted");
	});
});

describe("what is there has its place", () => {
	const source = readYaml("a: 1\n# no\nb:\n  - c: 0x10\n    d: 'e'\n", "f");
	if ("faults" in source) throw new Error("expected no fault");

	test("of the value, of its key, and of what is around it", () => {
		expect(source.value).toEqual({ a: 1, b: [{ c: 16, d: "e" }] });
		expect(source.locate(["b", 0, "c"], "value")).toMatchObject({ line: 4, column: 8 });
		expect(source.locate(["b", 0, "c"], "key")).toMatchObject({ line: 4, column: 5 });
		expect(source.locate(["b", 0, "x", "y"], "value")).toMatchObject({ line: 4, column: 5 });
		expect(source.locate(["x"], "value")).toMatchObject({ line: 1, column: 1 });
	});

	test("and its line without end and comment, whatever ends it", () => {
		const lines = ["a: 1 # old: hunter2", "b: 2 # old:\u2028hunter2", "c: 3"];
		const read = readYaml(`${lines.join("\r\n")}\r\n`, "f");
		if ("faults" in read) throw new Error("expected no fault");
		const shown = ["a", "b", "c"].map((key) => read.locate([key], "value").excerpt);
		expect(shown.map((line) => line?.trimEnd())).toEqual(["a: *", "b: *", "c: *"]);
		expect(shown[2]).toBe("c: *");
	});

	test("and is known as it is written", () => {
		expect(source.written(["b", 0, "c"])).toBe("0x10");
		expect(source.written(["b", 0, "d"])).toBe("e");
		expect(source.written(["b"])).toBeNull();
		expect(source.has(["b", 0, "x"])).toBe(false);
	});
});
