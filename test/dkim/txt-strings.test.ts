import { assert, property, string } from "fast-check";
import { expect, test } from "vitest";
import { joinTxt, quoteTxt, splitTxt, unquoteTxt } from "../../src/dkim/txt-strings.ts";

test("what is quoted for a zone file comes back the same", () => {
	assert(
		property(string({ maxLength: 300, unit: "binary" }), (value) => {
			expect(unquoteTxt(quoteTxt(value))).toBe(value);
		}),
	);
});

test.each([
	['"a" "b"', "ab"],
	['"a""b"', "ab"],
	[' "a"\n"b" ', "ab"],
	['"say \\"hi\\" \\\\ \\065"', 'say "hi" \\ A'],
	['"v=DKIM1\\; p="', "v=DKIM1; p="],
	['""', ""],
])("%j is one text", (quoted, text) => {
	expect(unquoteTxt(quoted)).toBe(text);
});

test.each(["", "v=DKIM1; p=", '"a', 'a"', '"a" b', '"a\\"'])("%j is no quoted text", (text) => {
	expect(unquoteTxt(text)).toBeNull();
});

test.each([
	[0, [0]],
	[1, [1]],
	[255, [255]],
	[256, [255, 1]],
	[510, [255, 255]],
	[511, [255, 255, 1]],
])("a value of %i octets has strings of at most 255", (length, lengths) => {
	const value = "x".repeat(length);
	expect(splitTxt(value).map((octets) => octets.length)).toEqual(lengths);
	expect(joinTxt(splitTxt(value))).toBe(value);
});

test("a character that two strings share is whole again when they are joined", () => {
	const value = `${"x".repeat(254)}é`;
	expect(splitTxt(value).map((octets) => octets.length)).toEqual([255, 1]);
	expect(joinTxt(splitTxt(value))).toBe(value);
});

test.each([
	["plain; text", '"plain; text"'],
	["", '""'],
	['"\\', '"\\"\\\\"'],
	[" ~", '" ~"'],
	["\u0000\t\u001f\u007f", '"\\000\\009\\031\\127"'],
	["\u00e9", '"\\195\\169"'],
	["x".repeat(256), `"${"x".repeat(255)}" "x"`],
])("%j is quoted as a zone file has it", (value, quoted) => {
	expect(quoteTxt(value)).toBe(quoted);
});

test.each([
	['"a\\\\" "b"', "a\\b"],
	['"\\195\\169"', "\u00e9"],
	['"\\é\u{1f511}"', "é\u{1f511}"],
	['"1\\0656"', "1A6"],
	['"\\12"', "12"],
	['"a\nb"', "a\nb"],
	['"a" "bc"', "abc"],
	['"a" "\\"b"', 'a"b'],
])("%j is read as %j", (quoted, value) => {
	expect(unquoteTxt(quoted)).toBe(value);
});

test.each(['x"a"', '"a"x', '"a" "b', '"a"; "b"'])("%j is more than quoted texts", (text) => {
	expect(unquoteTxt(text)).toBeNull();
});
