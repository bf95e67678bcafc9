import { describe, expect, test } from "vitest";
import { hashOf } from "../../../src/durable.ts";
import type { SignerChange } from "../../../src/ports/signer.ts";
import { COMMAND_TABLE } from "../../../src/signers/command/table.ts";
import { parseRows, renderRows, type RowFormat } from "../../../src/signers/one-table/rows.ts";

const TEXT =
	"# mine\n\nexample.com\t202610  /keys/a.private # the shop's\r\n  Example.org 202609 /keys/b.private\n";
const turn: SignerChange = {
	domain: "example.com",
	from: "202610",
	to: { selector: "202611", keyPath: "/keys/example.com/202611.private" },
};

function rendered(text: string, changes: readonly SignerChange[], format: RowFormat = COMMAND_TABLE): string {
	const bytes = Buffer.from(text, "latin1");
	const [file] = renderRows({ path: "/table", bytes, hash: hashOf(bytes) }, changes, format);
	expect(file?.hashBefore).toBe(hashOf(bytes));
	return Buffer.from(file?.bytes ?? []).toString("latin1");
}

describe("a table with a row a line", () => {
	test("is read without comments and blank lines", () => {
		expect(parseRows(Buffer.from(TEXT), COMMAND_TABLE)).toEqual([
			{ domain: "example.com", selector: "202610", path: "/keys/a.private", problem: null },
			{ domain: "example.org", selector: "202609", path: "/keys/b.private", problem: null },
		]);
	});

	test("has only the selector and the path of the key in use changed", () => {
		expect(rendered(TEXT, [turn])).toBe(
			TEXT.replace("202610  /keys/a.private", "202611  /keys/example.com/202611.private"),
		);
	});

	test("gets a line for a first key at its end, also where the last line is open, and loses it again", () => {
		const first: SignerChange = { domain: "example.net", from: null, to: turn.to };
		const line = "example.net 202611 /keys/example.com/202611.private\n";
		expect(rendered(TEXT, [first])).toBe(`${TEXT}${line}`);
		expect(rendered("a.example 1 /k", [first])).toBe(`a.example 1 /k\n${line}`);
		expect(rendered("", [first])).toBe(line);
		expect(rendered(`${TEXT}${line}`, [{ domain: "example.net", from: "202611", to: null }])).toBe(TEXT);
	});

	test("says which rows it cannot turn, and turns none of them", () => {
		const text = "example.com 202610 keys/a\nexample.com 202610\nexample.org 1 /a\nexample.org 1 /b\n";
		expect(parseRows(Buffer.from(text), COMMAND_TABLE).map(({ problem }) => problem)).toEqual([
			"its key has a relative path: keys/a",
			expect.stringContaining("it is not"),
			null,
			expect.stringContaining("an earlier line"),
		]);
		expect(() => rendered(text, [turn])).toThrow("expected a line of example.com with 202610");
	});

	test.each([
		["a key in use that has no line", { ...turn, from: "202601" }],
		[
			"a first key of a selector that has a line",
			{ domain: "example.org", from: null, to: { selector: "202609", keyPath: "/k" } },
		],
		[
			"a path that the table would read otherwise",
			{ ...turn, to: { selector: "202611", keyPath: "/keys/a b" } },
		],
		["a comment as a path", { ...turn, to: { selector: "202611", keyPath: "/keys/#b" } }],
	])("refuses %s", (_what, change) => {
		expect(() => rendered(TEXT, [change])).toThrow(/table of keys/);
	});

	test("keeps bytes that are no UTF-8", () => {
		const text = `# \xff\xfe\n${TEXT}`;
		expect(rendered(text, [turn]).startsWith("# \xff\xfe\n")).toBe(true);
	});
});
