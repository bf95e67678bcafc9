import { describe, expect, it } from "vitest";
import { isForeignSelector, isSelector, parseDomain } from "../../src/dkim/names.ts";

describe("names", () => {
	it("of domains are A-labels in lower case, at least two", () => {
		expect(parseDomain("Example.COM.")).toBe("example.com");
		for (const bad of [
			"localhost",
			"a..b",
			"*.example.com",
			"-a.example",
			"a_b.example",
			"a b.example",
			"../x.y",
			"é.example",
		])
			expect(parseDomain(bad), bad).toBeNull();
	});

	it("of our selectors hold nothing that is syntax anywhere", () => {
		for (const good of ["202611", "202611b-mx1", "a.b"]) expect(isSelector(good), good).toBe(true);
		for (const bad of ["", "A", "a_b", "a:b", "a%b", "a/b", "a#b", "..", "a b", "x".repeat(64)])
			expect(isSelector(bad), bad).toBe(false);
	});

	it("of selectors that others chose may be written otherwise, and still hold no syntax", () => {
		for (const good of ["Mail_2020", "S1", "202610", "a.B"]) expect(isForeignSelector(good), good).toBe(true);
		for (const bad of ["", ".", "..", "a..b", "a:b", "a%b", "a/b", "a#b", "a b", "*"])
			expect(isForeignSelector(bad), bad).toBe(false);
	});
});
