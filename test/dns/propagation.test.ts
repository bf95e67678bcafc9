import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { publicHalf, recordText } from "../../src/dkim/key-material.ts";
import { formatKeyRecord } from "../../src/dkim/key-record.ts";
import { createPropagation } from "../../src/dns/propagation.ts";
import type { Clock } from "../../src/ports/clock.ts";
import {
	type LookReport,
	SERVER_OUTCOMES,
	type ServerOutcome,
	type Vacancy,
} from "../../src/ports/propagation.ts";
import type { Resolver } from "../../src/ports/resolver.ts";
import type { VerifyPolicy } from "../../src/rotation/policy.ts";
import { type BadDnssec, createDnsWorld, type DnsWorld, type Fault } from "../fakes/dns-world.ts";

const OURS = makeRecord("rsa");
const FOREIGN = makeRecord("rsa");
const NAME = "202611._domainkey.example.test";
const NEVER = new AbortController().signal;
const VERIFY: VerifyPolicy = {
	nameservers: "auto",
	quorum: "all",
	resolvers: ["system"],
	via: ["servers"],
	intervalMs: 30_000,
	soakMs: "auto",
	timeoutMs: 86_400_000,
};

function makeRecord(algorithm: "rsa" | "ed25519"): string {
	const { privateKey } =
		algorithm === "rsa"
			? generateKeyPairSync("rsa", { modulusLength: 1024 })
			: generateKeyPairSync("ed25519");
	const half = publicHalf(privateKey.export({ type: "pkcs8", format: "pem" }).toString());
	if (half === null) throw new Error("no key");
	return formatKeyRecord({ algorithm, publicKey: recordText(half) });
}

interface TestClock extends Clock {
	advance(ms: number): void;
}

function createTestClock(): TestClock {
	let ms = Date.parse("2026-11-01T03:00:00Z");
	return {
		now: () => new Date(ms),
		uptimeMs: () => ms,
		bootMs: () => ms,
		bootId: () => null,
		sleep: async () => {},
		deadline: (_ms, signal) => signal,
		advance: (by) => {
			ms += by;
		},
	};
}

/** Their names. */
function addMany(world: DnsWorld, servers: number, addresses: number): readonly string[] {
	const names = Array.from({ length: servers }, (_, index) => `ns${index}.many.test`);
	for (const [index, name] of names.entries())
		world.addServer(
			name,
			Array.from({ length: addresses }, (_, part) => `10.0.${index}.${part}`),
		);
	return names;
}

interface Scene {
	readonly world: DnsWorld;
	readonly clock: TestClock;
	readonly look: (options?: {
		readonly verify?: Partial<VerifyPolicy>;
		readonly record?: string;
		readonly askResolvers?: boolean;
	}) => Promise<LookReport>;
	readonly vacancy: (verify?: Partial<VerifyPolicy>) => Promise<Vacancy>;
}

/** example.test on two servers, ns1 with IPv4 and IPv6, and a resolver on loopback. */
function createScene(): Scene {
	const clock = createTestClock();
	const world = createDnsWorld({ clock });
	world.addServer("ns1.host.test", ["192.0.2.1", "2001:db8::1"]);
	world.addServer("ns2.host.test", ["192.0.2.2"]);
	world.addZone({
		name: "example.test",
		servers: ["ns1.host.test", "ns2.host.test"],
		negativeTtlSeconds: 300,
	});
	world.set("example.test", "TXT", ["v=spf1 -all"], { always: true });
	world.addResolver("127.0.0.53", { system: true });
	const propagation = createPropagation({ resolver: world.resolver, clock });
	return {
		world,
		clock,
		look: ({ verify = {}, record = OURS, askResolvers = true } = {}) =>
			propagation.look(
				{
					domain: "example.test",
					selector: "202611",
					record,
					verify: { ...VERIFY, ...verify },
					askResolvers,
				},
				NEVER,
			),
		vacancy: (verify = {}) => propagation.vacancy("example.test", "202611", { ...VERIFY, ...verify }, NEVER),
	};
}

function outcomes(report: LookReport): Record<string, ServerOutcome> {
	return Object.fromEntries(report.servers.map((server) => [server.address, server.outcome]));
}

describe("a record that every server has", () => {
	test("is right at every address and at the resolver", async () => {
		const { world, look } = createScene();
		world.set(NAME, "TXT", [OURS]);
		const report = await look();
		expect(outcomes(report)).toEqual({ "192.0.2.1": "right", "2001:db8::1": "right", "192.0.2.2": "right" });
		expect(report).toMatchObject({
			verdict: "right",
			owner: NAME,
			zone: "example.test",
			warnings: [],
			dnssec: false,
			negativeTtlSeconds: 300,
		});
		expect(report.resolvers.map((server) => server.outcome)).toEqual(["right"]);
		expect(report.servers[0]).toMatchObject({ serial: 3, ttlSeconds: 3600, txtRecords: 1, signed: null });
		expect(report.servers[0]?.chunks.reduce((sum, length) => sum + length, 0)).toBe(OURS.length);
	});

	test("is right whatever its blanks and the order of its tags", async () => {
		const { world, look } = createScene();
		const key = /p=(.*)$/.exec(OURS)?.[1] ?? "";
		world.set(NAME, "TXT", [`v=DKIM1; n=hello ; p=${key.slice(0, 30)} ${key.slice(30)} ; k=rsa; t=s`]);
		expect((await look()).verdict).toBe("right");
	});

	test("is right for Ed25519, and for a revoked record when that is what is looked for", async () => {
		const { world, look } = createScene();
		const ed25519 = makeRecord("ed25519");
		world.set(NAME, "TXT", [ed25519]);
		expect((await look({ record: ed25519 })).verdict).toBe("right");
		world.set(NAME, "TXT", ["v=DKIM1;k=rsa;p="]);
		world.flushCaches();
		expect((await look({ record: "v=DKIM1;k=rsa;p=" })).verdict).toBe("right");
		expect((await look({ record: OURS })).verdict).toBe("wrong");
	});
});

describe("every outcome of a server", () => {
	const OWN_TESTS = new Set<ServerOutcome>([
		"right",
		"alias_broken",
		"not_signed",
		"wildcard",
		"absent_name",
		"absent_record",
	]);
	const FAULTS: readonly (readonly [Fault, ServerOutcome])[] = [
		["servfail", "servfail"],
		["refused", "refused"],
		["notimp", "error_code"],
		["timeout", "timeout"],
		["unreachable", "unreachable"],
		["lame", "lame"],
		["truncated", "truncated"],
		["malformed", "malformed"],
	];
	const VALUES: readonly (readonly [string, readonly string[], ServerOutcome])[] = [
		["a foreign record beside ours", [OURS, "google-site-verification=1"], "several_records"],
		["ours twice", [OURS, `${OURS};`], "several_records"],
		["another key", [FOREIGN], "wrong_key"],
		["a revoked key", ["v=DKIM1; p="], "revoked"],
		["only SHA-1 allowed", [OURS.replace("k=rsa", "h=sha1;k=rsa")], "wrong_tags"],
		["not for mail", [OURS.replace("k=rsa", "k=rsa;s=other")], "wrong_tags"],
		["another algorithm", [OURS.replace("k=rsa", "k=ed25519")], "wrong_tags"],
		["a record cut at 255 octets", [OURS.slice(0, 120)], "unreadable_record"],
		["no key record", ["hello"], "unreadable_record"],
	];

	test("is tried here", () => {
		const tried = new Set([
			...OWN_TESTS,
			...FAULTS.map(([, outcome]) => outcome),
			...VALUES.map(([, , outcome]) => outcome),
		]);
		expect([...SERVER_OUTCOMES].filter((outcome) => !tried.has(outcome))).toEqual([]);
	});

	test.each(FAULTS)("%s is %s, and no verdict on the record", async (fault, outcome) => {
		const { world, look } = createScene();
		world.set(NAME, "TXT", [OURS]);
		world.fault("ns2.host.test", fault);
		const report = await look();
		expect(outcomes(report)["192.0.2.2"]).toBe(outcome);
		expect(report.verdict).toBe("unknown");
		expect(report.resolvers).toEqual([]);
		const sentence = report.servers.find((server) => server.address === "192.0.2.2")?.sentence;
		expect(sentence).toContain("ns2.host.test (192.0.2.2)");
		expect(sentence).toContain(NAME);
		expect(report.summary).toContain(sentence);
	});

	test.each(VALUES)("%s", async (_what, values, outcome) => {
		const { world, look } = createScene();
		world.set(NAME, "TXT", values);
		const report = await look();
		expect(report.servers.map((server) => server.outcome)).toEqual([outcome, outcome, outcome]);
		expect(report.verdict).toBe("wrong");
	});

	test("absent name and absent record are two outcomes, and no resolver is asked for the name", async () => {
		const { world, look } = createScene();
		const nothing = await look();
		expect(new Set(Object.values(outcomes(nothing)))).toEqual(new Set(["absent_name"]));
		expect(nothing.verdict).toBe("absent");
		world.set(NAME, "A", ["192.0.2.9"]);
		const other = await look();
		expect(new Set(Object.values(outcomes(other)))).toEqual(new Set(["absent_record"]));
		const recursive = world.calls
			.filter((call) => call.server === "127.0.0.53")
			.map((call) => call.question.name);
		expect(recursive).toContain("test");
		expect(recursive.filter((name) => name.includes("_domainkey"))).toEqual([]);
	});

	test("every outcome has a sentence of its own", async () => {
		const { tell } = await import("../../src/dns/sentences.ts");
		const told = { who: "ns1", name: NAME, got: "GOT", isResolver: false };
		const sentences = SERVER_OUTCOMES.filter((outcome) => !["absent_name"].includes(outcome)).map((outcome) =>
			tell(outcome, told),
		);
		expect(new Set(sentences).size).toBe(sentences.length);
		expect(sentences.length).toBeGreaterThan(15);
	});
});

describe("servers", () => {
	test("a late secondary is absent, then right", async () => {
		const { world, clock, look } = createScene();
		world.lag("ns2.host.test", 60_000);
		clock.advance(120_000);
		world.set(NAME, "TXT", [OURS]);
		const early = await look();
		expect(outcomes(early)).toMatchObject({ "192.0.2.1": "right", "192.0.2.2": "absent_name" });
		expect(early.verdict).toBe("absent");
		clock.advance(60_000);
		expect((await look()).verdict).toBe("right");
	});

	test("one address timing out beside a good one is a warning, a wrong answer from it blocks", async () => {
		const { world, look } = createScene();
		world.set(NAME, "TXT", [OURS]);
		world.fault("2001:db8::1", "timeout");
		const report = await look();
		expect(report.verdict).toBe("right");
		expect(report.warnings.join()).toContain("2001:db8::1");
		world.fault("2001:db8::1", "lame");
		expect((await look()).verdict).toBe("unknown");
	});

	test("a family without a route is left out and reported", async () => {
		const { world, look } = createScene();
		world.set(NAME, "TXT", [OURS]);
		world.fault("2001:db8::1", "no_route");
		const report = await look();
		expect(outcomes(report)).toEqual({ "192.0.2.1": "right", "192.0.2.2": "right" });
		expect(report.verdict).toBe("right");
		expect(report.warnings.join()).toContain("no IPv6 route");
	});

	test("a server that has only a family without a route stays unanswered", async () => {
		const { world, look } = createScene();
		world.addServer("ns2.host.test", ["2001:db8::2"]);
		world.set(NAME, "TXT", [OURS]);
		world.fault("2001:db8::1", "no_route");
		world.fault("2001:db8::2", "no_route");
		expect((await look()).verdict).toBe("unknown");
	});

	test("the quorum counts names; outside it silence is allowed for, another key is not", async () => {
		const { world, look } = createScene();
		world.set(NAME, "TXT", [OURS]);
		world.fault("ns2.host.test", "lame");
		expect((await look()).verdict).toBe("unknown");
		expect((await look({ verify: { quorum: 1 } })).verdict).toBe("right");
		expect((await look({ verify: { quorum: 2 } })).verdict).toBe("unknown");
		expect((await look({ verify: { quorum: 9 } })).verdict).toBe("unknown");
		world.fault("ns2.host.test", null);
		world.lag("ns2.host.test", "frozen");
		world.set(NAME, "TXT", [FOREIGN]);
		expect((await look({ verify: { quorum: 1 } })).verdict).toBe("wrong");
	});

	test("of the parent's delegation and the zone's own NS records are all asked", async () => {
		const { world, look } = createScene();
		world.addServer("ns3.host.test", ["192.0.2.3"]);
		world.addServer("ns4.host.test", ["192.0.2.4"]);
		world.addZone({
			name: "example.test",
			servers: ["ns1.host.test", "ns3.host.test"],
			delegated: ["ns1.host.test", "ns4.host.test"],
		});
		world.set(NAME, "TXT", [OURS]);
		const report = await look();
		expect(outcomes(report)).toMatchObject({ "192.0.2.3": "right", "192.0.2.4": "refused" });
		expect(report.verdict).toBe("unknown");
		expect(report.warnings.join("; ")).toMatch(/ns3.*not in its delegation.*ns4.*not in its own NS/);
	});

	test("the zone is found by the resolver alone where the registry cannot be asked, with a warning", async () => {
		const { world, look } = createScene();
		world.set(NAME, "TXT", [OURS]);
		await look();
		world.fault("198.51.100.1", "timeout");
		const report = await look();
		expect(report.verdict).toBe("right");
		expect(report.warnings.join()).toContain("delegation");
	});

	test("where no server answers, the resolver is still not asked for the name: it would remember an absence", async () => {
		const { world, look } = createScene();
		for (const silent of ["198.51.100.1", "ns1.host.test", "ns2.host.test"]) world.fault(silent, "timeout");
		world.calls.length = 0;
		expect((await look()).verdict).toBe("unknown");
		const recursive = world.calls.filter((call) => call.question.recursive).map((call) => call.question.name);
		expect(recursive).toContain("example.test");
		expect(recursive.filter((name) => name.includes("_domainkey"))).toEqual([]);
	});

	test("without any answer the verdict is unknown, and nothing fails", async () => {
		const { world, look, vacancy } = createScene();
		world.fault("127.0.0.53", "timeout");
		expect(await look()).toMatchObject({ verdict: "unknown", zone: null, servers: [] });
		expect(await vacancy()).toMatchObject({ kind: "unknown", zone: null });
	});

	test("a silent server is waited for no more than twice in one look", async () => {
		const { world, look } = createScene();
		const verify = { nameservers: ["192.0.2.1", "192.0.2.2"].map((address) => ({ address, port: 53 })) };
		world.set(NAME, "TXT", [OURS]);
		world.fault("192.0.2.2", "timeout");
		world.calls.length = 0;
		expect((await look({ verify })).verdict).toBe("unknown");
		const types = world.calls.filter((call) => call.server === "192.0.2.2").map((call) => call.question.type);
		expect(types).toEqual(["SOA", "TXT"]);
	});

	test("one domain's many silent servers are not waited for without end, and what is cut short is never right", async () => {
		const { world, clock } = createScene();
		const names = addMany(world, 30, 16);
		world.addZone({ name: "example.test", servers: ["ns1.host.test", ...names] });
		world.set(NAME, "TXT", [OURS]);
		for (const name of names) world.fault(name, "timeout");
		const began = clock.uptimeMs();
		const timers: { readonly at: number; readonly controller: AbortController }[] = [];
		/** Sixteen wait at once, six seconds each; the clock's deadlines pass meanwhile. */
		const ask: Resolver["ask"] = async (server, question, signal) => {
			const answer = await world.resolver.ask(server, question, signal);
			if (answer.kind === "timeout") clock.advance(6_000 / 16);
			for (const { at, controller } of timers) if (clock.uptimeMs() >= at) controller.abort();
			return answer;
		};
		const deadline = (ms: number): AbortSignal => {
			const controller = new AbortController();
			timers.push({ at: clock.uptimeMs() + ms, controller });
			return controller.signal;
		};
		const propagation = createPropagation({
			resolver: { ...world.resolver, ask },
			clock: { ...clock, deadline },
		});
		const verify = { ...VERIFY, quorum: 1 };
		const request = { domain: "example.test", selector: "202611", record: OURS, verify, askResolvers: true };
		const report = await propagation.look(request, NEVER);
		expect(clock.uptimeMs() - began).toBeLessThan(130_000);
		expect(report).toMatchObject({ verdict: "unknown", summary: expect.stringContaining("within 120 s") });
		const vacancy = await propagation.vacancy("free.example.test", "202611", verify, NEVER);
		expect(vacancy).toMatchObject({ kind: "unknown", summary: expect.stringContaining("within 120 s") });
		expect(clock.uptimeMs() - began).toBeLessThan(260_000);
	});

	test.each([
		["too many servers in its delegation", 33, 1, "has 34 name servers"],
		["servers with too many addresses", 20, 26, "have 522 addresses"],
	])("a zone of %s is not asked, and nothing is known of it", async (_, servers, addresses, words) => {
		const { world, look, vacancy } = createScene();
		world.addZone({
			name: "example.test",
			servers: ["ns1.host.test", ...addMany(world, servers, addresses)],
		});
		world.set(NAME, "TXT", [OURS]);
		world.calls.length = 0;
		const report = await look();
		expect(report).toMatchObject({ verdict: "unknown", servers: [], zone: null });
		expect(report.summary).toContain(words);
		expect(world.calls.length).toBeLessThan(100);
		expect(await vacancy()).toMatchObject({ kind: "unknown", summary: expect.stringContaining(words) });
	});

	test("a zone whose servers name more and more others is not asked either", async () => {
		const { world, look } = createScene();
		const servers = ["ns1.host.test", ...addMany(world, 33, 1)];
		world.addZone({ name: "example.test", servers, delegated: ["ns1.host.test"] });
		world.set(NAME, "TXT", [OURS]);
		const report = await look();
		expect(report).toMatchObject({ verdict: "unknown", servers: [] });
		expect(report.summary).toContain("has 34 name servers");
	});

	test("a look that is aborted is unknown, not absent", async () => {
		const { world, clock } = createScene();
		const propagation = createPropagation({ resolver: world.resolver, clock });
		const request = {
			domain: "example.test",
			selector: "202611",
			record: OURS,
			verify: VERIFY,
			askResolvers: true,
		};
		expect((await propagation.look(request, AbortSignal.abort())).verdict).toBe("unknown");
	});
});

describe("zones", () => {
	test("a delegated _domainkey is the zone, and its servers alone are asked", async () => {
		const { world, look } = createScene();
		world.addServer("ns.keys.test", ["192.0.2.7"]);
		world.addZone({ name: "_domainkey.example.test", servers: ["ns.keys.test"] });
		world.set(NAME, "TXT", [OURS]);
		const report = await look();
		expect(report).toMatchObject({ zone: "_domainkey.example.test", verdict: "right" });
		expect(outcomes(report)).toEqual({ "192.0.2.7": "right" });
	});

	test("a delegated _domainkey is found by a host without IPv4, however many servers the domain has", async () => {
		const { world, look } = createScene();
		const numbers = [1, 2, 3];
		for (const number of numbers)
			world.addServer(`ns${number}.host.test`, [`192.0.2.${number}`, `2001:db8::${number}`]);
		world.addZone({ name: "example.test", servers: numbers.map((number) => `ns${number}.host.test`) });
		world.addServer("ns.keys.test", ["192.0.2.7", "2001:db8::7"]);
		world.addZone({ name: "_domainkey.example.test", servers: ["ns.keys.test"] });
		world.set(NAME, "TXT", [OURS]);
		for (const number of [...numbers, 7]) world.fault(`192.0.2.${number}`, "no_route");
		expect(await look()).toMatchObject({ zone: "_domainkey.example.test", verdict: "right" });
	});

	test("a server within its zone is asked where the delegation says that it is, too: old glue leads to an old copy", async () => {
		const { world, look } = createScene();
		world.addServer("ns1.example.test", ["192.0.2.11"]);
		world.addServer("before the move", ["192.0.2.99"]);
		world.addZone({
			name: "example.test",
			servers: ["ns1.example.test"],
			glue: { "ns1.example.test": ["192.0.2.99"] },
			unnamed: ["before the move"],
		});
		world.lag("before the move", "frozen");
		world.set(NAME, "TXT", [OURS]);
		const report = await look();
		expect(outcomes(report)).toEqual({ "192.0.2.11": "right", "192.0.2.99": "absent_name" });
		expect(report.verdict).toBe("absent");
		expect(report.warnings.join("; ")).toContain("192.0.2.99: of ns1.example.test in the delegation");
		world.fault("192.0.2.99", "timeout");
		expect((await look()).verdict).toBe("right");
	});

	test("a server without an address is told from one whose addresses the resolver does not tell", async () => {
		const { world, clock } = createScene();
		world.addServer("ns3.host.test", []);
		world.addZone({
			name: "example.test",
			servers: ["ns1.host.test", "ns2.host.test", "ns3.host.test"],
			glue: { "ns2.host.test": [] },
		});
		const { resolver } = world;
		const ask: Resolver["ask"] = async (server, question, signal) =>
			question.recursive && question.name === "ns2.host.test"
				? { kind: "servfail" }
				: resolver.ask(server, question, signal);
		const propagation = createPropagation({ resolver: { ...resolver, ask }, clock });
		const request = { domain: "example.test", selector: "202611", record: OURS, verify: VERIFY };
		const { servers } = await propagation.look({ ...request, askResolvers: false }, NEVER);
		const sentenceOf = (name: string) => servers.find(({ server }) => server === name)?.sentence;
		expect(sentenceOf("ns2.host.test")).toContain("no address: no resolver answers for it");
		expect(sentenceOf("ns3.host.test")).toContain("no address: it has neither A nor AAAA");
	});

	test("a sub-domain without a zone of its own lies in the domain's zone", async () => {
		const { world, clock } = createScene();
		world.set("202611._domainkey.mail.example.test", "TXT", [OURS]);
		const propagation = createPropagation({ resolver: world.resolver, clock });
		const report = await propagation.look(
			{ domain: "mail.example.test", selector: "202611", record: OURS, verify: VERIFY, askResolvers: false },
			NEVER,
		);
		expect(report).toMatchObject({ zone: "example.test", verdict: "right" });
	});

	test("servers are told by name, however the delegation orders them", async () => {
		const { world, look } = createScene();
		world.addServer("alpha.host.test", ["192.0.2.9"]);
		world.addZone({ name: "example.test", servers: ["ns2.host.test", "alpha.host.test", "ns1.host.test"] });
		expect([...new Set((await look()).servers.map((server) => server.server))]).toEqual([
			"alpha.host.test",
			"ns1.host.test",
			"ns2.host.test",
		]);
	});

	test("a signed zone may deny the name for longer than its SOA record says", async () => {
		const { world, clock } = createScene();
		const denying: Resolver = {
			...world.resolver,
			ask: async (server, question, signal) => {
				const answer = await world.resolver.ask(server, question, signal);
				if (answer.kind !== "message" || answer.rcode !== "NXDOMAIN") return answer;
				const denial = {
					name: "example.test",
					type: "NSEC",
					ttlSeconds: 7200,
					data: { kind: "other" },
				} as const;
				return { ...answer, authority: [denial, ...answer.authority] };
			},
		};
		const propagation = createPropagation({ resolver: denying, clock });
		expect(await propagation.vacancy("example.test", "202611", VERIFY, NEVER)).toMatchObject({
			kind: "free",
			negativeTtlSeconds: 7200,
		});
	});

	test("listed servers stand for the NS records, each counts, and nothing recursive is asked", async () => {
		const { world, look, vacancy } = createScene();
		world.addServer("hidden", ["127.0.0.1:5300", "127.0.0.1:5301"]);
		world.addZone({ name: "example.test", servers: ["ns1.host.test", "hidden"], negativeTtlSeconds: 120 });
		const verify = {
			nameservers: [
				{ address: "127.0.0.1", port: 5300 },
				{ address: "127.0.0.1", port: 5301 },
			],
			resolvers: [],
		};
		world.calls.length = 0;
		expect(await vacancy(verify)).toMatchObject({
			kind: "free",
			zone: "example.test",
			negativeTtlSeconds: 120,
		});
		world.set(NAME, "TXT", [OURS]);
		const report = await look({ verify });
		expect(report).toMatchObject({ verdict: "right", zone: "example.test", resolvers: [], warnings: [] });
		expect(report.servers.map((server) => server.server)).toEqual(["127.0.0.1:5300", "127.0.0.1:5301"]);
		expect(world.calls.length).toBeGreaterThan(3);
		expect(world.calls.filter((call) => call.question.recursive)).toEqual([]);
		world.fault("127.0.0.1:5301", "timeout");
		expect((await look({ verify })).verdict).toBe("unknown");
	});
});

describe("a zone whose cut is not the same for everybody", () => {
	const KEYS = "_domainkey.example.test";
	const serversOf = (report: LookReport) => [...new Set(report.servers.map(({ server }) => server))];

	test("is asked for at the servers above, too, while one of them knows nothing of it", async () => {
		const { world, look } = createScene();
		world.addZone({ name: KEYS, servers: ["ns1.host.test"], unknownTo: ["ns2.host.test"] });
		world.set(NAME, "TXT", [OURS]);
		const report = await look();
		expect(outcomes(report)).toEqual({
			"192.0.2.1": "right",
			"2001:db8::1": "right",
			"192.0.2.2": "absent_name",
		});
		expect(report).toMatchObject({ verdict: "absent", zone: KEYS });
		expect(report.warnings.join("; ")).toMatch(
			/^ns2\.host\.test: of the zone above _domainkey\.example\.test, and not seen to refer/,
		);
	});

	test("is so, too, where the one that is asked first refers to it, and another has not heard of it", async () => {
		const { world, look } = createScene();
		world.addServer("ns.keys.test", ["192.0.2.7"]);
		world.addZone({ name: KEYS, servers: ["ns.keys.test"], unknownTo: ["ns2.host.test"] });
		world.set(NAME, "TXT", [OURS]);
		const report = await look();
		expect(outcomes(report)).toEqual({ "192.0.2.7": "right", "192.0.2.2": "absent_name" });
		expect(report.verdict).toBe("absent");
	});

	test("is asked for at the servers of its delegation, where the first that is asked has the zone itself", async () => {
		const { world, look } = createScene();
		world.addServer("ns3.host.test", ["192.0.2.3"]);
		world.addServer("ns4.host.test", ["192.0.2.4"]);
		world.addZone({
			name: KEYS,
			servers: ["ns1.host.test", "ns3.host.test"],
			delegated: ["ns1.host.test", "ns4.host.test"],
		});
		world.set(NAME, "TXT", [OURS]);
		const report = await look();
		expect(serversOf(report)).toEqual(["ns1.host.test", "ns3.host.test", "ns4.host.test"]);
		expect(outcomes(report)).toMatchObject({ "192.0.2.3": "right", "192.0.2.4": "refused" });
		expect(report.verdict).toBe("unknown");
		expect(report.warnings.join("; ")).toMatch(/ns3.*not in its delegation.*ns4.*not in its own NS/);
	});

	test("is asked for at a server above that has it, though nothing names that one", async () => {
		const { world, look } = createScene();
		world.addZone({ name: KEYS, servers: ["ns1.host.test"], unnamed: ["ns2.host.test"] });
		world.lag("ns2.host.test", "frozen");
		world.set(NAME, "TXT", [OURS]);
		const report = await look();
		expect(outcomes(report)).toMatchObject({ "192.0.2.1": "right", "192.0.2.2": "absent_name" });
		expect(report.verdict).toBe("absent");
	});

	test("is not certain while a server above says nothing, and none of the others refers to it", async () => {
		const { world, look } = createScene();
		world.addZone({ name: KEYS, servers: ["ns1.host.test"], unknownTo: ["ns2.host.test"] });
		world.set(NAME, "TXT", [OURS]);
		world.fault("ns2.host.test", "timeout");
		const report = await look();
		expect(outcomes(report)).toMatchObject({ "192.0.2.1": "right", "192.0.2.2": "timeout" });
		expect(report.verdict).toBe("unknown");
	});

	test("is certain where a server above refers to it, whatever another is silent about", async () => {
		const { world, look } = createScene();
		world.addServer("ns.keys.test", ["192.0.2.7"]);
		world.addZone({ name: KEYS, servers: ["ns.keys.test"] });
		world.set(NAME, "TXT", [OURS]);
		world.fault("ns2.host.test", "timeout");
		expect(await look()).toMatchObject({ verdict: "right", warnings: [] });
	});

	test("counts on its way down, too: below it everybody above is asked again", async () => {
		const { world, clock } = createScene();
		const name = "202611._domainkey.mail.example.test";
		world.addServer("ns.keys.test", ["192.0.2.7"]);
		world.addZone({ name: "mail.example.test", servers: ["ns1.host.test"], unknownTo: ["ns2.host.test"] });
		world.addZone({
			name: "_domainkey.mail.example.test",
			servers: ["ns.keys.test"],
			unknownTo: ["ns2.host.test"],
		});
		world.set(name, "TXT", [OURS]);
		const report = await createPropagation({ resolver: world.resolver, clock }).look(
			{ domain: "mail.example.test", selector: "202611", record: OURS, verify: VERIFY, askResolvers: false },
			NEVER,
		);
		expect(outcomes(report)).toEqual({ "192.0.2.7": "right", "192.0.2.2": "absent_name" });
		expect(report.verdict).toBe("absent");
	});

	test("where the same servers have both zones all is as ever, and each is asked each question once", async () => {
		const { world, look } = createScene();
		world.addZone({ name: KEYS, servers: ["ns1.host.test", "ns2.host.test"] });
		world.set(NAME, "TXT", [OURS]);
		world.calls.length = 0;
		const report = await look();
		expect(report).toMatchObject({ verdict: "right", zone: KEYS, warnings: [] });
		expect(serversOf(report)).toEqual(["ns1.host.test", "ns2.host.test"]);
		const asked = world.calls
			.filter(({ server }) => server === "192.0.2.2")
			.map(({ question }) => `${question.name} ${question.type}`);
		expect(asked.toSorted()).toEqual(
			[`${NAME} TXT`, `${KEYS} NS`, `${KEYS} SOA`, "example.test NS"].toSorted(),
		);
	});
});

function createTarget(world: DnsWorld): void {
	world.addServer("ns.target.test", ["192.0.2.8"]);
	world.addZone({ name: "target.test", servers: ["ns.target.test"], negativeTtlSeconds: 900 });
}

describe("aliases", () => {
	test("a CNAME is followed into its zone, and both zones count", async () => {
		const { world, look } = createScene();
		createTarget(world);
		world.set(NAME, "CNAME", ["key1.target.test"]);
		world.set("key1.target.test", "TXT", [OURS]);
		const report = await look();
		expect(report).toMatchObject({ verdict: "right", owner: "key1.target.test", zone: "target.test" });
		expect(report.negativeTtlSeconds).toBe(900);
		expect(report.servers).toHaveLength(4);
		expect(report.resolvers.map((server) => server.outcome)).toEqual(["right"]);
		world.lag("ns2.host.test", "frozen");
		world.set(NAME, "CNAME", ["key2.target.test"]);
		world.set("key2.target.test", "TXT", [OURS]);
		const apart = await look();
		expect(apart.verdict).toBe("wrong");
		expect(outcomes(apart)["192.0.2.2"]).toBe("alias_broken");
	});

	test("a DNAME is followed", async () => {
		const { world, look } = createScene();
		createTarget(world);
		world.set("_domainkey.example.test", "DNAME", ["keys.target.test"]);
		world.set("202611.keys.target.test", "TXT", [OURS]);
		expect(await look()).toMatchObject({ verdict: "right", owner: "202611.keys.target.test" });
	});

	test("a target without a record is absent", async () => {
		const { world, look, vacancy } = createScene();
		createTarget(world);
		world.set(NAME, "CNAME", ["key1.target.test"]);
		expect((await look()).verdict).toBe("absent");
		expect(await vacancy()).toMatchObject({
			kind: "free",
			owner: "key1.target.test",
			zone: "target.test",
			negativeTtlSeconds: 900,
		});
		world.set("key1.target.test", "TXT", [FOREIGN]);
		expect(await vacancy()).toMatchObject({ kind: "taken", owner: "key1.target.test", values: [FOREIGN] });
	});

	test.each(["*.target.test", "x.*.target.test"])(
		"one to %s leads to no key's record: written there it would stand at every name of that zone",
		async (target) => {
			const { world, look, vacancy } = createScene();
			createTarget(world);
			world.set(NAME, "CNAME", [target]);
			expect((await look()).verdict).toBe("wrong");
			expect(await vacancy()).toMatchObject({
				kind: "taken",
				owner: NAME,
				summary: expect.stringContaining(`an alias to ${target}, the name of a wildcard`),
			});
		},
	);

	test("a loop and a long chain are refused", async () => {
		const { world, look, vacancy } = createScene();
		createTarget(world);
		world.set(NAME, "CNAME", ["key1.target.test"]);
		world.set("key1.target.test", "CNAME", [NAME]);
		const loop = await look();
		expect(loop.verdict).toBe("wrong");
		expect(outcomes(loop)["192.0.2.8"]).toBe("alias_broken");
		expect((await vacancy()).kind).toBe("taken");
		for (let index = 1; index < 12; index++)
			world.set(`key${index}.target.test`, "CNAME", [`key${index + 1}.target.test`]);
		const long = await look();
		expect(long.verdict).toBe("wrong");
		expect(long.servers.at(-1)?.outcome).toBe("alias_broken");
	});

	test.each([1, "all"] as const)(
		"listed servers stand for the zone of the name, not for one that an alias leads into (quorum %s)",
		async (quorum) => {
			const { world, look, vacancy } = createScene();
			createTarget(world);
			const nameservers = ["192.0.2.1", "192.0.2.2"].map((address) => ({ address, port: 53 }));
			const verify = { nameservers, quorum, resolvers: [] };
			world.set(NAME, "CNAME", ["key1.target.test"]);
			expect(await vacancy(verify)).toMatchObject({ kind: "free", zone: "target.test" });
			world.set("key1.target.test", "TXT", [OURS]);
			const report = await look({ verify });
			expect(report).toMatchObject({ verdict: "right", zone: "target.test" });
			expect(outcomes(report)).toEqual({
				"192.0.2.1": "right",
				"192.0.2.2": "right",
				"192.0.2.8": "right",
			});
		},
	);

	test("a target in no zone is broken", async () => {
		const { world, look } = createScene();
		world.set(NAME, "CNAME", ["key1.nowhere.invalid"]);
		const report = await look();
		expect(new Set(Object.values(outcomes(report)))).toEqual(new Set(["alias_broken"]));
	});

	test.each(["timeout", "servfail"] as const)(
		"a target whose zone the resolver does not tell (%s) is no wrong answer",
		async (kind) => {
			const { world, clock } = createScene();
			world.set(NAME, "CNAME", ["key1.target.invalid"]);
			const { resolver } = world;
			const ask: Resolver["ask"] = async (server, question, signal) =>
				question.name.endsWith("invalid") ? { kind } : resolver.ask(server, question, signal);
			const propagation = createPropagation({ resolver: { ...resolver, ask }, clock });
			const request = { domain: "example.test", selector: "202611", record: OURS, verify: VERIFY };
			expect(await propagation.look({ ...request, askResolvers: true }, NEVER)).toMatchObject({
				verdict: "unknown",
				summary: expect.stringContaining("no resolver says which zone holds key1.target.invalid"),
			});
			expect(await propagation.vacancy("example.test", "202611", VERIFY, NEVER)).toMatchObject({
				kind: "unknown",
				zone: null,
			});
		},
	);

	describe("where one server has an alias at the name and the other none", () => {
		function createDisputed(): Scene {
			const scene = createScene();
			createTarget(scene.world);
			scene.world.set("*._domainkey.example.test", "TXT", ["v=DKIM1; p="]);
			scene.world.lag("ns2.host.test", 60_000);
			scene.clock.advance(60_000);
			scene.world.set(NAME, "CNAME", ["key1.target.test"]);
			return scene;
		}

		test("nobody knows where a record has to go", async () => {
			const { vacancy } = createDisputed();
			expect(await vacancy()).toMatchObject({
				kind: "unknown",
				owner: NAME,
				summary: `${NAME} is an alias on ns1.host.test (192.0.2.1), ns1.host.test (2001:db8::1) and none on ns2.host.test (192.0.2.2): see whether they have the same zone`,
			});
			expect((await vacancy({ quorum: 1 })).kind).toBe("unknown");
		});

		test("the one that is silent says nothing against it", async () => {
			const { world, vacancy } = createDisputed();
			world.fault("ns2.host.test", "timeout");
			expect(await vacancy()).toMatchObject({ kind: "free", owner: "key1.target.test" });
		});

		test("a record there is in the way", async () => {
			const { world, clock, vacancy } = createScene();
			createTarget(world);
			world.set(NAME, "TXT", [FOREIGN]);
			clock.advance(60_000);
			world.lag("ns2.host.test", 60_000);
			world.set(NAME, "TXT", []);
			world.set(NAME, "CNAME", ["key1.target.test"]);
			expect(await vacancy()).toMatchObject({ kind: "taken", owner: NAME, values: [FOREIGN] });
		});
	});
});

describe("wildcards", () => {
	test("what every name gets is no record", async () => {
		const { world, look, vacancy } = createScene();
		world.set("*._domainkey.example.test", "TXT", ["v=DKIM1; p="], { ttlSeconds: 7200 });
		const report = await look();
		expect(report.verdict).toBe("absent");
		expect(new Set(Object.values(outcomes(report)))).toEqual(new Set(["wildcard"]));
		expect(await vacancy()).toMatchObject({
			kind: "free",
			owner: NAME,
			values: [],
			negativeTtlSeconds: 300,
			wildcardTtlSeconds: 7200,
		});
		world.set(NAME, "TXT", [OURS]);
		expect((await look()).verdict).toBe("right");
		expect(await vacancy()).toMatchObject({ kind: "taken", values: [OURS] });
	});

	test("an alias that every name has is none of ours; one that leads to our key is right", async () => {
		const { world, look, vacancy } = createScene();
		createTarget(world);
		world.set("*._domainkey.example.test", "CNAME", ["all.target.test"], { ttlSeconds: 1800 });
		world.set("all.target.test", "TXT", [FOREIGN]);
		const report = await look();
		expect(report).toMatchObject({ verdict: "absent", owner: NAME, zone: "example.test" });
		expect(new Set(Object.values(outcomes(report)))).toEqual(new Set(["wildcard"]));
		expect(await vacancy()).toMatchObject({ kind: "free", owner: NAME, wildcardTtlSeconds: 1800 });
		world.set("all.target.test", "TXT", [OURS]);
		expect(await look()).toMatchObject({ verdict: "right", owner: "all.target.test" });
	});

	test.each(["timeout", "servfail"] as const)(
		"an alias that every name has and whose target's servers say nothing (%s) is not absent",
		async (fault) => {
			const { world, look } = createScene();
			world.addServer("ns.target.test", ["192.0.2.8"]);
			world.addZone({ name: "target.test", servers: ["ns.target.test"] });
			world.set("*._domainkey.example.test", "CNAME", ["all.target.test"]);
			world.set("all.target.test", "TXT", [OURS]);
			expect((await look()).verdict).toBe("right");
			world.fault("ns.target.test", fault);
			expect((await look()).verdict).toBe("unknown");
		},
	);
});

describe("vacancy", () => {
	test("is taken if one server has something, unknown if one says nothing", async () => {
		const { world, clock, vacancy } = createScene();
		expect(await vacancy()).toMatchObject({
			kind: "free",
			owner: NAME,
			zone: "example.test",
			negativeTtlSeconds: 300,
			wildcardTtlSeconds: null,
		});
		world.fault("ns2.host.test", "timeout");
		expect((await vacancy()).kind).toBe("unknown");
		expect((await vacancy({ quorum: 1 })).kind).toBe("free");
		world.fault("ns2.host.test", null);
		world.lag("ns2.host.test", 60_000);
		clock.advance(60_000);
		world.set(NAME, "TXT", [FOREIGN]);
		expect((await vacancy()).kind).toBe("taken");
		expect(
			world.calls.filter((call) => call.server === "127.0.0.53" && call.question.name.includes("_domainkey")),
		).toEqual([]);
	});
});

test("where no answer is authoritative at all, something in the servers' place is named as the likely cause", async () => {
	const { world, look } = createScene();
	world.set(NAME, "TXT", [OURS]);
	for (const address of ["192.0.2.1", "192.0.2.2", "2001:db8::1"]) world.fault(address, "lame");
	const report = await look();
	expect(report.verdict).toBe("unknown");
	expect(report.servers.length).toBeGreaterThan(1);
	expect(report.summary).toContain("port 53 intercepted");
});

describe("resolvers", () => {
	test("that remember the absence hold the verdict back until it has passed", async () => {
		const { world, clock, look } = createScene();
		const question = { name: NAME, type: "TXT", recursive: true, dnssec: false } as const;
		await world.resolver.ask({ address: "127.0.0.53", port: 53 }, question, NEVER);
		world.set(NAME, "TXT", [OURS]);
		const poisoned = await look();
		expect(poisoned.servers.every((server) => server.outcome === "right")).toBe(true);
		expect(poisoned).toMatchObject({ verdict: "absent" });
		expect(poisoned.resolvers.map((server) => server.outcome)).toEqual(["absent_name"]);
		expect((await look({ askResolvers: false })).verdict).toBe("right");
		clock.advance(301_000);
		expect((await look()).verdict).toBe("right");
	});

	test("of the system count as one: one silent beside a good one is a warning", async () => {
		const { world, look } = createScene();
		world.addResolver("192.0.2.54", { system: true });
		world.set(NAME, "TXT", [OURS]);
		world.fault("192.0.2.54", "timeout");
		const report = await look();
		expect(report.verdict).toBe("right");
		expect(report.warnings.join()).toContain("192.0.2.54");
		world.fault("127.0.0.53", "servfail");
		expect((await look()).verdict).toBe("unknown");
	});

	test.each([
		["unreachable", "got no answer: nothing listens on 192.0.2.54; start the resolver, or take it out"],
		["refused", "got REFUSED; the resolver answers others only: see its access list"],
		["servfail", "got SERVFAIL; the resolver failed"],
	] as const)(
		"one that fails (%s) is waited for, and no matter of the zone's NS records",
		async (fault, words) => {
			const { world, look } = createScene();
			world.addResolver("192.0.2.54", {});
			world.set(NAME, "TXT", [OURS]);
			world.fault("192.0.2.54", fault);
			const resolvers = [
				{ address: "127.0.0.53", port: 53 },
				{ address: "192.0.2.54", port: 53 },
			];
			const { verdict, resolvers: reports } = await look({ verify: { resolvers } });
			expect(reports[1]?.sentence).toContain(words);
			expect(reports[1]?.sentence).not.toContain("NS records");
			expect(verdict).toBe("unknown");
		},
	);

	test("that are silent are waited for once on the way to the zone, not at each question", async () => {
		const { world, look } = createScene();
		const silent = { address: "192.0.2.54", port: 53 };
		world.addResolver(silent.address, {});
		world.set(NAME, "TXT", [OURS]);
		world.fault(silent.address, "timeout");
		world.calls.length = 0;
		const resolvers = [silent, { address: "127.0.0.53", port: 53 }];
		expect((await look({ askResolvers: false, verify: { resolvers } })).verdict).toBe("right");
		const asked = world.calls.filter(({ server }) => server === silent.address);
		expect(asked.length).toBeGreaterThan(0);
		expect(asked.length).toBeLessThan(3);
	});
});

describe("DNSSEC", () => {
	function sign(scene: Scene, dnssec: "good" | BadDnssec, validates: boolean): void {
		scene.world.addZone({ name: "example.test", servers: ["ns1.host.test", "ns2.host.test"], dnssec });
		scene.world.addResolver("127.0.0.53", { validates });
		scene.world.set(NAME, "TXT", [OURS]);
	}

	test("each server has to bring a current signature, and a validating resolver to agree", async () => {
		const scene = createScene();
		sign(scene, "good", true);
		const report = await scene.look();
		expect(report).toMatchObject({ verdict: "right", dnssec: true, warnings: [] });
		expect(report.servers.map((server) => server.signed)).toEqual([true, true, true]);
	});

	test.each(["expired", "early", "foreign", "missing"] as const)(
		"a signature that is %s blocks, also where the servers are listed",
		async (state) => {
			const scene = createScene();
			sign(scene, state, true);
			const nameservers = ["192.0.2.1", "192.0.2.2"].map((address) => ({ address, port: 53 }));
			for (const verify of [{}, { nameservers }]) {
				const report = await scene.look({ verify });
				expect(report).toMatchObject({ verdict: "wrong", dnssec: true });
				expect(new Set(Object.values(outcomes(report)))).toEqual(new Set(["not_signed"]));
			}
		},
	);

	test("an alias without one blocks, wherever it leads", async () => {
		const scene = createScene();
		sign(scene, "missing", false);
		createTarget(scene.world);
		scene.world.set(NAME, "TXT", []);
		scene.world.set(NAME, "CNAME", ["key1.target.test"]);
		scene.world.set("key1.target.test", "TXT", [OURS]);
		const report = await scene.look();
		expect(report.verdict).toBe("wrong");
		expect(outcomes(report)).toMatchObject({ "192.0.2.1": "not_signed", "192.0.2.8": "right" });
	});

	test("a resolver across a network is not believed that it validated", async () => {
		const scene = createScene();
		sign(scene, "good", true);
		scene.world.addResolver("192.0.2.54", { validates: true });
		const report = await scene.look({ verify: { resolvers: [{ address: "192.0.2.54", port: 53 }] } });
		expect(report.verdict).toBe("right");
		expect(report.warnings.join()).toContain("validates");
	});

	test("without a validating resolver there is a warning", async () => {
		const scene = createScene();
		sign(scene, "good", false);
		const report = await scene.look();
		expect(report.verdict).toBe("right");
		expect(report.warnings.join()).toContain("validates");
	});
});
