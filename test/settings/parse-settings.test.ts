import { describe, expect, test } from "vitest";
import type { Fault } from "../../src/settings/faults.ts";
import { parseSettings } from "../../src/settings/parse-settings.ts";
import type { Settings } from "../../src/settings/settings.ts";
import { readYaml } from "../../src/settings/yaml-source.ts";
import { schemas } from "./schemas.ts";

const context = { path: "keyturn.yaml", schemas, host: "MX1.example.com", timezone: "Europe/Berlin" };
const SIGNER = "signer: { type: opendkim, keys: /etc/opendkim/keys }";
const PROVIDERS = 'providers: { home: { type: rfc2136, server: "127.0.0.1:53", keyfile: /k } }';
const DOMAINS = "domains: [{ name: example.com, provider: home }]";
const LEAST = [SIGNER, PROVIDERS, DOMAINS].join("\n");

/** The least file, and what is said besides; a section said anew replaces the least one. */
function file(...lines: readonly string[]): string {
	const least = [SIGNER, PROVIDERS, DOMAINS].filter(
		(line) => !lines.some((other) => other.split(":")[0] === line.split(":")[0]),
	);
	return [...least, ...lines].join("\n");
}

function settingsOf(text: string): Settings {
	const result = parseSettings(readYaml(text, context.path), context);
	if ("faults" in result) throw new Error(JSON.stringify(result.faults, null, 1));
	return result.settings;
}

function faultsOf(text: string): readonly Fault[] {
	const result = parseSettings(readYaml(text, context.path), context);
	return "faults" in result ? result.faults : [];
}

describe("what a right file says", () => {
	test("the least file gets every default of the manual", () => {
		const settings = settingsOf(LEAST);
		expect(settings).toMatchObject({
			state: "/var/lib/keyturn",
			host: "mx1.example.com",
			timezone: "Europe/Berlin",
			alerts: [],
			verify: { nameservers: "auto", quorum: "all", resolvers: ["system"], intervalMs: 30_000 },
		});
		expect(settings.wake).toEqual([{ expression: "0 3 1 * *", timezone: "Europe/Berlin" }]);
		expect(settings.providers).toEqual([
			{ name: "home", type: "rfc2136", isProven: true, settings: { server: "127.0.0.1:53", keyfile: "/k" } },
		]);
		expect(settings.signers).toMatchObject([
			{
				name: "main",
				type: "opendkim",
				swap: "restart",
				probe: true,
				services: {
					manager: "systemd",
					stop: ["postfix", "opendkim"],
					start: ["opendkim", "postfix"],
					holdMs: 300_000,
					commands: {},
				},
				settings: { config: "/etc/opendkim.conf", keys: "/etc/opendkim/keys" },
			},
		]);
		expect(settings.policies).toMatchObject([
			{
				domain: "example.com",
				schedule: { seconds: [0], minutes: [0], hours: [3], daysOfMonth: [1], months: { length: 12 } },
				timezone: "Europe/Berlin",
				publishAheadMs: 3 * 86_400_000,
				window: null,
				selector: { kind: "template", template: "{yyyy}{mm}" },
				host: "mx1",
				key: { algorithm: "rsa", bits: 2048 },
				record: { ttlSeconds: 3600 },
				standby: false,
				jitterMs: 6 * 3_600_000,
				spreadMs: 0,
				verify: {
					nameservers: "auto",
					quorum: "all",
					resolvers: ["system"],
					via: ["servers"],
					intervalMs: 30_000,
					soakMs: "auto",
					timeoutMs: 86_400_000,
				},
				retire: { graceMs: 14 * 86_400_000, tombstoneMs: 0, adopted: false, publishPrivate: null },
				signer: "main",
				swap: "restart",
				providers: ["home"],
				zone: null,
			},
		]);
	});

	test("a domain's own keys go over those of the file, key by key", () => {
		const settings = settingsOf(
			file(
				"signers: { a: { type: opendkim, keys: /a }, b: { type: opendkim, config: /b.conf, keys: /b, swap: reload, services: { hold: 1m, stop: [postfix, two], start: [two, postfix] } } }",
				"verify: { quorum: 2, nameservers: ['192.0.2.53', '[2001:db8::53]:5300'] }",
				"domains: [{ name: Example.ORG., provider: [home], signer: b, zone: _domainkey.example.org, window: '22:30-01:00', schedule: '0 23 * * *', publish_ahead: 0s, selector: '{yyyy}{mm}{dd}-{host}', key: { algorithm: rsa, bits: 4096 }, record: { notes: x, flags: [s] }, verify: { quorum: 1 }, retire: { grace: 30d } }]",
			).replace(SIGNER, ""),
		);
		expect(settings.policies).toMatchObject([
			{
				domain: "example.org",
				zone: "_domainkey.example.org",
				signer: "b",
				swap: "reload",
				window: { fromMinute: 22 * 60 + 30, toMinute: 60 },
				publishAheadMs: 0,
				key: { bits: 4096 },
				record: { ttlSeconds: 3600, notes: "x", flags: ["s"] },
				verify: {
					quorum: 1,
					nameservers: [
						{ address: "192.0.2.53", port: 53 },
						{ address: "2001:db8::53", port: 5300 },
					],
				},
				retire: { graceMs: 30 * 86_400_000, adopted: false },
			},
		]);
		expect(settings.wake.map(({ expression }) => expression)).toEqual(["0 23 * * *"]);
		expect(settings.signers[1]?.services).toMatchObject({ holdMs: 60_000, stop: ["postfix", "two"] });
	});

	test("alerts have their events and repetition beside their adapter's settings", () => {
		const { alerts } = settingsOf(
			file(
				"alerts: [{ type: webhook, url: { env: URL }, on: [switched] }, { type: command, run: [/page], repeat: 1h }]",
			),
		);
		expect(alerts).toEqual([
			{
				type: "webhook",
				on: ["switched"],
				repeatMs: 6 * 3_600_000,
				settings: { url: { env: "URL" }, format: "json" },
			},
			{ type: "command", on: null, repeatMs: 3_600_000, settings: { run: ["/page"] } },
		]);
	});

	test("ten thousand domains are read in a few seconds", () => {
		const many = Array.from(
			{ length: 10_000 },
			(_, index) => `- { name: d${index}.example, provider: home }`,
		);
		const settings = settingsOf(file(`domains:\n${many.join("\n")}`));
		expect(settings.policies).toHaveLength(10_000);
	}, 20_000);
});

test("five mistakes are five faults, each with its place, rule, value and consequence", () => {
	const text = `${[
		'schedule: "0 3 31 2 *"',
		"retire: { grce: 1d, grace: 30m }",
		SIGNER,
		'providers: { home: { type: rfc2136, server: "127.0.0.1:53", keyfile: /k } }',
		"domains:",
		"  - { name: example.com, provider: hoem }",
		"  - { name: EXAMPLE.com, provider: home }",
	].join("\n")}\n`;
	expect(faultsOf(text)).toMatchObject([
		{
			line: 1,
			column: 11,
			path: "schedule",
			rule: expect.stringContaining("must be cron fields") as string,
			value: '"0 3 31 2 *"',
			consequence: "no new key would ever be due, and the old one would sign for ever",
		},
		{
			line: 2,
			column: 11,
			path: "retire.grce",
			rule: "is no key here",
			hint: "did you mean `grace`?",
			consequence: "it would have no effect: what it is meant to set would stay at its default",
		},
		{
			line: 2,
			column: 28,
			path: "retire.grace",
			rule: "grace 30m is shorter than the record's ttl 1h",
			value: '"30m"',
			consequence: "receivers would meet signatures whose key is gone",
		},
		{
			line: 6,
			column: 36,
			path: "domains[0].provider",
			rule: "is no name under providers",
			value: '"hoem"',
			hint: "did you mean `home`?",
			consequence: "its key record could not be published, and its key never be turned",
		},
		{
			line: 7,
			column: 13,
			path: "domains[1].name",
			rule: "stands twice: domains[0] is the same domain",
			value: '"EXAMPLE.com"',
			consequence: "one key would be turned by two sets of rules",
		},
	]);
	expect(faultsOf(text)).toHaveLength(5);
});

/** The file, the path of its one fault, and what rule, hint and consequence together say. */
const MISTAKES: readonly (readonly [string, string, RegExp])[] = [
	[file("selector: 202611"), "selector", /text in quotes: YAML reads 202611 as a number.*write "202611"/],
	[file("host: 12"), "host", /quotes/],
	[file("host: mx1.example.com"), "host", /without a dot/],
	[file('selector: "{yyyy}{mn}"'), "selector", /\{mn\} is no placeholder.*did you mean `mm`/],
	[file('selector: "Key{yyyy}"'), "selector", /lower-case.*Key2026/],
	[file('selector: "{mm}"'), "selector", /must have \{yyyy\}/],
	[
		file(
			"signer: { type: rspamd }",
			"key: [{ algorithm: rsa }, { algorithm: ed25519 }]",
			`selector: "{yyyy}{mm}-${"a".repeat(46)}-{alg}"`,
		),
		"selector",
		/at most 60 letters.*-ed25519/,
	],
	[file("host: a", 'selector: "{yyyy}{mm}.{host}-"'), "selector", /must make a selector/],
	[
		file("selector: { ring: [kt1, kt2] }"),
		"selector",
		/a ring of 2 names is too short.*: 3 are needed.*wait/,
	],
	[
		file("selector: { ring: [kt1, kt2, kt3, kt1] }"),
		"selector.ring[3]",
		/stands twice in the ring.*name less/,
	],
	[
		file("selector: { ring: [kt1, kt2, kt3] }", 'schedule: "0 3 * * 1"'),
		"selector",
		/3 names is too short for "0 3 \* \* 1" with grace 14d: 6 are needed/,
	],
	[
		file("selector: { ring: [kt1, kt2, kt3] }", "standby: true", "retire: { grace: 15d }"),
		"selector",
		/: 4 are needed/,
	],
	[
		file("domains: [{ name: example.com, provider: home, selector: { ring: [kt1, kt2] } }]"),
		"domains[0].selector",
		/too short/,
	],
	[
		file("selector: { ring: [kt1, kt2, kt3] }", "retire: { publish_private: /srv/keys }"),
		"retire.publish_private",
		/cannot go with a ring.*whose private half/,
	],
	[file("key: { algorithm: rsa, bits: 1024 }"), "key.bits", /2048, 3072 or 4096.*distrust/],
	[file('key: { algorithm: rsa, bits: "2048" }'), "key.bits", /write 2048 without quotes/],
	[file('standby: "true"'), "standby", /true or false.*write true without quotes/],
	[file('verify: { quorum: "2" }'), "verify.quorum", /write 2 without quotes/],
	[
		file("signer: { type: rspamd }", "key: { algorithm: ed25519, bits: 2048 }"),
		"key.bits",
		/no key here.*does not go with the others/,
	],
	[file("key: { algorithm: ed25519 }"), "key", /opendkim cannot/],
	[file("key: { algorithm: dsa }"), "key.algorithm", /rsa or ed25519/],
	[file("publish_ahead: 3"), "publish_ahead", /must be a duration such as 90s/],
	[file("publish_ahead: 40d"), "publish_ahead", /reaches over a whole turn.*28d/],
	[file("jitter: soon"), "jitter", /must be a duration/],
	[file('schedule: "0 3 L * *"'), "schedule", /L, W and # are not understood/],
	[file('schedule: "0 3 30 2 *"'), "schedule", /must be cron fields/],
	[file('schedule: "whenever"'), "schedule", /must be cron fields/],
	[file('window: "2-5"'), "window", /time of the day such as "02:00-05:00"/],
	[file('window: "02:00-02:00"'), "window", /end that is not its start/],
	[file('window: "12:00-14:00"'), "window", /no slot of the schedule.*late/],
	[file("timezone: Europe/Berlinn"), "timezone", /time zone such as/],
	[file("record: { ttl: 15d }"), "record.ttl", /shorter than the record's ttl 15d.*key is gone/],
	[file("record: { flags: [y] }"), "record.flags[0]", /never published.*unsigned/],
	[file("record: { hash: [sha1] }"), "record.hash", /must have sha256/],
	[file('record: { notes: "a;p=" }'), "record.notes", /, = and ;/],
	[file("verify: { nameservers: [ns1.example.com] }"), "verify.nameservers[0]", /must be an address/],
	[file('verify: { nameservers: ["127.0.0.1"], quorum: 2 }'), "verify.quorum", /more servers/],
	[file("verify: { quorum: 0 }"), "verify.quorum", /all or a number from 1/],
	[file("verify: { interval: 1h, timeout: 1h }"), "verify.interval", /not shorter than timeout/],
	[
		file("services: { stop: [postfix, opendkim], start: [opendkim] }"),
		"services.start",
		/postfix is missing.*stay down/,
	],
	[file("services: { stop: [opendkim] }"), "services.stop", /postfix is missing.*unsigned/],
	[
		file("services: { start: [postfix, opendkim] }"),
		"services.start",
		/begin with opendkim.*before its signer/,
	],
	[file("services: { manager: command }"), "services.commands", /must say how postfix, opendkim/],
	[
		file("services: { commands: { a: { stop: [/a], start: [/a], status: [/a] } } }"),
		"services.commands",
		/manager: systemd/,
	],
	[
		file(
			"services: { manager: command, stop: [a], start: [a], commands: { a: { stop: [docker, stop, a], start: [/a, ''], status: [/a] } } }",
		),
		"services.commands.a.stop[0]",
		/absolute path/,
	],
	[
		file("signer: { type: command, table: /t, keys: /k, apply: [/a], timeout: 0s }"),
		"signer.timeout",
		/seconds, such as 60s/,
	],
	[file("signer: { type: opendkim, keys: /k, swap: relaod }"), "signer.swap", /did you mean `reload`/],
	[
		file("signer: { type: opendkm, keys: /k }"),
		"signer.type",
		/no type of signer.*did you mean `opendkim`.*nothing would switch/,
	],
	[file("signer: { type: opendkim, keys: k }"), "signer.keys", /absolute path/],
	[
		file("providers: { home: { type: powerdns, url: 'http://127.0.0.1:8081' } }"),
		"providers.home.key",
		/: no key record could be published$/,
	],
	[
		file(
			"providers: { home: { type: rfc2136, server: '127.0.0.1:53', name: k, algorithm: md5, secret: { env: K } } }",
		),
		"providers.home.algorithm",
		/: no key record could be published$/,
	],
	[
		file("domains: [{ name: example.com, provider: home, jitter: 1h }]"),
		"domains[0].jitter",
		/no key here.*`jitter` stands at the top of the file, for all/,
	],
	[file("domains: { example.com: { provider: home } }"), "domains", /must be a list of domains, such as/],
	[file("domains: { name: example.com, provider: home }"), "domains", /must be a list of domains, such as/],
	[file("domains: {}"), "domains", /must be a list of domains, such as/],
	[file("grace: 30d"), "grace", /no key here.*did you mean `retire.grace`/],
	[
		file("domains: [{ name: example.com, provider: home, soak: 1h }]"),
		"domains[0].soak",
		/did you mean `verify.soak`/,
	],
	[file("hooks: { timeout: 10m }"), "hooks.timeout", /: a program would not be run around a switch/],
	[
		file("signer: { type: command, table: /t, keys: /k, apply: [/a], timeout: 1m }"),
		"signer.timeout",
		/: nothing would switch to the new key$/,
	],
	[file("alerts: [{ type: command, run: [/a], repeat: 1 }]"), "alerts[0].repeat", /could be forgotten$/],
	[file("metrics: { listen: 9710 }"), "metrics.listen", /nobody could be told how it stands$/],
	[file("signer: { type: opendkim, keys: /k, prob: true }"), "signer.prob", /did you mean `probe`/],
	[file("signer: { type: opendkim }"), "signer.keys", /is missing/],
	[[PROVIDERS, DOMAINS].join("\n"), "", /signer or signers must say what signs mail/],
	[
		file(
			"signers: { a: { type: opendkim, config: /a, keys: /k } }",
			"domains: [{ name: example.com, provider: home, signer: main }]",
		),
		"signer",
		/stands beside signers/,
	],
	[
		file(`signers: { a: { type: opendkim, keys: /k }, b: { type: rspamd } }`).replace(SIGNER, ""),
		"domains[0].signer",
		/must name its signer.*known here: a, b/,
	],
	[
		file(
			"signers: { a: { type: opendkim, keys: /k }, b: { type: opendkim, config: /etc/opendkim.conf, keys: /k } }",
			"domains: [{ name: example.com, provider: home, signer: a }]",
		).replace(SIGNER, ""),
		"signers.b.config",
		/two signers would rewrite one table/,
	],
	[
		file(
			"signers: { a: { type: opendkim, keys: /k }, b: { type: opendkim, config: /b, keys: /k } }",
			"domains: [{ name: example.com, provider: home, signer: a }]",
		).replace(SIGNER, ""),
		"signers.b",
		/its service opendkim is that of signer a.*stop: \[postfix, opendkim-b\]/,
	],
	[file("domains: []"), "domains", /one domain at least.*no key would ever be turned/],
	[[SIGNER, PROVIDERS].join("\n"), "domains", /is missing/],
	[file("domains: [{ name: example_com.x, provider: home }]"), "domains[0].name", /must be a domain name/],
	[file("domains: [{ name: example.com }]"), "domains[0].provider", /is missing/],
	[
		file("domains: [{ name: example.com, provider: home, signer: mian }]"),
		"domains[0].signer",
		/did you mean `main`/,
	],
	[
		file("domains: [{ name: example.com, provider: home, retire: { grace: 1m } }]"),
		"domains[0].retire.grace",
		/shorter/,
	],
	[
		file("domains: [{ name: example.com, provider: [home, home] }]"),
		"domains[0].provider[1]",
		/names home a second time/,
	],
	[file("alerts: [{ type: webhok, url: x }]"), "alerts[0].type", /did you mean `webhook`/],
	[
		file("alerts: [{ type: command, run: [/p], on: [switchd] }]"),
		"alerts[0].on[0]",
		/did you mean `switched`/,
	],
	[file("providers: { home: { type: rfc2163 } }"), "providers.home.type", /did you mean `rfc2136`/],
	[file("state: keyturn"), "state", /absolute path/],
	[file("publish-ahead: 3d"), "publish-ahead", /did you mean `publish_ahead`/],
	[file("retire:"), "retire", /must be a map, got nothing/],
];

test.each([
	["monthly, with the grace by default", "selector: { ring: [kt1, kt2, kt3] }"],
	["two names, where grace leaves room", "selector: { ring: [kt1, kt2] }\nretire: { grace: 7d }"],
	["yearly", 'selector: { ring: [kt1, kt2] }\nschedule: "0 3 1 1 *"'],
])("a ring that is long enough: %s", (_, lines) => {
	expect(faultsOf(file(...lines.split("\n")))).toEqual([]);
});

test("more faults than anybody reads are said to be more", () => {
	const unknown = (count: number) =>
		faultsOf(file(...Array.from({ length: count }, (_, index) => `x${index}: 1`)));
	expect(unknown(299)).toHaveLength(299);
	const faults = unknown(500);
	expect(faults).toHaveLength(301);
	expect(faults.at(-1)?.rule).toBe("must have fewer faults: no more than 300 are told at once");
});

describe("one mistake is one fault", () => {
	test.each(MISTAKES.map((mistake, index) => [index, ...mistake] as const))("%i", (_, text, path, said) => {
		const faults = faultsOf(text);
		expect(faults.map((fault) => fault.path)).toEqual([path]);
		const [fault] = faults;
		expect(`${fault?.rule}, got ${fault?.value} (${fault?.hint}): ${fault?.consequence}`).toMatch(said);
	});
});

describe("a secret", () => {
	const SECRET = "c2VjcmV0LWtleQ";
	const leaks = [
		`providers: { home: { type: rfc2136, server: "127.0.0.1:53", name: k, algorithm: hmac-sha256, secret: "${SECRET}" } }`,
		`providers: { home: { type: rfc2136, keyfile: /k, server: 7, tokn: "${SECRET}" } }`,
		`provider: { home: { type: rfc2137, token: ${SECRET} } }`,
		`alerts: [{ type: webhook, url: "ftp:// ${SECRET}", hmac: ${SECRET}, frmat: 1 }]`,
		`alerts: [{ type: webhook, url: https://x, hmac: ${SECRET} }] # ${SECRET}`,
		`providers: { home: { type: rfc2136, token: "${SECRET}`,
		`providers: { home: { type: rfc2136, token: a, token: ${SECRET} } }`,
		`tokens: ${SECRET}`,
		`state: "postgresql://keyturn:${SECRET}@db/keyturn"`,
		`alerts: [{ type: webhook, url: https://x, hmac: { file: ${SECRET} } }]`,
		`providers: { home: { type: rfc2136, server: "127.0.0.1:53", keyfile: ${SECRET} } }`,
		`alerts: [{ type: email, to: a@example.com, smtp: "smtps://alerts:${SECRET}@mail.example.com:465" }]`,
		`providers: { home: { type: powerdns, url: "http://127.0.0.1:8081", key: { file: /k }, server: "keyturn:${SECRET}@pdns" } }`,
		`providers: { home: { type: powerdns, url: "http://127.0.0.1:8081", key: { env: "${SECRET}==" } } }`,
		`providers: { home: { type: powerdns, url: "http://127.0.0.1:8081", key: { credential: "${SECRET}==" } } }`,
	];
	test.each(leaks)("is in no fault: %s", (line) => {
		const faults = faultsOf(file(line));
		expect(faults.length).toBeGreaterThan(0);
		expect(JSON.stringify(faults)).not.toContain(SECRET);
	});

	test.each(["|", ">", ">- ", "]", ">a ", "|9", '"\\U', '"\\', "@", "'a' "])(
		"is in no fault of a file that is no YAML for %s before it",
		(before) => {
			const faults = faultsOf(`providers:\n  home:\n    token: ${before}${SECRET}\n`);
			expect(faults.length).toBeGreaterThan(0);
			expect(JSON.stringify(faults)).not.toContain(SECRET.slice(0, 4));
		},
	);

	test("is in no fault of what stands on its line", () => {
		const faults = faultsOf(`{ domains: &all [], providers: { home: { token: ${SECRET} } } }`);
		expect(faults).toMatchObject([{ path: "domains", rule: "anchors (&name) are not allowed" }]);
		expect(JSON.stringify(faults)).not.toContain(SECRET);
	});

	test("is in no fault that says what to write in its place", () => {
		const faults = faultsOf(file("providers: { home: { type: exec, run: [/a], env: { PIN: 482913 } } }"));
		const [fault] = faults;
		expect(fault).toMatchObject({
			path: "providers.home.env.PIN",
			rule: "must be a text in quotes: YAML reads this as a number",
			hint: "write it in quotes",
		});
		expect(JSON.stringify(faults)).not.toContain("482913");
	});

	test("written where a reference has to be is told why", () => {
		const [fault] = faultsOf(file(leaks[0] ?? ""));
		expect(fault).toMatchObject({ path: "providers.home.secret", value: null });
		expect(fault?.rule).toMatch(/never the secret itself/);
	});
});

test("the services of a signer are by default those of its type, unless the file says which", () => {
	const domains = DOMAINS.replace("provider: home", "provider: home, signer: b");
	const stops = (signers: string, ...more: readonly string[]) => {
		const text = [PROVIDERS, domains, signers, ...more].join("\n");
		return settingsOf(text).signers.map(({ services }) => services.stop);
	};
	const both = "signers: { a: { type: opendkim, keys: /a }, b: { type: rspamd } }";
	expect(stops(both)).toEqual([
		["postfix", "opendkim"],
		["postfix", "rspamd"],
	]);
	expect(stops(both, "services: { stop: [exim4, milter], start: [milter, exim4] }")).toEqual([
		["exim4", "milter"],
		["exim4", "milter"],
	]);
	const others = [
		"a: { type: dkimpy, keys: /a }",
		"b: { type: dkimproxy, keys: /b }",
		"c: { type: exim, table: /c, keys: /c }",
	];
	expect(stops(`signers: { ${others.join(", ")} }`)).toEqual([
		["postfix", "dkimpy-milter"],
		["postfix", "dkimproxy"],
		["exim4"],
	]);
});

test.each([["docker-mailserver", "volume: /srv/dms"]])(
	"a signer of type %s has no service by default: what is its own keyturn cannot know",
	(type, own) => {
		const faults = (signer: string, ...more: readonly string[]) =>
			faultsOf(file(`signer: { type: ${type}, ${own}${signer} }\n${more.join("\n")}`)).map(
				({ path, rule }) => `${path} ${rule}`,
			);
		expect(faults("")).toEqual(["signer.services.stop is missing: it has no service by default"]);
		expect(faults(", services: { hold: 1m }")).toEqual([
			"signer.services.stop is missing: it has no service by default",
		]);
		expect(faults(", services: { stop: [haraka], start: [haraka] }")).toEqual([]);
		expect(faults("", "services: { stop: [haraka], start: [haraka] }")).toEqual([]);
	},
);

test("a mail server that signs itself is no other signer's mail server: it would not be stopped for that", () => {
	const domains = DOMAINS.replace("provider: home", "provider: home, signer: b");
	const read = (own: string, ...more: readonly string[]) => {
		const signers = `signers: { a: { type: opendkim, keys: /a, services: { ${own} } }, b: { type: rspamd } }`;
		const result = parseSettings(
			readYaml([PROVIDERS, domains, signers, ...more].join("\n"), context.path),
			context,
		);
		return "faults" in result ? result.faults.map(({ path, rule, hint }) => ({ path, rule, hint })) : [];
	};
	const [before, ...more] = read("stop: [postfix], start: [postfix]");
	expect(more).toEqual([]);
	expect(before).toEqual({
		path: "services.stop",
		rule: "must not have postfix before the end: as the last of signers.a.services.stop it is the own service of signer a",
		hint: "end the list of a with a service of its own, take postfix out of this one if it hands no mail to b, or let keyturn turn one of the two signers only",
	});
	const common = "services: { stop: [exim4], start: [exim4] }";
	expect(read("stop: [exim4, milter], start: [milter, exim4]", common)).toMatchObject([
		{
			path: "signers.a.services.stop",
			rule: expect.stringMatching(/exim4.*last of services\.stop.*signer b/),
		},
	]);
	expect(read("stop: [exim4], start: [exim4]")).toEqual([]);
	expect(read("stop: [exim4], start: [exim4]", common)).toEqual([]);
});

test("what one signer's turn rewrites is no other signer's", () => {
	const domains = DOMAINS.replace("provider: home", "provider: home, signer: b");
	const faults = (a: string, b: string) => {
		const services = "services: { stop: [exim4], start: [exim4] }";
		const signers = `signers: { a: { ${a}, ${services} }, b: { ${b}, ${services} } }`;
		return faultsOf([PROVIDERS, domains, signers].join("\n")).map(({ path, rule }) => `${path} ${rule}`);
	};
	const exim = (config: string, table: string) => `type: exim, keys: /k, config: ${config}, table: ${table}`;
	expect(faults(exim("/in.conf", "/table"), exim("/out.conf", "/table"))).toEqual([
		"signers.b.table is that of signer a already",
	]);
	expect(faults(exim("/one.conf", "/in"), exim("/one.conf", "/out"))).toEqual([]);
	const container = "type: docker-mailserver, volume: /srv/dms";
	expect(faults(container, `${container}, signs: rspamd`)).toEqual([
		"signers.b.volume is that of signer a already",
	]);
});

test("a service is the same with .service behind its name", () => {
	const units = "services: { stop: [postfix.service, opendkim], start: [opendkim.service, postfix] }";
	expect(settingsOf(file(units)).signers[0]?.services).toMatchObject({
		stop: ["postfix", "opendkim"],
		start: ["opendkim", "postfix"],
	});
	const one = (name: string) => `stop: ["${name}"], start: ["${name}"]`;
	const commands = "{ stop: [/a], start: [/a], status: [/a] }";
	const byCommand = `services: { manager: command, ${one("box.service")}, commands: { box: ${commands} } }`;
	expect(settingsOf(file(byCommand)).signers[0]?.services.commands).toHaveProperty("box");
	const signers = [
		`a: { type: opendkim, config: /a.conf, keys: /a, services: { ${one("opendkim")} } }`,
		`b: { type: opendkim, config: /b.conf, keys: /b, services: { ${one("opendkim.service")} } }`,
	];
	const domains = DOMAINS.replace("provider: home", "provider: home, signer: b");
	expect(faultsOf([PROVIDERS, domains, `signers: { ${signers.join(", ")} }`].join("\n"))).toMatchObject([
		{ path: "signers.b", rule: "its service opendkim is that of signer a already" },
	]);
});

const BOTH = "key: [{ algorithm: rsa }, { algorithm: ed25519 }]";

test("several keys of a domain are for signers that sign twice, one of each algorithm, with names of their own", () => {
	const rulesOf = (signer: string, ...lines: readonly string[]) =>
		faultsOf(file(`signer: { ${signer} }`, ...lines)).map(({ rule }) => rule);
	expect(rulesOf("type: rspamd", BOTH)).toEqual([]);
	expect(rulesOf("type: rspamd", "key: { algorithm: ed25519 }")).toEqual([]);
	expect(rulesOf("type: opendkim, keys: /k", BOTH)).toEqual([
		"one OpenDKIM cannot sign a message twice: one key only",
	]);
	expect(rulesOf("type: rspamd", "key: [{ algorithm: rsa }, { algorithm: rsa, bits: 4096 }]")).toEqual([
		"must have one key of each algorithm at most",
	]);
	expect(rulesOf("type: rspamd", BOTH, "selector: { ring: [a, b, c] }")).toContain(
		"a ring of selectors has no names for several keys",
	);
});

const TWO =
	"signers: { a: { type: opendkim, keys: /a }, b: { type: opendkim, config: /b, keys: /b, swap: reload, services: { stop: [postfix, two], start: [two, postfix] } } }";

test("each key of a domain may have a signer of its own, whatever its type", () => {
	const withSigners = (signer: string, ...lines: readonly string[]) =>
		[PROVIDERS, DOMAINS.replace("provider: home", `provider: home, signer: ${signer}`), TWO, ...lines].join(
			"\n",
		);
	expect(settingsOf(withSigners("[a, b]", BOTH)).policies[0]).toMatchObject({
		signer: "a",
		swap: "restart",
		signers: [
			{ signer: "a", swap: "restart" },
			{ signer: "b", swap: "reload" },
		],
	});
	expect(settingsOf(withSigners("[a]")).policies[0]).not.toHaveProperty("signers");
	const faults = (signer: string, ...lines: readonly string[]) =>
		faultsOf(withSigners(signer, ...lines)).map(({ path, rule }) => `${path} ${rule}`);
	expect(faults("[a, b]")).toEqual([
		"domains[0].signer names 2 signers, and `key` is one key: expected one for each key, in their order",
	]);
	expect(faults("[a, a]", BOTH)).toEqual(["domains[0].signer names a twice"]);
	expect(faults("[a, c]", BOTH)).toEqual(["domains[0].signer[1] is no name under signers"]);
	expect(faults("a", BOTH)).toEqual(["key one OpenDKIM cannot sign a message twice: one key only"]);
	expect(faults("[]")).toContain("domains[0].signer must name one signer at least");
});

test("the policy of a domain has all of its keys, the first of them as that of one", () => {
	const read = (...lines: readonly string[]) => {
		const result = parseSettings(readYaml(file("signer: { type: rspamd }", ...lines), context.path), context);
		return "faults" in result ? result.faults : result.settings.policies[0];
	};
	expect(read(BOTH)).toMatchObject({
		key: { algorithm: "rsa", bits: 2048 },
		keys: [{ algorithm: "rsa", bits: 2048 }, { algorithm: "ed25519" }],
	});
	expect(read("key: [{ algorithm: ed25519 }]")).toMatchObject({ key: { algorithm: "ed25519" } });
	expect(read("key: [{ algorithm: ed25519 }]")).not.toHaveProperty("keys");
});
