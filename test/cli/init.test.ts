/** `keyturn init`: what it writes on which host, what it asks, and that it writes over nothing. */

import { describe, expect, test } from "vitest";
import { GUESSES, guessProvider } from "../../providers/guess.ts";
import { init } from "../../src/cli/init.ts";
import type { FoundSigner } from "../../src/ports/found-signer.ts";
import { formatFaults } from "../../src/settings/faults.ts";
import { parseDoorSettings } from "../../src/settings/parse-door-settings.ts";
import { parseSettings } from "../../src/settings/parse-settings.ts";
import type { Settings } from "../../src/settings/settings.ts";
import { readYaml } from "../../src/settings/yaml-source.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { commandBench } from "../fakes/command-bench.ts";
import { type FakeInitHost, foundKey, initHost, OPENDKIM } from "../fakes/init-host.ts";
import { schemas } from "../settings/schemas.ts";

const PATH = "/etc/keyturn/keyturn.yaml";

/**
 * Answers what the questions match, one answer after another where several are given, and what is proposed else; without
 * answers nobody is asked.
 */
async function run(
	host: FakeInitHost,
	answers: Readonly<Record<string, string | string[]>> | null = null,
	signal?: AbortSignal,
) {
	const { context, terminal } = commandBench(new AgentWorld());
	const asked: string[] = [];
	const prompt = async (question: string): Promise<string> => {
		asked.push(question);
		const found = Object.entries(answers ?? {}).find(([part]) => question.includes(part));
		const answer = found?.[1] ?? "";
		return Promise.resolve(typeof answer === "string" ? answer : (answer.shift() ?? ""));
	};
	const surroundings = async () =>
		Promise.resolve({ host, path: PATH, prompt: answers === null ? null : prompt });
	const interrupted = signal === undefined ? {} : { signal };
	const code = await init({ ...context, surroundings, ...interrupted }, { yes: answers === null });
	return { code, asked, said: terminal.said, results: terminal.results };
}

/** As keyturn itself reads it, agent and door. */
function read(text: string | undefined): Settings {
	const yaml = text ?? "";
	const given = { path: PATH, schemas, host: "mx1", timezone: "UTC" };
	const parsed = parseSettings(readYaml(yaml, PATH), given);
	if ("faults" in parsed) throw new Error(formatFaults(parsed.faults));
	expect(parseDoorSettings(yaml, { path: PATH, signers: schemas.signers })).toHaveProperty("settings");
	return parsed.settings;
}

describe("on a host with OpenDKIM, Postfix and a zone", () => {
	test("it writes a configuration that keyturn reads, and asks nothing with --yes", async () => {
		const host = initHost();
		const { code, results } = await run(host);
		expect(code).toBe(0);
		const settings = read(host.files.get(PATH));
		expect(settings).toMatchObject({
			timezone: "Europe/Berlin",
			state: "/var/lib/keyturn",
			signers: [
				{
					type: "opendkim",
					swap: "reload",
					settings: { config: "/etc/opendkim.conf", keys: "/etc/opendkim/keys" },
					services: { stop: ["postfix", "opendkim"], start: ["opendkim", "postfix"] },
				},
			],
			providers: [
				{
					name: "home",
					type: "rfc2136",
					settings: { server: "127.0.0.1:53", keyfile: "/etc/keyturn/tsig.key" },
				},
			],
			alerts: [{ type: "email", settings: { to: "postmaster@example.com" } }],
		});
		expect(settings.policies.map(({ domain, providers }) => [domain, providers])).toEqual([
			["example.com", ["home"]],
			["example.org", ["home"]],
		]);
		expect(host.files.get("/etc/keyturn/tsig.key")).toBe("a copy of /etc/bind/keyturn.key");
		expect(results).toEqual([
			`${PATH} is written`,
			"next:",
			"  keyturn doctor",
			"  keyturn rotate --dry-run",
			"  systemctl enable keyturn-recover.service",
			"  systemctl enable --now keyturn-apply.socket keyturn.service",
		]);
	});

	test("it says why in the file", async () => {
		const host = initHost();
		await run(host);
		expect(host.files.get(PATH)).toMatchInlineSnapshot(`
			"# keyturn.yaml, as \`keyturn init\` found this host. Only root may write it.
			# What is left out stays at its default: \`man keyturn.yaml\`, or README.md.
			# After a change: \`keyturn doctor\`, then \`systemctl reload keyturn\`.

			# When a new key starts to sign: at three in the morning on each month's first.
			schedule: "0 3 1 * *"
			# Its record goes out this long before, so that every server has it in time.
			publish_ahead: 3d
			# Services may be touched at any time; here between these times only:
			# window: "02:00-05:00"
			# Of the schedule and of the selector's month.
			timezone: Europe/Berlin

			# 202611; the next in the same month is 202611b. Hosts that share a domain need
			# {host}: "{yyyy}{mm}-{host}".
			selector: "{yyyy}{mm}"
			key: { algorithm: rsa, bits: 2048 }
			record: { ttl: 1h }

			# An old record stands this long after its key signed for the last time. Records
			# of keys that keyturn found in use are left alone, unless adopted is true:
			# another host may sign with them.
			retire: { grace: 14d, adopted: false }

			# swap: reload has opendkim take the new key up while it runs: no message
			# waits. restart stops the mail server and opendkim, switches, and starts them
			# again.
			signer:
			  type: opendkim
			  config: /etc/opendkim.conf
			  keys: /etc/opendkim/keys
			  swap: reload

			# Stopped in this order; the last is the signer's own.
			services:
			  stop: [postfix, opendkim]
			  start: [opendkim, postfix]

			# Who writes the zones. A secret stands in a file that only keyturn may read.
			providers:
			  # dynamic updates with a TSIG key; the zone has to allow it: docs/providers.md
			  home:
			    type: rfc2136
			    server: "127.0.0.1:53"
			    keyfile: /etc/keyturn/tsig.key

			# Everything above that is about a turn may differ for a domain.
			domains:
			  # now 202610 (/etc/opendkim/keys/example.com/202610.private)
			  - { name: example.com, provider: home }
			  # now 202610 (/etc/opendkim/keys/example.org/202610.private)
			  - { name: example.org, provider: home }

			# Who hears of a key that cannot be turned; docs/alerts.md has webhooks,
			# heartbeats and programs.
			# This host's own mail server cannot tell that it does not start: add one more.
			alerts:
			  - type: email
			    to: postmaster@example.com
			    smtp: "127.0.0.1:25"

			state: /var/lib/keyturn
			"
		`);
		for (const line of host.files.get(PATH)?.split("\n") ?? [])
			expect(line.length, line).toBeLessThanOrEqual(80);
	});

	test("it asks at a terminal, and says what it recommends and why", async () => {
		const host = initHost();
		const { asked, said } = await run(host, {});
		expect(asked).toEqual([
			"How opendkim gets a new key (reload, restart) [reload]: ",
			"Who gets alerts by e-mail (- for nobody) [postmaster@example.com]: ",
			`Write ${PATH} (yes, no) [yes]: `,
			"Copy the TSIG key /etc/bind/keyturn.key to /etc/keyturn/tsig.key, readable by\n  keyturn alone (yes, no) [yes]: ",
		]);
		expect(said.join("\n")).toContain("recommended: reload. opendkim takes the new key up while it runs");
		for (const line of said.join("\n").split("\n")) expect(line.length).toBeLessThan(80);
		read(host.files.get(PATH));
	});

	test("what is answered counts", async () => {
		const host = initHost();
		await run(host, { "gets a new key": "restart", "gets alerts": "-", "Copy the TSIG key": "no" });
		const settings = read(host.files.get(PATH));
		expect(settings.signers).toMatchObject([{ swap: "restart" }]);
		expect(settings.alerts).toEqual([]);
		expect([...host.files.keys()]).toEqual([PATH]);
	});

	test("where there is no TSIG key, it says how one is made", async () => {
		const host = initHost({ tsigKeys: async () => Promise.resolve([]) });
		const { results } = await run(host);
		expect(results.slice(1, 3)).toEqual([
			"next:",
			"  tsig-keygen keyturn | install -m 640 -g keyturn /dev/stdin /etc/keyturn/tsig.key",
		]);
	});

	test("a TSIG key that keyturn has already stays", async () => {
		const host = initHost();
		host.files.set("/etc/keyturn/tsig.key", "mine");
		const { asked, said } = await run(host, {});
		expect(asked.join("\n")).not.toContain("Copy the TSIG key");
		expect(said).toContain("/etc/keyturn/tsig.key is there already, and stays");
		expect(host.files.get("/etc/keyturn/tsig.key")).toBe("mine");
	});

	test("no is no", async () => {
		const host = initHost();
		expect(await run(host, { "Write ": "no" })).toMatchObject({ code: 0, results: [] });
		expect(host.files.size).toBe(0);
	});
});

describe("it writes over nothing", () => {
	test("where a configuration is there", async () => {
		const host = initHost();
		host.files.set(PATH, "mine");
		await expect(run(host)).rejects.toMatchObject({
			code: "usage",
			message: expect.stringContaining("is there already"),
		});
		expect([...host.files]).toEqual([[PATH, "mine"]]);
	});

	test("where one comes meanwhile", async () => {
		await expect(run(initHost({ write: async () => Promise.resolve("exists") }))).rejects.toMatchObject({
			code: "usage",
		});
	});

	test("where nobody can be asked", async () => {
		const { context } = commandBench(new AgentWorld());
		const host = initHost();
		const surroundings = async () => Promise.resolve({ host, path: PATH, prompt: null });
		await expect(init({ ...context, surroundings }, { yes: false })).rejects.toMatchObject({
			code: "usage",
			hint: expect.stringContaining("--yes"),
		});
		expect(host.files.size).toBe(0);
	});
});

test("who gets alerts is asked for again until it is an address, or nobody", async () => {
	for (const [last, alerts] of [
		["ops@example.net", [{ settings: { to: "ops@example.net" } }]],
		["-", []],
	] as const) {
		const host = initHost();
		const { said } = await run(host, { "Who gets alerts": ["root", "Ops <ops@example.net>", last] });
		expect(read(host.files.get(PATH)).alerts).toMatchObject(alerts);
		expect(said.filter((line) => line.startsWith("expected an address"))).toEqual([
			"expected an address such as postmaster@example.com, or -, got root",
			"expected an address such as postmaster@example.com, or -, got Ops\n  <ops@example.net>",
		]);
	}
});

test("what signs for no domain name that can be in a configuration is told, and alone nothing is written", async () => {
	const odd = foundKey("my_host.example", "mail");
	const beside = initHost({
		signers: async () => Promise.resolve([{ ...OPENDKIM, keys: [odd, ...OPENDKIM.keys] }]),
	});
	const { said } = await run(beside);
	expect(said.join(" ").replaceAll(/\s+/g, " ")).toContain(
		"note: my_host.example is no domain name, and its key mail stays as it is",
	);
	expect(read(beside.files.get(PATH)).policies).toHaveLength(2);
	const alone = initHost({ signers: async () => Promise.resolve([{ ...OPENDKIM, keys: [odd] }]) });
	await expect(run(alone)).rejects.toMatchObject({
		code: "usage",
		message: "of what is installed (opendkim) nothing signs with a key that can be turned",
	});
	expect([...alone.files]).toEqual([]);
});

test("without systemd it says what services need, and starts no unit", async () => {
	const { said, results } = await run(initHost({ hasSystemd: false }));
	expect(said.join(" ").replaceAll(/\s+/g, " ")).toContain(
		"note: no systemd runs here: postfix and opendkim need `manager: command` in services, with the commands that stop and start them: docs/signers.md",
	);
	expect(results.join("\n")).not.toContain("systemctl");
	expect(results.at(-1)).toBe("  keyturn run, as root under this host's supervisor");
});

test("a container's commands need no systemd", async () => {
	const argv = ["/usr/bin/docker", "x"];
	const commands = { stop: argv, start: argv, status: argv };
	const own = { ...OPENDKIM, isBehindMailServer: false, commands };
	const { said } = await run(initHost({ hasSystemd: false, signers: async () => Promise.resolve([own]) }));
	expect(said.join(" ")).not.toContain("no systemd");
});

test("interrupted while DNS is asked, it writes nothing", async () => {
	const interrupt = new AbortController();
	// An interrupted question ends as if nobody had answered.
	const zoneOf = async (): Promise<null> => {
		interrupt.abort();
		return Promise.resolve(null);
	};
	const host = initHost({ zoneOf });
	await expect(run(host, null, interrupt.signal)).rejects.toThrow(/aborted/);
	expect([...host.files]).toEqual([]);
});

test("a resolver that is down is waited for by many domains at once", async () => {
	let [asking, most] = [0, 0];
	const zoneOf = async (): Promise<null> => {
		most = Math.max(most, (asking += 1));
		await new Promise((resolve) => setImmediate(resolve));
		asking -= 1;
		return null;
	};
	const keys = Array.from({ length: 100 }, (_, index) => foundKey(`d${index}.example.com`, "202610"));
	const host = initHost({ zoneOf, signers: async () => Promise.resolve([{ ...OPENDKIM, keys }]) });
	await run(host);
	expect(read(host.files.get(PATH)).policies.map(({ domain }) => domain)).toEqual(
		keys.map(({ domain }) => domain),
	);
	expect(most).toBe(16);
});

test("a mail server that is known, or that signs itself, is none that has to be named", async () => {
	for (const changes of [
		{},
		{
			mailServer: async () => Promise.resolve(null),
			signers: async () => Promise.resolve([{ ...OPENDKIM, isBehindMailServer: false }]),
		},
	]) {
		const { said } = await run(initHost(changes));
		expect(said.join(" ")).not.toContain("which mail server");
	}
});

describe("on other hosts", () => {
	test("a signer that reads its keys at its start only is restarted, and no question asked", async () => {
		const host = initHost({
			signers: async () =>
				Promise.resolve([
					{
						...OPENDKIM,
						type: "dkimpy",
						service: "dkimpy-milter",
						swap: { recommended: "restart", why: "dkimpy reads its keys at its start only", isOnly: true },
					},
				]),
		});
		const { asked } = await run(host, {});
		expect(asked.join("\n")).not.toContain("gets a new key");
		expect(read(host.files.get(PATH)).signers).toMatchObject([{ type: "dkimpy", swap: "restart" }]);
	});

	test("two signers have each their services and domains", async () => {
		const rspamd = {
			...OPENDKIM,
			type: "rspamd",
			service: "rspamd",
			settings: { config: "/etc/rspamd/local.d/dkim_signing.conf", keys: "/var/lib/rspamd/dkim" },
			keys: [foundKey("example.org", "mail"), foundKey("example.net", "mail")],
		};
		const host = initHost({ signers: async () => Promise.resolve([OPENDKIM, rspamd]) });
		await run(host);
		const settings = read(host.files.get(PATH));
		expect(settings.signers.map(({ name, services }) => [name, services.stop])).toEqual([
			["opendkim", ["postfix", "opendkim"]],
			["rspamd", ["postfix", "rspamd"]],
		]);
		expect(settings.policies.map(({ domain, signer }) => [domain, signer])).toEqual([
			["example.com", "opendkim"],
			["example.org", "opendkim"],
			["example.net", "rspamd"],
		]);
	});

	test("a domain that one OpenDKIM signs for with an RSA key and another with an Ed25519 key has both signers", async () => {
		const second: FoundSigner = {
			...OPENDKIM,
			service: "opendkim@ed25519",
			settings: { config: "/etc/opendkim-ed25519.conf", keys: "/etc/opendkim/ed25519" },
			keys: [{ ...foundKey("example.com", "ed"), algorithm: "ed25519" }],
		};
		const host = initHost({ signers: async () => Promise.resolve([second, OPENDKIM]) });
		await run(host);
		expect(host.files.get(PATH)).toContain(
			"{ name: example.com, provider: home, signer: [opendkim, opendkim-ed25519], key: [{ algorithm: rsa, bits: 2048 }, { algorithm: ed25519 }] }",
		);
		const settings = read(host.files.get(PATH));
		expect(settings.signers.map(({ name, services }) => [name, services.stop])).toEqual([
			["opendkim-ed25519", ["postfix", "opendkim@ed25519"]],
			["opendkim", ["postfix", "opendkim"]],
		]);
		expect(settings.policies.map(({ domain, signer, signers }) => [domain, signer, signers?.length])).toEqual(
			[
				["example.com", "opendkim", 2],
				["example.org", "opendkim", undefined],
			],
		);
	});

	test("of two signers with the same kind of key the first has the domain", async () => {
		const second = {
			...OPENDKIM,
			service: "opendkim-two",
			settings: { config: "/etc/two.conf", keys: "/etc/two" },
		};
		const host = initHost({ signers: async () => Promise.resolve([OPENDKIM, second]) });
		await run(host);
		expect(read(host.files.get(PATH)).policies.map(({ signer }) => signer)).toEqual(["opendkim", "opendkim"]);
	});

	test("what a signer's own files or a program say begins no line of the file", async () => {
		const evil = 'x\nhooks: { post: [["/tmp/evil"]] }\n#';
		const keys = [foundKey("example.com", evil), { ...foundKey("example.org", "202610"), path: `/${evil}` }];
		const swap = {
			recommended: "restart",
			why: `a reload would not do: two\nlines, ${evil}`,
			isOnly: true,
		} as const;
		const host = initHost({ signers: async () => Promise.resolve([{ ...OPENDKIM, keys, swap }]) });
		await run(host);
		expect(read(host.files.get(PATH)).hooks.post).toEqual([]);
	});

	test("a provider that is known by its servers is asked for, with its secrets to be made", async () => {
		const host = initHost({
			zoneOf: async (zone) =>
				Promise.resolve({
					zone,
					servers: ["amy.ns.cloudflare.com", "bob.ns.cloudflare.com"],
					localPrimary: null,
				}),
			guess: guessProvider,
		});
		const { results } = await run(host);
		expect(read(host.files.get(PATH)).providers).toMatchObject([
			{
				name: "cloudflare",
				type: "cloudflare",
				settings: { token: { file: "/etc/keyturn/cloudflare.token" } },
			},
		]);
		expect(results).toContain(
			"  install -m 640 -g keyturn /dev/stdin /etc/keyturn/cloudflare.token    # and paste the secret",
		);
	});

	test("what one provider serves is asked for once, and the others apart", async () => {
		const domains = ["a", "b", "c", "d", "e"].map((name) => `${name}.example`);
		const host = initHost({
			signers: async () =>
				Promise.resolve([{ ...OPENDKIM, keys: domains.map((domain) => foundKey(domain, "202610")) }]),
			zoneOf: async (zone) =>
				Promise.resolve({
					zone,
					servers: [zone === "c.example" ? "ns1.desec.io" : "amy.ns.cloudflare.com"],
					localPrimary: null,
				}),
			guess: guessProvider,
		});
		const { asked, said } = await run(host, { "through desec": "no" });
		expect(asked.filter((question) => question.startsWith("Write the zone"))).toEqual([
			"Write the zone through cloudflare (yes, no) [yes]: ",
			"Write the zone through desec (yes, no) [yes]: ",
		]);
		expect(said.join("\n")).toContain(
			"a.example, b.example and 2 more: served by amy.ns.cloudflare.com: cloudflare",
		);
		expect(
			read(host.files.get(PATH)).policies.map(({ domain, providers }) => [domain, providers[0]]),
		).toEqual([
			["a.example", "cloudflare"],
			["b.example", "cloudflare"],
			["d.example", "cloudflare"],
			["e.example", "cloudflare"],
			["c.example", "manual"],
		]);
	});

	test("nobody known, and nobody at all: by hand", async () => {
		const host = initHost({
			zoneOf: async (domain) =>
				Promise.resolve(
					domain === "example.com"
						? { zone: domain, servers: ["ns.afraid.example"], localPrimary: null }
						: null,
				),
		});
		await run(host);
		const { providers } = read(host.files.get(PATH));
		expect(providers.map(({ name, type }) => [name, type])).toEqual([
			["manual", "manual"],
			["manual2", "manual"],
		]);
	});

	test("no mail server, no time zone of plain letters, and a domain like a number", async () => {
		const host = initHost({
			mailServer: async () => Promise.resolve(null),
			timezone: "America/Port-au-Prince",
			signers: async () => Promise.resolve([{ ...OPENDKIM, keys: [foundKey("123.example", "1")] }]),
		});
		const { said } = await run(host);
		expect(said.join(" ").replaceAll(/\s+/g, " ")).toContain(
			"note: which mail server hands opendkim its mail is not known (Postfix and Exim were looked for): where one does, put its service before opendkim in services.stop and behind it in services.start, or its mail may leave unsigned while opendkim is stopped",
		);
		expect(host.files.get(PATH)?.replaceAll("\n# ", " ")).toContain("restart stops opendkim, switches, and");
		expect(read(host.files.get(PATH))).toMatchObject({
			timezone: "America/Port-au-Prince",
			signers: [{ services: { stop: ["opendkim"] } }],
			policies: [{ domain: "123.example" }],
		});
	});

	test("a container has its commands, and what has to be done once comes first", async () => {
		const container: FoundSigner = {
			...OPENDKIM,
			type: "docker-mailserver",
			service: "mailserver",
			settings: { volume: "/srv/dms", exec: ["/usr/bin/docker", "exec", "-i", "mailserver"] },
			swap: { recommended: "restart", why: "mailserver reads its keys at its start only", isOnly: true },
			isBehindMailServer: false,
			commands: {
				stop: ["/usr/bin/docker", "stop", "mailserver"],
				start:
					"/usr/bin/docker compose --project-directory /srv/docker -p dms -f /srv/docker/compose.yaml up -d --force-recreate mailserver".split(
						" ",
					),
				status: ["/bin/sh", "-c", "up=$(docker ps -q -f 'name=^/mailserver$') || exit 126; test -n \"$up\""],
			},
			steps: ["  once, by hand"],
		};
		const host = initHost({ signers: async () => Promise.resolve([container]) });
		const { results } = await run(host);
		expect(results.slice(1, 3)).toEqual(["next:", "  once, by hand"]);
		expect(host.files.get(PATH)).not.toContain("mail server in front");
		expect(read(host.files.get(PATH)).signers).toMatchObject([
			{
				settings: { exec: ["/usr/bin/docker", "exec", "-i", "mailserver"] },
				services: {
					manager: "command",
					stop: ["mailserver"],
					commands: { mailserver: container.commands },
				},
			},
		]);
	});

	test("two containers are two signers", async () => {
		const container = { ...OPENDKIM, type: "docker-mailserver", settings: { volume: "/srv/one" } };
		const host = initHost({
			signers: async () =>
				Promise.resolve([
					{ ...container, service: "mx-one", keys: [foundKey("example.com", "mail")] },
					{
						...container,
						service: "mx-two",
						settings: { volume: "/srv/two" },
						keys: [foundKey("example.org", "mail")],
					},
				]),
		});
		await run(host, { "gets a new key": "restart" });
		const settings = read(host.files.get(PATH));
		expect(settings.policies.map(({ domain, signer }) => [domain, signer])).toEqual([
			["example.com", "mx-one"],
			["example.org", "mx-two"],
		]);
	});

	test("a program without an adapter is told beside a signer, and alone nothing is written", async () => {
		const stranger: FoundSigner = {
			...OPENDKIM,
			type: "command",
			service: "mox",
			keys: [],
			problems: ["mox is installed, and keyturn has no adapter of its own for it"],
		};
		const beside = await run(initHost({ signers: async () => Promise.resolve([OPENDKIM, stranger]) }));
		expect(beside.said.join("\n")).toContain("note: mox is installed");
		const alone = initHost({ signers: async () => Promise.resolve([stranger]) });
		await expect(run(alone)).rejects.toMatchObject({
			message: expect.stringContaining("(mox) nothing signs"),
		});
		expect(alone.files.size).toBe(0);
	});

	test("a signer that cannot be read, or none: nothing is written", async () => {
		const broken = { ...OPENDKIM, keys: [], problems: ["/etc/opendkim.conf: it has no KeyTable"] };
		const host = initHost({ signers: async () => Promise.resolve([broken]) });
		await expect(run(host)).rejects.toMatchObject({
			code: "usage",
			message: expect.stringContaining("(opendkim) nothing signs"),
		});
		await expect(run(initHost({ signers: async () => Promise.resolve([]) }))).rejects.toMatchObject({
			message: expect.stringContaining("no signer was found"),
		});
		expect(host.files.size).toBe(0);
	});
});

test.each(GUESSES.map((guess) => [guess.type, guess] as const))(
	"what is guessed for %s is read by keyturn",
	async (type, guess) => {
		const host = initHost({
			zoneOf: async (zone) => Promise.resolve({ zone, servers: ["ns.example.net"], localPrimary: null }),
			guess: () => guess,
		});
		await run(host);
		expect(read(host.files.get(PATH)).providers).toMatchObject([{ type }]);
	},
);

test.each([
	["amy.ns.cloudflare.com", "cloudflare"],
	["ns1.digitalocean.com", "digitalocean"],
	["ns1.desec.io", "desec"],
	["ns2.desec.org", "desec"],
	["ns1.linode.com", "linode"],
	["ns-12-a.gandi.net", "gandi"],
	["hydrogen.ns.hetzner.com", "hetzner"],
	["ns01.domaincontrol.com", "godaddy"],
	["dns10.ovh.net", "ovh"],
	["curitiba.ns.porkbun.com", "porkbun"],
	["ns0.dom.scw.cloud", "scaleway"],
	["ns-1234.awsdns-26.co.uk", "route53"],
	["ns-cloud-a1.googledomains.com", "google"],
	["ns1-01.azure-dns.com", "azure"],
	["ns.inwx.de", "inwx"],
	["root-dns.netcup.net", "netcup"],
	["dns1.registrar-servers.com", "namecheap"],
	["ns1.afraid.org", null],
	["cloudflare.com.evil.example", null],
])("%s is %s", (server, type) => {
	expect(guessProvider([server])?.type ?? null).toBe(type);
});
