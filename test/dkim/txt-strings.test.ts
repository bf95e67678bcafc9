import { assert, property, string } from "fast-check";
import { expect, test } from "vitest";
import { quoteTxt, unquoteTxt } from "../../src/dkim/txt-strings.ts";

test("what is quoted for a zone file comes back the same", () => {
	assert(
		property(string({ maxLength: 800, unit: "binary" }), (value) => {
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
