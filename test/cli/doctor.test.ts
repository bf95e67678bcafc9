/** `keyturn doctor`: what it asks, that it changes nothing, how it ends, and how it reads. */

import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { doctor } from "../../src/cli/doctor.ts";
import { signersText } from "../../src/cli/doctor-signers.ts";
import { doctorText } from "../../src/cli/doctor-text.ts";
import { type Finding, finding } from "../../src/doctor/finding.ts";
import { signersRead } from "../../src/doctor/signers-read.ts";
import { KeyturnError } from "../../src/errors.ts";
import { keyRecordName } from "../../src/dkim/names.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { doorTold, healthyFacts } from "../fakes/doctor-facts.ts";
import { doctorBench, GOOD_MAIL } from "../fakes/doctor-bench.ts";
import { emptyDomainState } from "../../src/rotation/domain-state.ts";
import { keyEntry, policyOf } from "../fakes/policies.ts";

interface Told {
	readonly domains: number;
	readonly findings: readonly { readonly code: string; readonly subject: string; readonly advice: string }[];
}

const ABSENT = { code: "config.unreadable", why: "/etc/keyturn/token is absent", hint: null };
const OLD = "v=DKIM1;k=ed25519;p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

const PUBLIC_KEY = generateKeyPairSync("rsa", { modulusLength: 2048 })
	.publicKey.export({ format: "der", type: "spki" })
	.toString("base64");

function signsWithRsa(world: AgentWorld, domains: readonly string[]): void {
	world.signNothing();
	for (const domain of domains) world.signWithBoth(domain, [["202610", PUBLIC_KEY]]);
}

/** A host whose key was adopted, with all well. */
async function wellWorld(): Promise<AgentWorld> {
	const world = new AgentWorld([policyOf()]);
	signsWithRsa(world, ["example.com"]);
	const [line] = world.lines;
	world.zone.set(keyRecordName(line?.selector ?? "", "example.com"), ["the record"]);
	await world.tick();
	return world;
}

async function run(
	bench: ReturnType<typeof doctorBench>,
): Promise<{ readonly code: number; readonly told: Told }> {
	const code = await doctor(bench.context, { form: "json" });
	return { code, told: JSON.parse(bench.terminal.results.join("")) as Told };
}

const codesOf = ({ findings }: Told): readonly string[] => findings.map(({ code }) => code);

describe("a host where all is well", () => {
	test("has no finding, and ends with 0", async () => {
		const { code, told } = await run(doctorBench(await wellWorld()));
		expect(told).toMatchObject({ domains: 1, findings: [] });
		expect(code).toBe(0);
	});

	test("says at a terminal what takes its time, and nothing where nobody waits", async () => {
		const world = await wellWorld();
		for (const isLive of [true, false]) {
			const bench = doctorBench(world, { isLive });
			await doctor(bench.context, { form: "text" });
			expect(bench.terminal.said).toEqual(
				isLive ? ["asking the door, the name servers and the providers of 1 domain"] : [],
			);
		}
	});

	test("says so in words", async () => {
		const bench = doctorBench(await wellWorld());
		expect(await doctor(bench.context, { form: "text" })).toBe(0);
		expect(bench.terminal.results.join("\n").split("\n")).toEqual([
			"signer main (opendkim) reads /etc/opendkim.conf, /etc/opendkim/key.table,",
			"    /etc/opendkim/signing.table",
			expect.stringMatching(/^ {4}example\.com \d{6}: rsa 2048, \/\S+$/),
			"",
			"nothing found: 1 domain, 22 checks",
		]);
	});
});

test("what was read of each signer is told before what is wrong with it", () => {
	const line = { entry: "x", publicKey: null, signs: true, problem: null, unsafe: null };
	const lines = [
		...Array.from({ length: 21 }, (_, count) => ({
			...line,
			domain: `a${count}.example`,
			selector: "1",
			keyPath: "/k/1",
		})),
		{ ...line, domain: "idle.example", selector: "1", keyPath: "/k/1", signs: false },
	];
	const { settings } = healthyFacts();
	const read = signersRead({ door: doorTold({ signer: { lines } }), settings });
	expect(read).toMatchObject([{ signer: "main", type: "opendkim", idle: 1 }]);
	expect(read[0]?.keys).toHaveLength(21);
	const text = signersText(read).join("");
	expect(text).toContain("    a0.example 1: no key that can be read, /k/1, not in keyturn.yaml\n");
	expect(text).toContain(
		"    and 1 more key: --json has all\n    1 line besides, with which nothing is signed",
	);
	const gone = signersText(signersRead({ door: doorTold({ examined: { reads: [] } }), settings }));
	expect(gone).toEqual(["signer main (opendkim) could not be read"]);
	expect(signersRead({ door: { kind: "silent", why: "gone", hint: null }, settings })).toEqual([]);
});

test("nothing is written, nothing at a provider is changed, and the door is asked to inspect alone", async () => {
	const world = await wellWorld();
	const before = world.stateFiles();
	const asked = world.doorRequests.length;
	let writes = 0;
	world.onStateChange = () => {
		writes += 1;
	};
	await run(doctorBench(world, { records: {} }));
	const requests = world.doorRequests.slice(asked);
	expect(requests.map(({ act }) => act)).toEqual(["inspect", "inspect"]);
	expect(requests[0]).toMatchObject({ examine: true });
	expect(world.probed).toHaveLength(1);
	expect(writes).toBe(0);
	expect(world.changes).toEqual([]);
	expect(world.stateFiles()).toEqual(before);
});

describe("what it finds by asking", () => {
	test.each([
		["no SPF and no DMARC record", {}, ["spf.missing", "dmarc.missing"]],
		[
			"an include that leads nowhere",
			{ ...GOOD_MAIL, "TXT example.com": ["v=spf1 include:nowhere.example -all"] },
			["spf.broken"],
		],
		["this host left out", { ...GOOD_MAIL, "TXT example.com": ["v=spf1 ip4:192.0.2.9 -all"] }, ["spf.host"]],
		["an ADSP record", { ...GOOD_MAIL, "TXT _adsp._domainkey.example.com": ["dkim=all"] }, ["adsp.historic"]],
		["SPF's own type", { ...GOOD_MAIL, "SPF example.com": ["v=spf1 mx -all"] }, ["spf.type"]],
		["test mode", { ...GOOD_MAIL, "TXT 202610._domainkey.example.com": [`${OLD};t=y`] }, ["key.testing"]],
		[
			"a DMARC record of one word",
			{ ...GOOD_MAIL, "TXT _dmarc.example.com": ["v=DMARC1"] },
			["dmarc.broken"],
		],
		["no reports", { ...GOOD_MAIL, "TXT _dmarc.example.com": ["v=DMARC1; p=none"] }, ["dmarc.watching"]],
	])("%s", async (_, records, codes) => {
		expect(codesOf((await run(doctorBench(await wellWorld(), { records }))).told)).toEqual(codes);
	});

	test("hosts named by MX records are allowed", async () => {
		const records = {
			...GOOD_MAIL,
			"TXT example.com": ["v=spf1 mx -all"],
			"MX example.com": ["mx1.example.com"],
			"A mx1.example.com": ["198.51.100.7"],
		};
		expect(codesOf((await run(doctorBench(await wellWorld(), { records }))).told)).toEqual([]);
	});

	test("a record of a month that nobody signs with, where the servers have it too", async () => {
		const world = await wellWorld();
		const name = "202607._domainkey.example.com";
		const records = { ...GOOD_MAIL, [`TXT ${name}`]: [OLD] };
		expect(codesOf((await run(doctorBench(world, { records }))).told)).toEqual([]);
		world.zone.set(name, [OLD]);
		const { told, code } = await run(doctorBench(world, { records }));
		expect(told.findings).toMatchObject([{ code: "leftover.record", subject: "example.com 202607" }]);
		expect(code).toBe(1);
	});

	test("what stands of a domain that was taken out of keyturn.yaml, and nothing of one that left nothing", async () => {
		const world = await wellWorld();
		const lease = await world.store.lock(0, new AbortController().signal);
		if (lease === "held") throw new Error("nobody holds it");
		for (const [domain, states] of [
			["gone.example", ["retiring", "active", "verified", "retired"]],
			["left.example", ["active", "retired"]],
		] as const) {
			const keys = states.map((state, index) =>
				keyEntry({ selector: `2026${10 + index}`, state, origin: "made" }),
			);
			const state = { ...emptyDomainState(domain), keys };
			await world.store.save(lease, `domains/${domain}`, state, 0);
		}
		await world.store.save(lease, "domains/odd.example", { schema: 9 }, 0);
		await lease.release();
		const { told } = await run(doctorBench(world));
		expect(told.findings).toMatchObject([{ code: "leftover.domain", subject: "gone.example" }]);
		expect(JSON.stringify(told.findings)).toContain("has published for it: 202610, 202612");
	});

	test("no leftover where an ARC signer uses it, or it is revoked", async () => {
		const world = await wellWorld();
		const name = "202607._domainkey.example.com";
		world.zone.set(name, [OLD]);
		const revoked = { ...GOOD_MAIL, [`TXT ${name}`]: ["v=DKIM1;k=ed25519;p="] };
		expect(codesOf((await run(doctorBench(world, { records: revoked }))).told)).toEqual([]);
		const key = { domain: "example.com", selector: "202607", keyPath: null, publicKey: null };
		world.otherReaders = [{ program: "openarc", where: "/etc/openarc.conf", problem: null, ...key }];
		const records = { ...GOOD_MAIL, [`TXT ${name}`]: [OLD] };
		expect(codesOf((await run(doctorBench(world, { records }))).told)).toEqual(["key.shared"]);
	});

	test("a running signer that does not sign", async () => {
		const world = await wellWorld();
		world.probeFault = () => "no signature";
		expect(codesOf((await run(doctorBench(world))).told)).toEqual(["signer.silent"]);
	});

	test("a record too long for its provider, of the key that domains turn to together", async () => {
		const rsa = policyOf({ domain: "b.example", key: { algorithm: "rsa", bits: 2048 } });
		const full = policyOf({ domain: "a.example", record: { ttlSeconds: 3600, notes: "n".repeat(3690) } });
		for (const [policies, isUnfit] of [
			[[rsa, full], true],
			[
				[
					{ ...rsa, key: full.key },
					{ ...full, key: rsa.key },
				],
				false,
			],
		] as const) {
			const world = new AgentWorld(policies);
			world.shareKey(["b.example", "a.example"]);
			await world.tick();
			const { told } = await run(doctorBench(world));
			expect(told.domains).toBe(2);
			expect(codesOf(told).includes("provider.unfit")).toBe(isUnfit);
		}
	});

	test("a provider that refuses us, and the rest all the same", async () => {
		const world = await wellWorld();
		world.zoneFaults.set(
			"home",
			new KeyturnError("provider.denied", "home: not with this token", { hint: "make another" }),
		);
		const { told } = await run(doctorBench(world));
		expect(told.findings).toMatchObject([{ code: "provider.failed", advice: "make another" }]);
	});

	/** Each provider with its zones, of which example.net alone holds a record. */
	async function foundWith(world: AgentWorld, zones: Readonly<Record<string, readonly string[]>>) {
		const [home] = world.ports.providers.values();
		if (home === undefined) throw new Error("no provider");
		const providers = new Map(
			Object.entries(zones).map(([provider, own]) => {
				const findZone: typeof home.findZone = async (at) => {
					const zone = own.find((one) => at === one || at.endsWith(`.${one}`));
					return Promise.resolve(
						zone === undefined ? { kind: "none", why: "not here" } : { kind: "zone", zone },
					);
				};
				const list: typeof home.list = async (zone) =>
					Promise.resolve(zone === "example.net" ? ["the record"] : []);
				return [provider, { ...home, name: provider, findZone, list }] as const;
			}),
		);
		return (await run(doctorBench(world, { examiner: { providers } }))).told;
	}

	test("no lack of a zone where that of _domainkey alone is a provider's, before the first key", async () => {
		const world = new AgentWorld([policyOf()]);
		world.signNothing();
		const told = await foundWith(world, { home: ["_domainkey.example.com"] });
		expect(codesOf(told)).toEqual(["domain.unsigned"]);
	});

	describe("of a record whose name is an alias into another zone", () => {
		async function aliased(zones: Readonly<Record<string, readonly string[]>>, policy = policyOf()) {
			const world = new AgentWorld([policy]);
			signsWithRsa(world, ["example.com"]);
			const name = keyRecordName(world.lines[0]?.selector ?? "", "example.com");
			await world.tick();
			world.aliases.set(name, "k1.keys.example.net");
			return (await foundWith(world, zones)).findings;
		}

		test("nothing, where another configured provider has that zone", async () => {
			expect(await aliased({ home: ["example.com"], other: ["example.net"] })).toEqual([]);
		});

		test("nothing, where its own provider has it besides the zone that is configured", async () => {
			const policy = policyOf({ zone: "example.com" });
			expect(await aliased({ home: ["example.com", "example.net"] }, policy)).toEqual([]);
		});

		test("that several others have that zone, of which none is to write it", async () => {
			const zones = { home: ["example.com"], one: ["example.net"], two: ["example.net"] };
			expect(await aliased(zones)).toMatchObject([
				{
					code: "provider.zone",
					severity: "critical",
					summary: expect.stringContaining("both one and two have a zone example.net"),
				},
			]);
		});

		test("that nobody has that zone", async () => {
			expect(await aliased({ home: ["example.com"] })).toMatchObject([
				{
					code: "provider.zone",
					severity: "critical",
					summary: expect.stringContaining("is an alias of k1.keys.example.net"),
				},
			]);
		});
	});

	test("providers that cannot even be made", async () => {
		const world = await wellWorld();
		const examiner = { providers: new Map(), unmade: ABSENT };
		const { told } = await run(doctorBench(world, { examiner }));
		expect(told.findings).toMatchObject([
			{
				code: "config.unreadable",
				severity: "critical",
				subject: "providers",
				summary: "a provider cannot be set up: /etc/keyturn/token is absent",
			},
		]);
	});

	test("an alert that cannot be set up, and the providers all the same", async () => {
		const world = await wellWorld();
		world.zoneFaults.set("home", new KeyturnError("provider.denied", "home: not with this token"));
		const bench = doctorBench(world, { examiner: { unheard: ABSENT } });
		const agent = async () => Promise.reject(new KeyturnError("config.unreadable", ABSENT.why));
		Object.assign(bench.workbench, { agent });
		const { told } = await run(bench);
		expect(told.findings).toMatchObject([
			{
				code: "config.unreadable",
				subject: "alerts",
				summary: "an alert cannot be set up: /etc/keyturn/token is absent",
			},
			{ code: "provider.failed", summary: "home: not with this token" },
		]);
	});

	test("a door that refuses", async () => {
		const world = await wellWorld();
		world.refuse = () => ({ act: "refused", why: "failed", domains: [], message: "no", hint: "mend it" });
		const { told } = await run(doctorBench(world));
		expect(told.findings).toMatchObject([{ code: "door.silent", advice: "mend it" }]);
	});

	test("a door that is at work on a switch, which is no fault of it", async () => {
		const world = await wellWorld();
		const message = "another switch or recovery is under way";
		world.refuse = () => ({
			act: "refused",
			why: "busy",
			domains: [],
			message,
			hint: "ask again in a minute",
		});
		const { told } = await run(doctorBench(world));
		expect(told.findings).toMatchObject([
			{
				code: "door.silent",
				severity: "warning",
				summary: `what signs was not read, nor its keys looked at: ${message}`,
				advice: "ask again in a minute",
			},
		]);
	});

	test("nothing of a domain's state that is damaged, but of all else", async () => {
		const world = await wellWorld();
		world.disk.put("/state/domains/example.com.json", "{");
		const { told } = await run(doctorBench(world));
		expect(codesOf(told)).toEqual(["state.damaged"]);
		expect(told.findings).toMatchObject([
			{
				advice: expect.stringMatching(/^the next tick keeps the damaged file aside in \/state\/domains/),
				command: "keyturn rotate example.com",
			},
		]);
	});

	test("that the host's document is damaged, and all else", async () => {
		const world = await wellWorld();
		world.disk.put("/state/host.json", "{");
		const { told } = await run(doctorBench(world));
		expect(told.findings).toMatchObject([
			{
				code: "trouble.standing",
				summary: expect.stringMatching(/^state_damaged: host\.json cannot be read/),
			},
		]);
	});

	test("of a state that is not understood that a tick does nothing with it", async () => {
		const world = await wellWorld();
		await world.damage("domains/example.com");
		const { told } = await run(doctorBench(world));
		expect(told.findings).toMatchObject([
			{
				code: "state.damaged",
				summary: expect.stringContaining("nothing is done with it"),
				advice: expect.stringMatching(/restore \/state\/domains\/example\.com\.json from a backup/),
				command: null,
			},
		]);
	});
});

describe("of a state that the disk does not give", () => {
	test.each([
		["what the disk says to do", "look into the kernel's log", "look into the kernel's log"],
		["that it is tried again", undefined, "the next tick reads /state/domains/example.com.json again"],
	])("%s: nothing is restored, nor removed", async (_, hint, advice) => {
		const bench = doctorBench(await wellWorld());
		const { context, workbench } = bench;
		const load: typeof workbench.store.load = async (name) => {
			if (name !== "domains/example.com") return workbench.store.load(name);
			throw new KeyturnError("disk.failed", "EIO", { errno: "EIO", ...(hint === undefined ? {} : { hint }) });
		};
		const store = { ...workbench.store, load };
		const open = async () => Promise.resolve({ ...workbench, store });
		const { told } = await run({ ...bench, context: { ...context, open } });
		expect(told.findings).toMatchObject([{ code: "state.damaged", advice, command: null }]);
	});
});

describe("a configuration that cannot be read", () => {
	const failing = async (error: KeyturnError) => {
		const bench = doctorBench(await wellWorld());
		return { ...bench, context: { ...bench.context, open: async () => Promise.reject(error) } };
	};

	test("is a finding for each fault", async () => {
		const fault = {
			file: "/etc/keyturn/keyturn.yaml",
			line: 3,
			column: 1,
			path: "shedule",
			rule: "is unknown",
			value: null,
			consequence: "no key would ever be due",
			hint: "schedule",
			excerpt: null,
		};
		const error = new KeyturnError("config.invalid", "two faults", { cause: [fault, { ...fault, line: 9 }] });
		const { told, code } = await run(await failing(error));
		expect(told.findings.map(({ code: name, subject, advice }) => [name, subject, advice])).toEqual([
			["config.invalid", "shedule", "correct line 3 of /etc/keyturn/keyturn.yaml"],
			["config.invalid", "shedule", "correct line 9 of /etc/keyturn/keyturn.yaml"],
		]);
		expect(code).toBe(1);
	});

	test("is a finding where there is no file", async () => {
		const { told } = await run(await failing(new KeyturnError("config.unreadable", "nothing there")));
		expect(codesOf(told)).toEqual(["config.unreadable"]);
	});

	test("is critical to a monitoring system, and what could not be looked at is unknown", async () => {
		const broken = await failing(new KeyturnError("config.unreadable", "nothing there"));
		expect(await doctor(broken.context, { form: "nagios" })).toBe(2);
		const mute = await failing(new KeyturnError("disk.failed", "EIO"));
		expect(await doctor(mute.context, { form: "nagios" })).toBe(3);
		expect(mute.terminal.results).toEqual(["KEYTURN UNKNOWN - EIO"]);
	});
});

describe("for a monitoring system", () => {
	test("one line with figures where all is well", async () => {
		const world = await wellWorld();
		world.pass(3_600_000);
		const bench = doctorBench(world);
		expect(await doctor(bench.context, { form: "nagios" })).toBe(0);
		expect(bench.terminal.results).toEqual([
			"KEYTURN OK - 1 domain, nothing found | critical=0;;0;0 warning=0;0;;0 domains=1;;;0 oldest_key=3600s;;;0",
		]);
	});

	test("ends with 1 where warnings are all there is", async () => {
		const bench = doctorBench(await wellWorld(), { records: {} });
		expect(await doctor(bench.context, { form: "nagios" })).toBe(1);
		expect(bench.terminal.results.join("")).toMatch(/^KEYTURN WARNING - .* \| critical=0;;0;0 warning=2;/);
	});

	test("the gravest first, a line for each, and no bar but that before the figures", async () => {
		const world = await wellWorld();
		world.verdict = () => "absent";
		const bench = doctorBench(world, { records: {} });
		expect(await doctor(bench.context, { form: "nagios" })).toBe(2);
		const [first = "", ...others] = bench.terminal.results.join("").split("\n");
		expect(first).toMatch(
			/^KEYTURN CRITICAL - example\.com 202610: .* \(and 2 more\) \| critical=1;;0;0 warning=2;0;;0 /,
		);
		expect(others.map((line) => line.split(" ").slice(0, 2))).toEqual([
			["critical", "record.absent"],
			["warning", "spf.missing"],
			["warning", "dmarc.missing"],
		]);
	});
});

test("it reads at 80 columns, and what is alike is told once", async () => {
	const policies = ["a", "b", "c", "d", "e"].map((name) => policyOf({ domain: `${name}.example` }));
	const world = new AgentWorld(policies);
	signsWithRsa(
		world,
		policies.map(({ domain }) => domain),
	);
	for (const { domain } of policies) world.zone.set(keyRecordName("202610", domain), ["the record"]);
	await world.tick();
	const bench = doctorBench(world, { records: {} });
	expect(await doctor(bench.context, { form: "text" })).toBe(1);
	const text = bench.terminal.results.join("");
	expect(text).toMatchInlineSnapshot(`
		"signer main (opendkim) reads /etc/opendkim.conf, /etc/opendkim/key.table,
		    /etc/opendkim/signing.table
		    a.example 202610: rsa 2048, /keys/a.example/202610.private
		    b.example 202610: rsa 2048, /keys/b.example/202610.private
		    c.example 202610: rsa 2048, /keys/c.example/202610.private
		    d.example 202610: rsa 2048, /keys/d.example/202610.private
		    e.example 202610: rsa 2048, /keys/e.example/202610.private

		WARNING spf.missing: a.example, b.example, c.example and 2 more
		    there is no SPF record: receivers cannot tell which hosts may send its mail
		    what to do: publish one; this fits if its mail comes from the hosts of its
		      MX records; for each of them, the first being:
		      a.example. TXT "v=spf1 mx -all"

		WARNING dmarc.missing: a.example, b.example, c.example and 2 more
		    there is no DMARC record: receivers are not told what to do with mail that
		    fails SPF and DKIM
		    what to do: publish one that asks for reports, and a stricter p= once they
		      are clean; for each of them, the first being:
		      _dmarc.a.example. TXT "v=DMARC1; p=none; rua=mailto:postmaster@a.example"

		10 warnings: 5 domains, 22 checks"
	`);
	for (const line of text.split("\n")) expect(line.length).toBeLessThan(80);
});

test("what is to be done for each of several is said of the first where it is no command", () => {
	const [a, b] = ["a.example", "b.example"].map((name) =>
		finding("record.wrong", name, { summary: `${name} is wrong`, advice: `mend ${name}` }),
	) as [Finding, Finding];
	const text = doctorText([a, b], { domains: 2, checks: 1 });
	expect(text).toContain("what to do: for each of them, the first being: mend a.example\n");
});
