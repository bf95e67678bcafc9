import { randomBytes } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";
import { createProvider as createPowerDns } from "../../../providers/powerdns/provider.ts";
import { createProvider as createRfc2136 } from "../../../providers/rfc2136/provider.ts";
import type { CheckReport } from "../../../src/agent/check-report.ts";
import { checkProvider, type CheckGiven } from "../../../src/agent/check-provider.ts";
import { createPropagation } from "../../../src/dns/propagation.ts";
import { createWireResolver } from "../../../src/dns/wire-resolver.ts";
import { type HostState, parseHostState } from "../../../src/agent/host-state.ts";
import type { DnsProvider } from "../../../src/ports/dns-provider.ts";
import { createPublisher } from "../../../src/publishing/publisher.ts";
import { createTurns } from "../../../src/publishing/turns.ts";
import { createSystemClock } from "../../../src/system/clock.ts";
import { createHttp } from "../../../src/system/http.ts";
import { createSystemRandom } from "../../../src/system/random.ts";
import { createWire } from "../../../src/system/wire.ts";
import { AgentWorld } from "../../fakes/agent-world.ts";
import { policyOf } from "../../fakes/policies.ts";
import { startBind, type TsigKey } from "../bind.ts";
import { served } from "../dns-question.ts";
import { startKnot } from "../knot.ts";
import { startPowerDns } from "../powerdns.ts";
import type { StartedServer } from "../program.ts";

const ZONE = "example.test";
const KEY: TsigKey = {
	name: "updater",
	algorithm: "hmac-sha256",
	secret: randomBytes(32).toString("base64"),
};
const clock = createSystemClock();
const random = createSystemRandom();
const wire = createWire();
const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

const zones = [{ name: ZONE, records: "", updateKeys: [KEY.name] }];
const STARTERS: readonly (readonly [string, () => Promise<Started>])[] = [
	["BIND", async () => overUpdates(await startBind({ zones, tsigKeys: [KEY] }))],
	["Knot", async () => overUpdates(await startKnot({ zones, tsigKeys: [KEY] }))],
	["PowerDNS's interface", startOverInterface],
];

describe.each(STARTERS)("provider check over %s", (title, start) => {
	test("says what became of a record of 754 octets, and leaves nothing behind", async () => {
		const { server, provider } = await started(start);
		const { given, host } = givenFor(server, provider);
		const report = await check(given, "home");
		expect(report).toMatchObject({
			outcome: "passed",
			zone: ZONE,
			octets: 754,
			ttlAskedSeconds: 300,
			ttlGivenSeconds: 300,
			servers: [{ strings: [255, 255, 244] }],
			left: [],
			form: title.startsWith("PowerDNS") ? { quoted: true, strings: [255, 255, 244] } : null,
		});
		expect(report.visibleAfterSeconds).toBeLessThan(30);
		expect(report.name).toMatch(/^keyturn-check-[0-9a-f]{16}\._domainkey\.example\.test$/);
		expect(await served(server, report.name ?? "")).toEqual([]);
		expect((await host()).checks).toMatchObject([{ provider: "home", scratch: [] }]);
		expect((await host()).checks[0]?.passedAt).not.toBeNull();
	});
});

test("a check that is ended while it waits takes its record back", async () => {
	const { server, provider } = await started(async () =>
		overUpdates(await startBind({ zones, tsigKeys: [KEY] })),
	);
	const { given, host } = givenFor(server, provider, { alsoAsked: 9 });
	const ending = new AbortController();
	let name = "";
	const report = await checkProvider(
		given,
		{
			provider: "home",
			zone: null,
			waitMs: 60_000,
			say: (words) => {
				name = /^writing (\S+),/.exec(words)?.[1] ?? name;
				if (words.startsWith("waiting")) ending.abort();
			},
		},
		ending.signal,
	);
	expect(report).toMatchObject({ outcome: "interrupted", left: [], name });
	expect(await served(server, name)).toEqual([]);
	expect((await host()).checks).toEqual([]);
});

test("what a killed check has left is removed by the next, and only that", async () => {
	const { server, provider } = await started(async () =>
		overUpdates(await startBind({ zones, tsigKeys: [KEY] })),
	);
	const { given, host } = givenFor(server, provider);
	const never = new AbortController().signal;
	let writes = 0;
	const killed: DnsProvider = {
		...provider,
		change: async (zone, changes, signal) => {
			writes += 1;
			if (writes > 1) return new Promise(() => undefined);
			return provider.change(zone, changes, signal);
		},
	};
	let name = "";
	await new Promise<void>((resolve) => {
		const say = (words: string): void => {
			name = /^writing (\S+),/.exec(words)?.[1] ?? name;
			if (words.startsWith("removing")) resolve();
		};
		const ports = { ...given.ports, providers: new Map([["home", killed]]) };
		void checkProvider({ ...given, ports }, { provider: "home", zone: null, waitMs: 0, say }, never);
	});
	expect(await served(server, name)).toHaveLength(1);
	expect((await host()).checks).toMatchObject([{ passedAt: null, scratch: [{ name }] }]);
	const foreign = {
		kind: "add",
		name: `mine._domainkey.${ZONE}`,
		value: "v=DKIM1;p=",
		ttlSeconds: 60,
	} as const;
	await provider.change(ZONE, [foreign], never);
	const report = await check(given, "home");
	expect(report).toMatchObject({ outcome: "passed", swept: [name], left: [] });
	expect(await served(server, name)).toEqual([]);
	expect(await served(server, foreign.name)).toEqual([foreign.value]);
});

test("a record that a name server does not serve in time is waited for, told and removed", async () => {
	const { server, provider } = await started(async () =>
		overUpdates(await startBind({ zones, tsigKeys: [KEY] })),
	);
	const { given } = givenFor(server, provider, { alsoAsked: 9 });
	const report = await check(given, "home");
	expect(report).toMatchObject({ outcome: "waiting", visibleAfterSeconds: null, left: [] });
	expect(report.problem).toContain("1 of 2 servers");
	expect(report.servers.map(({ visibleAfterSeconds }) => visibleAfterSeconds === null)).toEqual([
		false,
		true,
	]);
	expect(await served(server, report.name ?? "")).toEqual([]);
});

test("nothing is written into a zone in which the world would not look", async () => {
	const child = {
		name: `_domainkey.${ZONE}`,
		records: "",
		updateKeys: [KEY.name],
		statements: "check-names ignore;",
	};
	const { server, provider } = await started(async () =>
		overUpdates(await startBind({ zones: [...zones, child], tsigKeys: [KEY] })),
	);
	const writes: string[] = [];
	const wrong: DnsProvider = {
		...provider,
		findZone: async () => ({ kind: "zone", zone: ZONE }),
		change: async (zone, changes, signal) => {
			writes.push(zone);
			return provider.change(zone, changes, signal);
		},
	};
	const report = await check(givenFor(server, wrong).given, "home");
	expect(report).toMatchObject({
		outcome: "failed",
		problem: expect.stringContaining(`in the zone _domainkey.${ZONE}, and home would write into ${ZONE}`),
		left: [],
	});
	expect(writes).toEqual([]);
});

test("a record that no name server ever gets is told as one in a zone that is not delegated to", async () => {
	const [{ provider }, live] = [
		await started(async () => overUpdates(await startBind({ zones, tsigKeys: [KEY] }))),
		await started(async () => overUpdates(await startBind({ zones, tsigKeys: [KEY] }))),
	];
	const report = await check(givenFor(live.server, provider).given, "home");
	expect(report).toMatchObject({ outcome: "waiting", left: [] });
	expect(report.hint).toContain(`the zone ${ZONE} at home is not the one that is delegated to`);
});

test("a zone of no configured domain can be named, and without one nothing is written", async () => {
	const { server, provider } = await started(async () =>
		overUpdates(await startBind({ zones, tsigKeys: [KEY] })),
	);
	const { given } = givenFor(server, provider, { providers: ["other"] });
	await expect(check(given, "home")).rejects.toMatchObject({
		code: "usage",
		hint: expect.stringContaining("--zone"),
	});
	expect(await check(given, "home", ZONE)).toMatchObject({ outcome: "passed", zone: ZONE });
	await expect(check(given, "nobody", ZONE)).rejects.toMatchObject({ code: "usage" });
});

interface Started {
	readonly server: StartedServer;
	readonly provider: DnsProvider;
}

async function started(start: () => Promise<Started>): Promise<Started> {
	const all = await start();
	onTestFinished(all.server.stop);
	return all;
}

function overUpdates(server: StartedServer): Started {
	const provider = createRfc2136({
		name: "home",
		settings: {
			server: `${server.address}:${server.port}`,
			name: KEY.name,
			algorithm: "hmac-sha256",
			secret: { credential: "tsig" },
		},
		secrets: { read: async () => KEY.secret },
		wire,
		clock,
		random,
		log: SILENT,
	});
	return { server, provider: published(provider) };
}

async function startOverInterface(): Promise<Started> {
	const server = await startPowerDns({ zones: [{ name: ZONE, records: "", dnssec: true }] });
	const provider = createPowerDns({
		name: "home",
		settings: { url: server.url, key: { credential: "pdns" }, server: "localhost" },
		secrets: { read: async () => server.apiKey },
		http: createHttp({ clock }),
		clock,
	});
	return { server, provider: published(provider) };
}

function published(provider: DnsProvider): DnsProvider {
	return createPublisher({ provider, turns: createTurns(), clock, random, log: SILENT });
}

/** `alsoAsked`: a port where nobody answers for the zone. */
function givenFor(
	{ address, port }: StartedServer,
	provider: DnsProvider,
	{
		alsoAsked = 0,
		providers = ["home"],
	}: { readonly alsoAsked?: number; readonly providers?: readonly string[] } = {},
): { readonly given: CheckGiven; readonly host: () => Promise<HostState> } {
	const silent = alsoAsked === 0 ? [] : [{ address, port: alsoAsked }];
	const verify = { ...policyOf().verify, nameservers: [{ address, port }, ...silent], resolvers: [] };
	const { store } = new AgentWorld();
	const resolver = createWireResolver({ wire, clock, random, systemServers: async () => [] });
	const given = {
		ports: {
			clock,
			random,
			store,
			propagation: createPropagation({ clock, resolver }),
			providers: new Map([["home", provider]]),
		},
		settings: {
			host: "mx1",
			policies: [policyOf({ domain: ZONE, providers, verify })],
			signers: [],
			providers: [],
		},
	};
	return { given, host: async () => parseHostState((await store.load("host"))?.state) };
}

async function check(given: CheckGiven, provider: string, zone: string | null = null): Promise<CheckReport> {
	const asked = { provider, zone, waitMs: 500, say: () => undefined };
	return checkProvider(given, asked, new AbortController().signal);
}
