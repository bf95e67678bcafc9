import { expect, test } from "vitest";
import { type DomainEntry, entryFor, withDomain } from "../../src/settings/add-domain.ts";
import type { Settings } from "../../src/settings/settings.ts";

const entry: DomainEntry = { domain: "example.org", provider: "home", signer: null };
const line = "{ name: example.org, provider: home }";

function added(text: string, given = entry): string {
	const result = withDomain(text, given);
	return result.kind === "added" ? result.text : result.why;
}

test.each([
	[
		"a block list",
		"domains:\n  - { name: a.example, provider: home }\n",
		`domains:\n  - { name: a.example, provider: home }\n  - ${line}\n`,
	],
	[
		"a list that is not indented",
		"domains:\n- name: a.example\n  provider: home\nhost: x\n",
		`domains:\n- name: a.example\n  provider: home\n- ${line}\nhost: x\n`,
	],
	[
		"comments beside and behind",
		"domains: # ours\n  - name: a.example # first\n    provider: home # at home\n\n  # more below\nhost: x # y\n",
		`domains: # ours\n  - name: a.example # first\n    provider: home # at home\n  - ${line}\n\n  # more below\nhost: x # y\n`,
	],
	[
		"no line end",
		"domains:\n  - { name: a.example, provider: home }",
		`domains:\n  - { name: a.example, provider: home }\n  - ${line}\n`,
	],
	[
		"a flow list",
		"domains: [ { name: a.example, provider: home } ] # all\nhost: x\n",
		`domains: [ { name: a.example, provider: home }, ${line} ] # all\nhost: x\n`,
	],
	[
		"a flow list over lines",
		"domains: [\n  { name: a.example, provider: home },\n]\n",
		`domains: [\n  { name: a.example, provider: home }, ${line},\n]\n`,
	],
	[
		"quotes, order and blanks that a printer would change",
		"host:   'x'\ndomains:\n    -   {name: \"a.example\",provider: home}\nkey: {algorithm: rsa,   bits: 2048}\n",
		`host:   'x'\ndomains:\n    -   {name: "a.example",provider: home}\n    - ${line}\nkey: {algorithm: rsa,   bits: 2048}\n`,
	],
	[
		"CRLF",
		"domains:\r\n  - { name: a.example, provider: home }\r\nhost: x\r\n",
		`domains:\r\n  - { name: a.example, provider: home }\r\n  - ${line}\nhost: x\r\n`,
	],
])("adds to %s, and changes nothing else", (_, text, expected) => {
	expect(added(text)).toBe(expected);
});

test("names a signer for each key where several are given, each of which there has to be", () => {
	const settings = {
		providers: [{ name: "home" }],
		signers: [{ name: "a" }, { name: "b" }],
	} as unknown as Settings;
	const asked = { domain: "example.org", provider: null, signer: "b,a" };
	const found = entryFor(asked, settings, "keyturn.yaml");
	expect(added("domains:\n  - { name: a.example, provider: home }\n", found)).toContain(
		"{ name: example.org, provider: home, signer: [b, a] }",
	);
	expect(() => entryFor({ ...asked, signer: "b,c" }, settings, "keyturn.yaml")).toThrow(
		"c is no name under signers",
	);
});

test("names the signer where it is given", () => {
	expect(added("domains:\n  - { name: a.example, provider: home }\n", { ...entry, signer: "b" })).toContain(
		"{ name: example.org, provider: home, signer: b }",
	);
});

test.each([
	["domains: { from: signer, provider: home }\n", "no list"],
	["host: x\n", "no list"],
	["domains: []\n", "not one that keyturn adds to"],
	["domains: [\n", "not YAML"],
	["", "not YAML"],
])("leaves %j to its administrator", (text, why) => {
	expect(withDomain(text, entry)).toEqual({ kind: "refused", why: expect.stringContaining(why) as string });
});
