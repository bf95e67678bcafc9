import { describe, expect, test } from "vitest";
import { hashOf } from "../../../src/durable.ts";
import type { SignerChange } from "../../../src/ports/signer.ts";
import { COMMAND_TABLE } from "../../../src/signers/command/table.ts";
import { parseRows, renderRows, type RowFormat } from "../../../src/signers/one-table/rows.ts";
import { LABELLED_KEYS } from "../../../src/signers/one-table/labelled-keys.ts";
import { EXIM_TABLE } from "../../../src/signers/exim/table.ts";
import { selectorMap } from "../../../src/signers/rspamd/selector-map.ts";

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

	test.each([
		[EXIM_TABLE, 0],
		[selectorMap((_domain, selector) => `/k/${selector}`), 1],
	])("of several rows of a domain turns that which counts in a $name", (format, place) => {
		const to = (selector: string) => ({ selector, keyPath: `/k/${selector}` });
		const lines = ["1", "2"].map((selector) => format.first("example.com", to(selector)));
		const text = `${lines.join("\n")}\n`;
		expect(parseRows(Buffer.from(text), format).findIndex(({ problem }) => problem === null)).toBe(place);
		const from = String(place + 1);
		const next = lines.with(place, format.first("example.com", to("3")));
		expect(rendered(text, [{ domain: "example.com", from, to: to("3") }], format)).toBe(
			`${next.join("\n")}\n`,
		);
		expect(() => rendered(text, [{ domain: "example.com", from, to: null }], format)).toThrow(
			`a line of example.com with ${2 - place}, which is not used now, would sign from then on`,
		);
	});

	test("loses the rows of keys that the key in use, which has a row, is put in place of", () => {
		const text = "example.com 1 /1\nexample.com 2 /2 # in use\nexample.com 3 /3\n";
		const to = { selector: "2", keyPath: "/2" };
		const changes = ["1", "3"].map((from) => ({ domain: "example.com", from, to }));
		expect(rendered(text, changes)).toBe("example.com 2 /2 # in use\n");
		const other = { ...to, keyPath: "/other" };
		expect(() => rendered(text, [{ domain: "example.com", from: "1", to: other }])).toThrow(
			"expected no line of example.com with 2, got one",
		);
	});

	test("has the next key, or that in use, under every name of a key that a signing table may use", () => {
		const text = "mail example.com:1:/1\nnews example.com:1:/1\nshop example.com:2:/2\n";
		expect(parseRows(Buffer.from(text), LABELLED_KEYS).map(({ problem }) => problem)).toEqual([
			null,
			null,
			null,
		]);
		const turned = (selector: string) => text.replaceAll(":1:/1", `:${selector}:/${selector}`);
		const to = (selector: string) => ({ selector, keyPath: `/${selector}` });
		for (const selector of ["2", "3"])
			expect(rendered(text, [{ domain: "example.com", from: "1", to: to(selector) }], LABELLED_KEYS)).toBe(
				turned(selector),
			);
	});

	test("says which of two key files of one selector is not turned", () => {
		const text = "mail example.com:1:/1\nnews example.com:1:/other\n";
		expect(parseRows(Buffer.from(text), LABELLED_KEYS).map(({ problem }) => problem)).toEqual([
			null,
			"an earlier line has another key file for its selector",
		]);
	});

	test("keeps bytes that are no UTF-8", () => {
		const text = `# \xff\xfe\n${TEXT}`;
		expect(rendered(text, [turn]).startsWith("# \xff\xfe\n")).toBe(true);
	});
});
