import { describe, expect, test } from "vitest";
import { EXIM_TABLE } from "../../../src/signers/exim/table.ts";
import { parseRows } from "../../../src/signers/one-table/rows.ts";

describe("Exim's lookup file", () => {
	test.each([
		["example.com: selector=202610 key=/k/a", "example.com", "202610", "/k/a"],
		["Example.com\tkey=/k/a  note=x selector=202610", "example.com", "202610", "/k/a"],
		["example.com :key=/k/a selector=202610", "example.com", "202610", "/k/a"],
	])("%s", (line, domain, selector, path) => {
		expect(EXIM_TABLE.parse(line)).toEqual({ domain, selector, path, problem: null });
	});

	test.each(["", "# example.com: selector=1 key=/k", "  selector=1 key=/k", '"a b": selector=1 key=/k'])(
		"is not read from: %s",
		(line) => {
			expect(EXIM_TABLE.parse(line)).toBeNull();
		},
	);

	test.each([
		"example.com: selector=202610",
		'example.com: selector="202610" key=/k/a',
		"example.com: selector=202610 key=k/a",
		"example.com: myselector=202610 key=/k/a",
	])("cannot be turned in: %s", (line) => {
		expect(EXIM_TABLE.parse(line)?.problem).toEqual(expect.stringContaining("the line of example.com"));
	});

	test("is changed in two values only", () => {
		const to = { selector: "202611", keyPath: "/k/$&/b" };
		expect(EXIM_TABLE.turn("example.com:\tkey=/k/a  selector=202610 note=key", to)).toBe(
			"example.com:\tkey=/k/$&/b  selector=202611 note=key",
		);
	});

	test("has one line a domain: lsearch takes the first", () => {
		const bytes = Buffer.from("a.example: selector=1 key=/a\na.example: selector=2 key=/b\n");
		expect(parseRows(bytes, EXIM_TABLE).map(({ problem }) => problem)).toEqual([
			null,
			expect.stringContaining("an earlier line"),
		]);
	});
});
