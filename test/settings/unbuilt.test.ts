import { expect, test } from "vitest";
import { parseSettings } from "../../src/settings/parse-settings.ts";
import { LATER_TYPES, UNBUILT, UNBUILT_RULE } from "../../src/settings/unbuilt.ts";
import { readYaml } from "../../src/settings/yaml-source.ts";
import { schemas } from "./schemas.ts";

const SENTENCE = "the feature of this key is not built yet";
const context = { path: "keyturn.yaml", schemas, host: "mx1", timezone: "UTC" };

function faultPaths(top: readonly string[], domain: readonly string[] = []): readonly string[] {
	const text = [
		"signer: { type: opendkim, keys: /k }",
		...(top.some((line) => line.startsWith("providers"))
			? []
			: ["providers: { home: { type: rfc2136, server: '127.0.0.1:53', keyfile: /k } }"]),
		...(top.some((line) => line.startsWith("domains"))
			? []
			: [
					`domains: [{ name: example.com, ${["provider: home", ...domain].slice(domain.some((own) => own.startsWith("provider")) ? 1 : 0).join(", ")} }]`,
				]),
		...top,
	].join("\n");
	const result = parseSettings(readYaml(text, context.path), context);
	const faults = "faults" in result ? result.faults : [];
	expect(new Set(faults.map((fault) => fault.rule))).toEqual(new Set([SENTENCE]));
	return faults.map((fault) => fault.path);
}

const OVERRIDABLE: readonly (readonly [string, string])[] = [
	["verify: { via: [resolver, 'https://dns.example/dns-query'] }", "verify.via"],
];

const TOP: readonly (readonly [string, string])[] = [
	["state: { postgresql: { file: /x } }", "state"],
	["domains: { from: signer, provider: home }", "domains"],
	["domains: { file: /etc/keyturn/domains.yaml }", "domains"],
];

test("the sentence is that of the contract", () => {
	expect(UNBUILT_RULE).toBe(SENTENCE);
});

test.each([...OVERRIDABLE, ...TOP])("%s", (line, path) => {
	expect(faultPaths([line])).toEqual([path]);
});

test.each(OVERRIDABLE)("for one domain: %s", (line, path) => {
	expect(faultPaths([], [line])).toEqual([`domains[0].${path}`]);
});

test("types that are named in the documents and have no adapter yet", () => {
	expect(LATER_TYPES.signers).toEqual([]);
	const { rfc2136 } = schemas.providers;
	const few = { ...context, schemas: { ...schemas, providers: { rfc2136 } } };
	const signed = parseSettings(
		readYaml(
			`signer: { type: opendkim, keys: /k }\nproviders: { h: { type: cloudflare, token: { env: X } }, i: { type: rfc2136, server: '127.0.0.1:53', keyfile: /k } }\ndomains: [{ name: example.com, provider: h }]`,
			context.path,
		),
		few,
	);
	const faults = "faults" in signed ? signed.faults : [];
	expect(faults.map((fault) => fault.rule)).toEqual([SENTENCE]);
});

test("the defaults written out ask for nothing that is not built", () => {
	const lines = [
		"standby: false",
		"spread: 0d",
		"key: [{ algorithm: rsa, bits: 2048 }]",
		"verify: { via: [servers] }",
		"retire: { tombstone: 0d, publish_private: /srv/keys }",
		"hooks: { pre: [], deploy: [], post: [] }",
		"metrics: { textfile: null, listen: null }",
		"status: { html: null }",
		"signer: { type: opendkim, keys: /k }",
		"providers: { home: { type: rfc2136, server: '127.0.0.1:53', keyfile: /k } }",
		"domains: [{ name: example.com, provider: [home] }]",
	];
	expect(parseSettings(readYaml(lines.join("\n"), context.path), context)).toHaveProperty("settings");
});

test("every row of the table is tried here", () => {
	expect(UNBUILT).toHaveLength(OVERRIDABLE.length * 2 + TOP.length - 1);
});
