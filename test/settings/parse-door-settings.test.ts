import { describe, expect, test } from "vitest";
import { parseDoorSettings } from "../../src/settings/parse-door-settings.ts";
import { schemas } from "./schemas.ts";

const context = { path: "keyturn.yaml", signers: schemas.signers };

describe("the door", () => {
	test("passes over all that only the agent needs, right or wrong", () => {
		const text = [
			'schedule: "never"',
			"unknown: 1",
			"providers: 7",
			"alerts: { no: list }",
			"standby: true",
			"signer: { type: opendkim, keys: /k, swap: reload }",
			"state: /srv/keyturn",
			"domains: [{ name: Example.com, provider: nobody, key: 1 }]",
		].join("\n");
		expect(parseDoorSettings(text, context)).toMatchObject({
			settings: {
				path: "keyturn.yaml",
				state: "/srv/keyturn",
				signers: [{ name: "main", type: "opendkim", swap: "reload", settings: { keys: "/k" } }],
				domains: [{ domain: "example.com", signers: ["main"] }],
			},
		});
	});

	test.each([
		["", []],
		["key: { algorithm: rsa }", []],
		["key: [{ algorithm: rsa }, { algorithm: ed25519 }]", ["example.com", "example.org"]],
		["key: [{ algorithm: ed25519 }]", []],
	])("tells which domains get keys of several algorithms with %j", (more, several) => {
		const own = "{ name: example.net, key: { algorithm: rsa } }";
		const domains = `domains: [{ name: example.com }, { name: example.org }, ${own}]`;
		const text = `signer: { type: opendkim, keys: /k }\n${domains}\n${more}`;
		expect(parseDoorSettings(text, context)).toMatchObject({ settings: { several } });
	});

	test("a domain with a signer for each key has one key of each of them", () => {
		const text = `signers: { a: { type: opendkim, keys: /k }, b: { type: opendkim, config: /b, keys: /b, services: { stop: [postfix, two], start: [two, postfix] } } }
key: [{ algorithm: rsa }, { algorithm: ed25519 }]
domains: [{ name: example.com, signer: [a, b] }]`;
		expect(parseDoorSettings(text, context)).toMatchObject({
			settings: { several: [], domains: [{ domain: "example.com", signers: ["a", "b"] }] },
		});
	});

	test.each([
		["", false],
		["retire: { publish_private: null }", false],
		["retire: 7", false],
		["retire: { publish_private: /srv/keys, unknown: 1 }", true],
		["domains: [{ name: example.com, retire: { publish_private: /srv/keys } }]", true],
	])("gives private halves back with %j: %s", (more, mayReveal) => {
		const domains = more.startsWith("domains") ? "" : "domains: [{ name: example.com }]\n";
		const text = `signer: { type: opendkim, keys: /k }\n${domains}${more}`;
		expect(parseDoorSettings(text, context)).toMatchObject({ settings: { mayReveal } });
	});

	test("tells all faults of what it reads", () => {
		const text = [
			"signers: { a: { type: opendkim, keys: k }, b: { type: dkimproxy, keys: /k, swap: reload } }",
			"services: { start: [postfix] }",
			"state: relative",
			"domains: [{ name: example.com, signer: c }, { name: example.org }, { name: no }]",
		].join("\n");
		const read = parseDoorSettings(text, context);
		expect(
			"faults" in read ? read.faults.map(({ path, rule }) => `${path}: ${rule.slice(0, 20)}`) : [],
		).toEqual([
			"signers.a.keys: expected an absolute",
			"signers.b.swap: must be restart: it ",
			"services.start: must start what stop",
			"state: must be an absolute ",
			"domains[0].signer: is no name under sig",
			"domains[1].signer: is missing: example.",
			"domains[2].name: must be a domain nam",
		]);
	});

	test("knows one way only to stop and start a service, whichever signer it is of", () => {
		const signer = (name: string, services: string) =>
			`  ${name}: { type: opendkim, config: /${name}, keys: /k, services: { ${services} } }`;
		const container = (name: string) =>
			`{ stop: [/bin/docker, stop, ${name}], start: [/bin/docker, start, ${name}], status: [/bin/${name}] }`;
		const lists = (...names: readonly string[]) =>
			`stop: [${names.join(", ")}], start: [${names.toReversed().join(", ")}]`;
		const byCommand = (names: readonly string[], commands: string) =>
			`manager: command, ${lists(...names)}, commands: { ${commands} }`;
		const faultsOf = (...services: readonly string[]) => {
			const signers = services.map((one, index) => signer(`s${index}`, one)).join("\n");
			const read = parseDoorSettings(
				`signers:\n${signers}\ndomains: [{ name: example.com, signer: s0 }]`,
				context,
			);
			return "faults" in read ? read.faults.map(({ path, rule }) => `${path}: ${rule}`) : [];
		};
		const mail = `mail: ${container("mail")}`;
		const one = byCommand(["mail", "one"], `${mail}, one: ${container("one")}`);
		const same = byCommand(["mail", "two"], `${mail}, two: ${container("two")}`);
		expect(faultsOf(one, same)).toEqual([]);
		const other = byCommand(["mail", "two"], `mail: ${container("mail2")}, two: ${container("two")}`);
		const unused = byCommand(["two"], `mail: ${container("mail2")}, two: ${container("two")}`);
		for (const two of [other, unused])
			expect(faultsOf(one, two)).toEqual([
				"signers.s1.services.commands.mail: must be what signer s0 has for mail",
			]);
		expect(faultsOf(one, lists("mail", "two"))).toEqual([
			"services.manager: must be command for mail, as for signer s0, got systemd",
		]);
	});

	test("has its papers beside a directory that is named, and nowhere else", () => {
		const text =
			"signer: { type: opendkim, keys: /k }\ndomains: [{ name: example.com }]\nstate: { postgresql: { file: /x } }";
		expect(parseDoorSettings(text, context)).toMatchObject({
			faults: [{ path: "state", rule: "the feature of this key is not built yet" }],
		});
	});

	test("refuses aliases as the agent does", () => {
		expect(parseDoorSettings("a: &a 1\nb: *a", context)).toHaveProperty("faults");
	});
});
