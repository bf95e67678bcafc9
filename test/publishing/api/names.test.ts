import { expect, test } from "vitest";
import { absoluteName, plainName, relativeName } from "../../../src/publishing/api/names.ts";

test.each([
	["s._domainkey.example.test", "s._domainkey"],
	["example.test", ""],
])("%s is %j in example.test, and back", (name, relative) => {
	expect(relativeName(name, "example.test")).toBe(relative);
	expect(absoluteName(relative, "example.test")).toBe(name);
});

test("the zone's own name and others' ways of writing one are understood", () => {
	expect(absoluteName("@", "example.test")).toBe("example.test");
	expect(absoluteName("S._DomainKey", "example.test")).toBe("s._domainkey.example.test");
	expect(plainName("S._DomainKey.Example.Test.")).toBe("s._domainkey.example.test");
});

test.each([
	["bücher.test", "xn--bcher-kva.test"],
	["S1._DomainKey.BÜCHER.Test.", "s1._domainkey.xn--bcher-kva.test"],
	["s1._domainkey.日本.jp", "s1._domainkey.xn--wgv71a.jp"],
	["xn--bcher-kva.test", "xn--bcher-kva.test"],
	["*.bücher.test", "*.xn--bcher-kva.test"],
])("%s is %s: international names are compared in their A-labels", (shown, name) => {
	expect(plainName(shown)).toBe(name);
	expect(absoluteName(shown, "example.test")).toBe(`${name}.example.test`);
});

test.each(["ü/x.test", "ü@x.test", "ü%41.test", "ü:1.test", "１２７.test", "a。ü.test", "\u00ad.test"])(
	"%j has a label that no name of the DNS stands for, and stays as it is",
	(name) => {
		expect(plainName(name)).toBe(name);
	},
);
