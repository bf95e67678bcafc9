import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createProvider } from "../../../providers/rfc2136/provider.ts";
import type { Clock } from "../../../src/ports/clock.ts";
import type { DnsProvider } from "../../../src/ports/dns-provider.ts";
import type { Log } from "../../../src/ports/log.ts";
import { createPublisher } from "../../../src/publishing/publisher.ts";
import { createTurns } from "../../../src/publishing/turns.ts";
import { createSystemClock } from "../../../src/system/clock.ts";
import { createSystemRandom } from "../../../src/system/random.ts";
import { createWire } from "../../../src/system/wire.ts";
import { describeProviderContract, type ProviderBench, valueOf } from "../../providers/contract.ts";
import { startBind, type TsigKey } from "../bind.ts";
import { served } from "../dns-question.ts";
import { startKnot } from "../knot.ts";
import { nsupdate } from "../nsupdate.ts";
import { startPowerDns } from "../powerdns.ts";
import { freePort, type StartedServer } from "../program.ts";

const ZONE = "example.test";
const KEY: TsigKey = {
	name: "updater",
	algorithm: "hmac-sha256",
	secret: "c2VjcmV0IG9mIHRoZSB0ZXN0cyBvbmx5ISE=",
};
const LONG_KEY: TsigKey = {
	name: "long.updater.test",
	algorithm: "hmac-sha512",
	secret: Buffer.alloc(64, "another secret of the tests").toString("base64"),
};
const SILENT: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const signal = new AbortController().signal;

describeProviderContract("rfc2136 against BIND", async () => bench(await bindWithZone(), KEY));
describeProviderContract("rfc2136 against BIND with hmac-sha512", async () =>
	bench(await bindWithZone(), LONG_KEY),
);
describeProviderContract("rfc2136 against BIND, through the publisher", async () => {
	const direct = bench(await bindWithZone(), KEY);
	return { ...direct, provider: publishing(direct.provider) };
});
describeProviderContract("rfc2136 against Knot", async () => bench(await knotWithZone(), KEY));
describeProviderContract("rfc2136 against PowerDNS", async () => bench(await powerDnsWithZone(), KEY));

describe.each([
	["BIND", bindWithZone],
	["Knot", knotWithZone],
	["PowerDNS", powerDnsWithZone],
])("the troubles with %s", (title, start) => {
	let server: StartedServer;
	beforeAll(async () => {
		server = await start();
	});
	afterAll(async () => {
		await server.stop();
	});
	const name = `trouble._domainkey.${ZONE}`;
	const add = { kind: "add", name, value: valueOf(410), ttlSeconds: 300 } as const;
	const fresh = (selector: string) => ({ ...add, name: `${selector}._domainkey.${ZONE}` });
	/** PowerDNS says REFUSED whatever it is that it does not like about a key. */
	const tellsApart = title !== "PowerDNS";

	test("a wrong secret is told apart", async () => {
		const provider = providerFor(server, { ...KEY, secret: "d3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmc=" });
		const [result] = await provider.change(ZONE, [add], signal);
		const why = expect.stringContaining(tellsApart ? "BADSIG" : "REFUSED");
		expect(result).toMatchObject({ kind: "refused", denied: true, why });
		if (!tellsApart)
			expect(result).toMatchObject({ hint: expect.stringMatching(/PowerDNS .*secret.*clock/) });
		await expect(provider.list(ZONE, name, signal)).rejects.toMatchObject(
			tellsApart
				? { code: "provider.denied" }
				: { code: "provider.zone", hint: expect.stringMatching(/PowerDNS .*secret/) },
		);
		expect(await served(server, name)).toEqual([]);
	});

	test("an unknown key name is told apart", async () => {
		const provider = providerFor(server, { ...KEY, name: "nobody" });
		const [result] = await provider.change(ZONE, [add], signal);
		const why = expect.stringContaining(tellsApart ? "BADKEY" : "REFUSED");
		expect(result).toMatchObject({ kind: "refused", denied: true, why });
		expect(await served(server, name)).toEqual([]);
	});

	test.each([
		["behind", -3600],
		["ahead of", 3600],
	])("a clock that is %s the server's is told with both times", async (where, seconds) => {
		const provider = providerFor(server, KEY, clockOff(seconds));
		const [result] = await provider.change(ZONE, [add], signal);
		expect(result).toMatchObject({ kind: "refused", denied: !tellsApart });
		expect(await served(server, name)).toEqual([]);
		if (!tellsApart) return;
		const why = result?.kind === "refused" ? result.why : "";
		expect(why).toContain("BADTIME");
		expect(why).toMatch(new RegExp(`(3599|3600|3601) s ${where} the server's`));
	});

	test("a zone that the server does not have is told apart", async () => {
		const provider = providerFor(server, KEY);
		const foreign = { ...add, name: "s._domainkey.elsewhere.invalid" };
		const [result] = await provider.change("elsewhere.invalid", [foreign], signal);
		expect(result).toMatchObject({ kind: "refused", why: expect.stringMatching(/NOTAUTH|REFUSED/) });
		await expect(provider.list("elsewhere.invalid", foreign.name, signal)).rejects.toMatchObject({
			code: expect.stringMatching(/^provider\.(zone|denied)$/),
		});
	});

	test("a name outside the zone is told apart, and does not keep the others", async () => {
		const provider = providerFor(server, KEY);
		const [outside, inside] = await provider.change(
			ZONE,
			[{ ...add, name: "s._domainkey.other.test" }, fresh("inside")],
			signal,
		);
		expect(outside).toMatchObject({ kind: "refused" });
		expect(inside).toEqual({ kind: "done" });
		expect(await served(server, `inside._domainkey.${ZONE}`)).toEqual([add.value]);
	});

	// PowerDNS takes updates of a zone without TSIG-ALLOW-DNSUPDATE from every address it allows: docs/providers.md.
	if (tellsApart)
		test("a zone that the key may not change is told apart", async () => {
			const provider = providerFor(server, KEY);
			const [result] = await provider.change(
				"closed.test",
				[{ ...add, name: "s._domainkey.closed.test" }],
				signal,
			);
			expect(result).toMatchObject({
				kind: "refused",
				denied: true,
				why: expect.stringContaining(title === "BIND" ? "REFUSED" : "BADKEY"),
			});
			if (title === "Knot") expect(result).toMatchObject({ hint: expect.stringContaining("acl") });
		});

	test("a name under a delegation is not ours", async () => {
		const provider = providerFor(server, KEY);
		const delegated = `s._domainkey.away.${ZONE}`;
		expect(await provider.findZone(delegated, signal)).toEqual({
			kind: "none",
			why: expect.stringContaining(`away.${ZONE} is delegated`),
		});
		await expect(provider.list(ZONE, delegated, signal)).rejects.toMatchObject({ code: "provider.zone" });
	});

	test("an alias is seen, and nothing is written beside it", async () => {
		const provider = providerFor(server, KEY);
		const alias = `alias._domainkey.${ZONE}`;
		const [result] = await provider.change(ZONE, [{ ...add, name: alias }], signal);
		expect(result).toMatchObject({ kind: "refused", why: expect.stringContaining("CNAME") });
		expect(await provider.list(ZONE, alias, signal)).toEqual([]);
		expect(await provider.findZone(alias, signal)).toEqual({ kind: "zone", zone: ZONE });
	});

	test.each(["revoked", "all"])("what a wildcard gives to all names keeps none (%s)", async (label) => {
		const provider = publishing(providerFor(server, KEY));
		const change = fresh("s1");
		const [own, removal] = [
			{ ...change, name: `s1._domainkey.${label}.${ZONE}` },
			{ kind: "remove", name: `s1._domainkey.${label}.${ZONE}`, value: change.value } as const,
		];
		expect(await provider.list(ZONE, own.name, signal)).toEqual([]);
		expect(await provider.change(ZONE, [own], signal)).toEqual([{ kind: "done" }]);
		expect(await provider.list(ZONE, own.name, signal)).toEqual([own.value]);
		expect(await served(server, own.name)).toEqual([own.value]);
		expect(await provider.change(ZONE, [removal], signal)).toEqual([{ kind: "done" }]);
		expect(await served(server, own.name)).not.toContain(own.value);
	});

	test("an alias of its own is seen beside one that a wildcard gives to all names", async () => {
		const alias = `own._domainkey.mixed.${ZONE}`;
		const [result] = await providerFor(server, KEY).change(ZONE, [{ ...add, name: alias }], signal);
		expect(result).toMatchObject({ kind: "refused", why: expect.stringContaining("CNAME") });
	});

	test("a server that is frozen leaves the outcome unknown", async () => {
		const provider = providerFor(server, KEY, impatientClock());
		server.freeze();
		try {
			const [result] = await provider.change(ZONE, [fresh("frozen")], signal);
			expect(result).toMatchObject({ kind: "unknown" });
			await expect(provider.list(ZONE, name, signal)).rejects.toMatchObject({
				code: "provider.unreachable",
				retry: true,
			});
		} finally {
			server.thaw();
		}
	});

	test("a server that is not there", async () => {
		const provider = providerFor({ ...server, port: await freePort() }, KEY);
		expect(await provider.change(ZONE, [add], signal)).toMatchObject([{ kind: "unknown" }]);
		await expect(provider.findZone(name, signal)).rejects.toMatchObject({ code: "provider.unreachable" });
	});
});

describe.each([
	[
		"BIND with update-policy",
		async () =>
			startBind({
				zones: [
					{
						name: ZONE,
						records: "",
						statements: `update-policy { grant updater wildcard *._domainkey.${ZONE}. TXT; };`,
					},
				],
				tsigKeys: [KEY],
			}),
	],
	[
		"Knot with update-owner",
		async () =>
			startKnot({
				zones: [
					{
						name: ZONE,
						records: "",
						updateKeys: [KEY.name],
						updateAcl: [
							"update-type: TXT",
							"update-owner: name",
							"update-owner-match: sub",
							"update-owner-name: _domainkey",
						],
					},
				],
				tsigKeys: [KEY],
			}),
	],
])("%s, as docs/providers.md has it", (_, start) => {
	test("lets key records through, and one refused name keeps none of the others", async () => {
		const server = await start();
		try {
			const provider = providerFor(server, KEY);
			const value = valueOf(410);
			const adds = [`www.${ZONE}`, `s1._domainkey.${ZONE}`].map(
				(name) => ({ kind: "add", name, value, ttlSeconds: 300 }) as const,
			);
			const results = await provider.change(ZONE, adds, signal);
			expect(results).toMatchObject([{ kind: "refused", denied: true }, { kind: "done" }]);
			expect(await served(server, `s1._domainkey.${ZONE}`)).toEqual([value]);
			expect(await served(server, `www.${ZONE}`)).toEqual([]);
			const removal = { kind: "remove", name: `s1._domainkey.${ZONE}`, value } as const;
			expect(await provider.change(ZONE, [removal], signal)).toEqual([{ kind: "done" }]);
			expect(await served(server, `s1._domainkey.${ZONE}`)).toEqual([]);
		} finally {
			await server.stop();
		}
	});
});

const RECORDS = `alias._domainkey CNAME elsewhere.invalid.
away NS ns.elsewhere.invalid.
*._domainkey.revoked TXT "v=DKIM1; p="
*.all CNAME ns1.all
*._domainkey.mixed CNAME ns1.all
own._domainkey.mixed CNAME elsewhere.invalid.
ns1.all A 192.0.2.1`;

async function bindWithZone(): Promise<StartedServer> {
	return startBind({
		zones: [
			{ name: ZONE, records: RECORDS, updateKeys: [KEY.name, LONG_KEY.name] },
			{ name: "closed.test", records: "" },
		],
		tsigKeys: [KEY, LONG_KEY],
	});
}

async function knotWithZone(): Promise<StartedServer> {
	return startKnot({
		zones: [
			{ name: ZONE, records: RECORDS, updateKeys: [KEY.name, LONG_KEY.name] },
			{ name: "closed.test", records: "" },
		],
		tsigKeys: [KEY, LONG_KEY],
	});
}

async function powerDnsWithZone(): Promise<StartedServer> {
	return startPowerDns({
		zones: [
			{ name: ZONE, records: RECORDS, updateKeys: [KEY.name, LONG_KEY.name] },
			{ name: "closed.test", records: "" },
		],
		tsigKeys: [KEY, LONG_KEY],
	});
}

function bench(server: StartedServer, key: TsigKey): ProviderBench {
	return {
		provider: providerFor(server, key),
		zone: ZONE,
		serves: async (name) => served(server, name),
		plant: async (name, strings) => {
			const quoted = strings.map((string) => `"${string}"`).join(" ");
			await nsupdate(server, ZONE, key, [`update add ${name} 300 TXT ${quoted}`]);
		},
		stop: server.stop,
	};
}

function providerFor(
	server: { readonly address: string; readonly port: number },
	key: TsigKey,
	clock: Clock = createSystemClock(),
): DnsProvider {
	const { name, algorithm, secret } = key;
	if (algorithm !== "hmac-sha256" && algorithm !== "hmac-sha512") throw new Error(algorithm);
	return createProvider({
		name: "home",
		settings: {
			server: `${server.address}:${server.port}`,
			name,
			algorithm,
			secret: { credential: "tsig" },
		},
		secrets: { read: async () => secret },
		wire: createWire(),
		clock,
		random: createSystemRandom(),
		log: SILENT,
	});
}

function publishing(provider: DnsProvider): DnsProvider {
	return createPublisher({
		provider,
		turns: createTurns(),
		clock: createSystemClock(),
		random: createSystemRandom(),
		log: SILENT,
	});
}

function clockOff(seconds: number): Clock {
	const clock = createSystemClock();
	return { ...clock, now: () => new Date(clock.now().getTime() + seconds * 1000) };
}

function impatientClock(): Clock {
	const clock = createSystemClock();
	return { ...clock, deadline: (ms, outer) => clock.deadline(Math.min(ms, 300), outer) };
}

test("the key file of tsig-keygen is taken by BIND and by us", async () => {
	const { stdout } = await promisify(execFile)("/usr/sbin/tsig-keygen", ["-a", "hmac-sha512", "made.test"]);
	const secret = /secret "([^"]+)"/.exec(stdout)?.[1] ?? "";
	const server = await startBind({
		zones: [{ name: ZONE, records: "", updateKeys: ["made.test"] }],
		tsigKeys: [{ name: "made.test", algorithm: "hmac-sha512", secret }],
	});
	try {
		const provider = createProvider({
			name: "home",
			settings: { server: `${server.address}:${server.port}`, keyfile: "/etc/keyturn/tsig.key" },
			secrets: { read: async () => stdout },
			wire: createWire(),
			clock: createSystemClock(),
			random: createSystemRandom(),
			log: SILENT,
		});
		const name = `s1._domainkey.${ZONE}`;
		const change = { kind: "add", name, value: valueOf(410), ttlSeconds: 300 } as const;
		expect(await provider.change(ZONE, [change], signal)).toEqual([{ kind: "done" }]);
		expect(await served(server, name)).toEqual([valueOf(410)]);
	} finally {
		await server.stop();
	}
});
