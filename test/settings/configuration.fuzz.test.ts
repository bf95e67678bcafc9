/** Whatever stands in keyturn.yaml: settings or a list of faults, for the agent and for the door. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseDomain } from "../../src/dkim/names.ts";
import { type Fault, faultSentence, formatFaults } from "../../src/settings/faults.ts";
import { namedTypes } from "../../src/settings/named-types.ts";
import { parseDoorSettings } from "../../src/settings/parse-door-settings.ts";
import { parseSettings } from "../../src/settings/parse-settings.ts";
import { readYaml } from "../../src/settings/yaml-source.ts";
import { fuzzed, PATIENCE } from "../fuzz/fuzzing.ts";
import { mutatedText } from "../fuzz/mutations.ts";
import { anyName, anyText, NEVER_SHOWN } from "../fuzz/nasty-text.ts";
import { schemas } from "./schemas.ts";

const PLAIN = `schedule: "0 3 1 * *"
timezone: Europe/Berlin
window: "02:00-05:00"
selector: "{yyyy}{mm}"
verify: { nameservers: ["192.0.2.53"], resolvers: [system], soak: 10m }
signers:
  main: { type: opendkim, config: /etc/opendkim.conf, keys: /etc/opendkim/keys }
services: { stop: [postfix, opendkim], start: [opendkim, postfix] }
providers:
  home: { type: rfc2136, server: "127.0.0.1:53", keyfile: /k }
domains:
  - { name: example.com, provider: home }
  - name: example.org
    provider: home
    signer: main
    record: { ttl: 1h, notes: x }
alerts:
  - { type: webhook, url: "https://example.net/secret", hmac: { file: /hmac } }
  - { type: command, run: [/bin/page] }
`;
const MINIMAL = `signer: { type: opendkim, config: /c, keys: /k }\nproviders: { home: { type: rfc2136, server: "127.0.0.1:53", keyfile: /k } }\ndomains: [{ name: example.com, provider: home }]\n`;

/** Each its own way to break a reader. */
const NASTY_YAML: readonly (readonly [what: string, text: string])[] = [
	["nothing", ""],
	[
		"a billion laughs",
		`a: &a [x,x]\n${"bcdefghi".replaceAll(/./g, (c) => `${c}: &${c} [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n`)}`,
	],
	["an alias to itself", "a: &a [*a]\n"],
	["merge keys", "a: &a { b: 1 }\nc: { <<: *a }\n"],
	["__proto__", `${MINIMAL}__proto__: { polluted: true }\n`],
	["__proto__ below", MINIMAL.replace("keys: /k", "keys: /k, __proto__: { polluted: true }")],
	["constructor", `${MINIMAL}constructor: { prototype: { polluted: true } }\n`],
	[
		"types named like members of every object",
		MINIMAL.replace("type: opendkim", "type: constructor").replace("type: rfc2136", "type: toString"),
	],
	[
		"a signer named constructor",
		MINIMAL.replace("signer: {", "signers: { constructor: {").replace("/k }\n", "/k } }\n"),
	],
	["a provider named toString", MINIMAL.replaceAll("home", "toString")],
	[
		"a service named constructor",
		`${MINIMAL}services: { manager: command, stop: [constructor, opendkim], start: [opendkim, constructor] }\n`,
	],
	["keys twice", `${MINIMAL}signer: { type: opendkim }\n`],
	["tabs", "signer:\n\ttype: opendkim\n"],
	["two documents", `${MINIMAL}---\n${MINIMAL}`],
	["a tag of JavaScript", "a: !!js/function 'function () { throw 1 }'\n"],
	["binary", "a: !!binary AAAA\n"],
	["a timestamp", `${MINIMAL}host: 2026-11-01\n`],
	["numbers beyond numbers", "jitter: 1e999\nspread: .nan\nhost: 0x7fffffffffffffffffff\nwindow: -.inf\n"],
	["a map as key", "? { a: b }\n: c\n"],
	["a list as key", "[a, b]: c\n"],
	["no key", ": a\n"],
	["an escape in a quoted text", `host: "\\e[2J\\x9b\\u202e\\0"\n`],
	["a byte order mark", `\ufeff${MINIMAL}`],
	["a directive", `%YAML 9.9\n---\n${MINIMAL}`],
	["a broken directive", "%TAG ! \n---\na: b\n"],
	["half a surrogate", `host: "\ud800"\n`],
	["a long number of cron", `schedule: "0-59/1 ${"0,".repeat(5000)}0 1 * *"\n${MINIMAL}`],
	["a cron beyond sense", `schedule: "*/0 99 31 2 8"\n${MINIMAL}`],
];

function faultsOf(text: string): readonly Fault[] | null {
	const read = readYaml(text, "/etc/keyturn/keyturn.yaml");
	namedTypes(read);
	const context = { path: "/etc/keyturn/keyturn.yaml", schemas, host: "mx1", timezone: "Europe/Berlin" };
	const parsed = parseSettings(read, context);
	const door = parseDoorSettings(text, { path: context.path, signers: schemas.signers });
	// What the agent works with the door has to understand.
	if ("settings" in parsed && !("settings" in door)) throw new Error("the door refuses what the agent takes");
	if ("settings" in parsed)
		for (const policy of parsed.settings.policies) expect(parseDomain(policy.domain)).toBe(policy.domain);
	return "faults" in parsed ? parsed.faults : null;
}

function isSound(text: string): "settings" | "faults" {
	const faults = faultsOf(text);
	expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
	if (faults === null) return "settings";
	expect(faults.length).toBeGreaterThan(0);
	for (const fault of faults.slice(0, 50)) {
		expect([fault.line, fault.column].every((one) => Number.isSafeInteger(one) && one >= 1)).toBe(true);
		expect(faultSentence(fault)).not.toMatch(NEVER_SHOWN);
	}
	for (const line of formatFaults(faults.slice(0, 50)).split("\n")) {
		expect(line).not.toMatch(NEVER_SHOWN);
		expect(line.length).toBeLessThanOrEqual(120);
	}
	return "faults";
}

test("the seeds are settings", () => {
	expect(isSound(PLAIN)).toBe("settings");
	expect(isSound(MINIMAL)).toBe("settings");
});

test.each(NASTY_YAML)("%s is settings, or faults that can be shown", (_, text) => {
	expect(["settings", "faults"]).toContain(isSound(text));
});

test("a file with a few octets changed is settings, or faults that can be shown", PATIENCE, () => {
	const seen = new Set<string>();
	const seeds = [PLAIN, MINIMAL, ...NASTY_YAML.map(([, text]) => text)];
	fc.assert(
		fc.property(
			fc.oneof({ weight: 6, arbitrary: mutatedText([PLAIN, MINIMAL]) }, mutatedText(seeds), anyText),
			(text) => {
				seen.add(isSound(text));
			},
		),
		fuzzed(150),
	);
	expect([...seen].toSorted()).toEqual(["faults", "settings"]);
});

test("no value, whatever it is and wherever it stands, is more than a value", PATIENCE, () => {
	const places: readonly ((value: string) => string)[] = [
		(value) => MINIMAL.replace("name: example.com", `name: ${value}`),
		(value) => MINIMAL.replace("provider: home }]", `provider: home, zone: ${value} }]`),
		(value) => MINIMAL.replace('server: "127.0.0.1:53"', `server: ${value}`),
		(value) => `${MINIMAL}host: ${value}\n`,
		(value) => `${MINIMAL}selector: ${value}\n`,
		(value) => `${MINIMAL}selector: { ring: [a, ${value}] }\n`,
		(value) => `${MINIMAL}services: { stop: [${value}, opendkim], start: [opendkim, ${value}] }\n`,
		(value) => `${MINIMAL}schedule: ${value}\n`,
		(value) => `${MINIMAL}timezone: ${value}\n`,
		(value) => `${MINIMAL}record: { notes: ${value} }\n`,
		(value) => `${MINIMAL}alerts: [{ type: webhook, url: ${value} }]\n`,
	];
	fc.assert(
		fc.property(fc.constantFrom(...places), fc.oneof(anyName, anyText), (place, value) => {
			isSound(place(JSON.stringify(value)));
		}),
		fuzzed(150),
	);
});

describe("a file of a hundred thousand letters", () => {
	const LENGTH = 100_000;
	const filled = (line: string) =>
		`${MINIMAL}${line.repeat(Math.floor((LENGTH - MINIMAL.length) / line.length))}`;
	const numbered = (line: (index: number) => string, count: number) =>
		Array.from({ length: count }, (_, index) => line(index)).join("");
	test.each([
		["nesting in brackets", "[".repeat(LENGTH)],
		["nesting in braces", "{a: ".repeat(LENGTH / 4)],
		["nesting by indentation", numbered((index) => `${" ".repeat(index)}a:\n`, 400)],
		["nesting by hyphens", `${"- ".repeat(LENGTH / 2)}a`],
		["question marks", "? ".repeat(LENGTH / 2)],
		["comments", filled("# a\n")],
		["blank lines", filled("\n")],
		["one text", `host: "${"a".repeat(LENGTH - 10)}"\n`],
		["one block", `host: |\n${"  a\n".repeat(LENGTH / 4 - 10)}`],
		["anchors", numbered((index) => `a${index}: &a${index} x\n`, 6_000)],
		["keys that nobody knows", numbered((index) => `k${index}: x\n`, 8_000)],
		[
			"keys that nobody knows, each perhaps a secret",
			`${MINIMAL}alerts:\n  - type: webhook\n${numbered((index) => `    k${index}: x\n`, 6_000)}`,
		],
		["the same key", filled("host: a\n")],
		[
			"domains of the wrong kind",
			`${MINIMAL.slice(0, MINIMAL.indexOf("domains"))}domains:\n${"  - 1\n".repeat(10_000)}`,
		],
	])("of %s is refused or read", PATIENCE, (_, text) => {
		expect(text.length).toBeLessThanOrEqual(1024 * 1024);
		expect(["settings", "faults"]).toContain(isSound(text));
	});
});
