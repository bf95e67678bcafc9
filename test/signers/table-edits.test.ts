import { expect, test } from "vitest";
import { appendLines, applyEdits, removeLine } from "../../src/signers/table-edits.ts";

const bytes = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

test("edits in any order change their own places only", () => {
	const edits = [
		{ start: 4, end: 5, text: "Ü" },
		{ start: 1, end: 1, text: "+" },
		{ start: 1, end: 2, text: "" },
	];
	expect(Buffer.from(applyEdits(bytes("abcdefg"), edits)).toString("utf8")).toBe("a+cdÜfg");
	expect(text(applyEdits(bytes("\xff\x00"), []))).toBe("\xff\x00");
});

test.each([
	["", "x\n"],
	["a\n", "a\nx\n"],
	["a", "a\nx\n"],
	["a\r\n", "a\r\nx\n"],
])("appended to %j it is %j", (table, expected) => {
	expect(text(applyEdits(bytes(table), [appendLines(bytes(table), ["x"])]))).toBe(expected);
	expect(text(applyEdits(bytes(table), [appendLines(bytes(table), [])]))).toBe(table);
});

test("a line goes with its line end, and the last one may have none", () => {
	const table = bytes("a\nbb\nc");
	const without = (start: number, end: number) =>
		text(applyEdits(table, [removeLine(table, { start, end })]));
	expect([without(0, 1), without(2, 4), without(5, 6)]).toEqual(["bb\nc", "a\nc", "a\nbb\n"]);
});
