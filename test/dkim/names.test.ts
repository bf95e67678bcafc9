import { describe, expect, it } from "vitest";
import { isForeignSelector, isSelector, keyRecordName, parseDomain } from "../../src/dkim/names.ts";

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
		for (const bad of ["", "A", "a_b", "a:b", "a%b", "a/b", "a#b", "..", "a.B", "A.b", "a b", "x".repeat(64)])
			expect(isSelector(bad), bad).toBe(false);
	});

	it("of selectors that others chose may be written otherwise, and still hold no syntax", () => {
		for (const good of ["Mail_2020", "S1", "202610", "a.B"]) expect(isForeignSelector(good), good).toBe(true);
		for (const bad of ["", ".", "..", "a..b", "a:b", "a%b", "a/b", "a#b", "a b", "*"])
			expect(isForeignSelector(bad), bad).toBe(false);
	});

	it("are as long as DNS allows, and no longer", () => {
		const label = "a".repeat(63);
		expect(parseDomain(`${label}.example`)).toBe(`${label}.example`);
		expect(parseDomain(`${label}a.example`)).toBeNull();
		const rest = ".aaaaaaaaa".repeat(25);
		expect(parseDomain(`aaa${rest}`)).toHaveLength(253);
		expect(parseDomain(`aaaa${rest}`)).toBeNull();
		expect(isSelector(label)).toBe(true);
		expect(isSelector(`a.${label}`)).toBe(false);
		expect(isForeignSelector("A".repeat(190))).toBe(true);
		expect(isForeignSelector("A".repeat(191))).toBe(false);
	});

	it("hold no letter that only looks plain once it is in lower case: the sign for Kelvin", () => {
		for (const bad of ["\u212aelvin.example", "a.\u212aelvin", "\u212a.\u212a"])
			expect(parseDomain(bad), bad).toBeNull();
	});

	it("hold hyphens inside labels only", () => {
		expect(parseDomain("a-b.xn--p1ai")).toBe("a-b.xn--p1ai");
		for (const bad of ["a-.example", "-a.example", "a.example-", "-.example"])
			expect(parseDomain(bad), bad).toBeNull();
	});

	it("lose one final dot, not more, and none inside", () => {
		expect(parseDomain("a.example.")).toBe("a.example");
		for (const bad of ["a.example..", ".a.example", ".", ""]) expect(parseDomain(bad), bad).toBeNull();
	});

	it("with a line break or anything before or after are none", () => {
		for (const bad of ["a.example\n", "\na.example", "a.example b", "b a.example"])
			expect(parseDomain(bad), bad).toBeNull();
		for (const bad of ["a\n", "\na", "!a", "a!"]) {
			expect(isSelector(bad), bad).toBe(false);
			expect(isForeignSelector(bad), bad).toBe(false);
		}
		expect(isForeignSelector(".a")).toBe(false);
	});

	it("of key records stand below _domainkey", () => {
		expect(keyRecordName("202611", "example.com")).toBe("202611._domainkey.example.com");
	});
});
