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
