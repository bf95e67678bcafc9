import { expect, test } from "vitest";
import { KeyturnError } from "../../../src/errors.ts";
import { createZoneSearch } from "../../../src/publishing/api/zones.ts";

const ZONES = [
	{ name: "example.test", id: "1" },
	{ name: "mail.example.test", id: "2" },
	{ name: "twice.test", id: "3" },
	{ name: "twice.test", id: "4" },
];
const signal = new AbortController().signal;

test.each([
	["by its list of zones", createZoneSearch("fake", { all: async () => ZONES })],
	[
		"by asking for each",
		createZoneSearch("fake", { named: async (name) => ZONES.filter((zone) => zone.name === name) }),
	],
	["by an interface that says which holds a name", createZoneSearch("fake", { holding: async () => ZONES })],
	["by an interface that does not filter", createZoneSearch("fake", { named: async () => ZONES })],
])("finds the longest zone %s", async (_, search) => {
	expect(await search.find("s._domainkey.mail.example.test", signal)).toEqual({
		kind: "zone",
		zone: "mail.example.test",
	});
	expect(await search.find("s._domainkey.xmail.example.test", signal)).toEqual({
		kind: "zone",
		zone: "example.test",
	});
	expect(await search.find("example.test", signal)).toEqual({ kind: "zone", zone: "example.test" });
	expect(await search.find("xexample.test", signal)).toMatchObject({ kind: "none" });
	expect(await search.find("s._domainkey.twice.test", signal)).toEqual({
		kind: "ambiguous",
		zones: ["twice.test (3)", "twice.test (4)"],
	});
	expect(await search.exact("mail.example.test", signal)).toMatchObject({ id: "2" });
	await expect(search.exact("elsewhere.test", signal)).rejects.toMatchObject({ code: "provider.zone" });
	await expect(search.exact("twice.test", signal)).rejects.toMatchObject({ code: "provider.ambiguous" });
});

test("a name with an underscore that an interface refuses is no zone, and no end of the search", async () => {
	const search = createZoneSearch("fake", { named: refusing(/^(?:.*\.)?_|^s\./) });
	expect(await search.find("s._domainkey.example.test", signal)).toEqual({
		kind: "zone",
		zone: "example.test",
	});
	await expect(search.find("s._domainkey.elsewhere.test", signal)).rejects.toMatchObject({
		code: "provider.refused",
		message: "fake: s._domainkey.elsewhere.test is no domain",
	});
	await expect(search.exact("_domainkey.example.test", signal)).rejects.toMatchObject({
		code: "provider.refused",
	});
});

test("another refusal, and another failure, ends the search", async () => {
	const refused = createZoneSearch("fake", { named: refusing(/^mail\./) });
	await expect(refused.find("s._domainkey.mail.example.test", signal)).rejects.toMatchObject({
		code: "provider.refused",
		message: "fake: mail.example.test is no domain",
	});
	const denied = createZoneSearch("fake", { named: refusing(/^_/, "provider.denied") });
	await expect(denied.find("_domainkey.example.test", signal)).rejects.toMatchObject({
		code: "provider.denied",
	});
});

test("a copy of another server's zone is none, and no zone above it stands in for it", async () => {
	const held = ZONES.map((zone) => (zone.name === "mail.example.test" ? { ...zone, copy: "Slave" } : zone));
	const search = createZoneSearch("fake", { all: async () => held });
	expect(await search.find("s._domainkey.mail.example.test", signal)).toMatchObject({
		kind: "none",
		why: expect.stringContaining("(Slave)"),
	});
	expect(await search.find("s._domainkey.example.test", signal)).toMatchObject({ kind: "zone" });
	await expect(search.exact("mail.example.test", signal)).rejects.toMatchObject({
		code: "provider.zone",
		hint: expect.stringContaining("primary"),
	});
});

function refusing(names: RegExp, code: "provider.refused" | "provider.denied" = "provider.refused") {
	return async (name: string) => {
		if (names.test(name)) throw new KeyturnError(code, `fake: ${name} is no domain`);
		return ZONES.filter((zone) => zone.name === name);
	};
}
