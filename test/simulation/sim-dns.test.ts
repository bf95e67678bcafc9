import { describe, expect, it } from "vitest";
import type { Answer } from "../../src/ports/resolver.ts";
import { createChance } from "./chance.ts";
import { createSimDns, type SimDns } from "./sim-dns.ts";
import { createSimTime, type SimTime } from "./sim-time.ts";

const NAME = "202611._domainkey.a.test";
const never = new AbortController().signal;

function world(): { readonly time: SimTime; readonly dns: SimDns } {
	const time = createSimTime(new Date("2026-11-01T00:00:00Z"));
	const zones = [{ name: "a.test", servers: 2, minimumSeconds: 300, aliasTo: null }];
	return { time, dns: createSimDns({ time, chance: createChance(1), zones, receivers: 1 }) };
}

function zoneOf(dns: SimDns) {
	const zone = dns.zoneOf(NAME);
	const [primary, secondary] = zone?.servers ?? [];
	if (zone === null || primary === undefined || secondary === undefined) throw new Error("no such zone");
	return { zone, primary, secondary };
}

async function ask(dns: SimDns, address: string, name = NAME): Promise<Answer> {
	const question = { name, type: "TXT", recursive: false, dnssec: false } as const;
	return dns.resolverFor("test").ask({ address, port: 53 }, question, never);
}

function pass(time: SimTime, ms: number): void {
	const untilMs = time.elapsedMs() + ms;
	time.after(ms, () => {});
	while (time.elapsedMs() < untilMs) time.advance();
}

describe("the simulated DNS", () => {
	it("serves a change at the primary at once and at a secondary after its lag", async () => {
		const { time, dns } = world();
		const { zone, primary, secondary } = zoneOf(dns);
		secondary.lagMs = 60_000;
		dns.write(zone, NAME, { values: ["v=DKIM1"], ttlSeconds: 60 });
		expect(await ask(dns, primary.address)).toMatchObject({ rcode: "NOERROR", authoritative: true });
		expect(await ask(dns, secondary.address)).toMatchObject({ rcode: "NXDOMAIN", authoritative: true });
		pass(time, 60_000);
		expect(await ask(dns, secondary.address)).toMatchObject({ rcode: "NOERROR" });
	});

	it("keeps an absence in a recursive resolver for the negative TTL", () => {
		const { time, dns } = world();
		const { zone } = zoneOf(dns);
		expect(dns.receiverLookup(NAME)).toEqual([]);
		dns.write(zone, NAME, { values: ["v=DKIM1"], ttlSeconds: 60 });
		pass(time, 299_000);
		expect(dns.receiverLookup(NAME)).toEqual([]);
		pass(time, 2_000);
		expect(dns.receiverLookup(NAME)).toEqual(["v=DKIM1"]);
	});

	it("tells SERVFAIL, silence and absence apart, and says nothing while it fails", async () => {
		const { dns } = world();
		const { zone, primary } = zoneOf(dns);
		dns.write(zone, NAME, { values: ["v=DKIM1"], ttlSeconds: 60 });
		const kinds = [];
		for (const mood of ["servfail", "down", "lies_absent", "refused"] as const) {
			primary.mood = mood;
			kinds.push((await ask(dns, primary.address)).kind);
		}
		expect(kinds).toEqual(["servfail", "timeout", "message", "refused"]);
		expect(dns.asked(NAME).map((asked) => asked.said)).toEqual([null, null, [], null]);
	});

	it("answers a selector's CNAME, and receivers find the record where it leads", async () => {
		const time = createSimTime(new Date("2026-11-01T00:00:00Z"));
		const zones = [
			{ name: "a.test", servers: 2, minimumSeconds: 300, aliasTo: "a-keys.b.test" },
			{ name: "b.test", servers: 2, minimumSeconds: 300, aliasTo: null },
		];
		const dns = createSimDns({ time, chance: createChance(1), zones, receivers: 1 });
		const target = dns.targetOf(NAME);
		expect([target, dns.originOf(target)]).toEqual(["202611.a-keys.b.test", NAME]);
		const { primary } = zoneOf(dns);
		expect(await ask(dns, primary.address)).toMatchObject({
			answers: [{ type: "CNAME", data: { kind: "name", target } }],
		});
		const zone = dns.zoneOf(target);
		if (zone !== null) dns.write(zone, target, { values: ["v=DKIM1"], ttlSeconds: 60 });
		pass(time, 1);
		expect(dns.receiverLookup(NAME)).toEqual(["v=DKIM1"]);
	});

	it("answers every name beside a wildcard, but for those that are there", async () => {
		const { time, dns } = world();
		const { zone, primary } = zoneOf(dns);
		dns.write(zone, "*._domainkey.a.test", { values: ["v=DKIM1; p="], ttlSeconds: 60 });
		expect(await ask(dns, primary.address)).toMatchObject({ rcode: "NOERROR", answers: [{ name: NAME }] });
		pass(time, 1);
		expect(dns.receiverLookup(NAME)).toEqual(["v=DKIM1; p="]);
		dns.write(zone, NAME, { values: ["v=DKIM1"], ttlSeconds: 60 });
		expect(dns.asked(NAME).map((asked) => asked.said)).toEqual([["v=DKIM1; p="]]);
		expect(await ask(dns, primary.address)).toMatchObject({ answers: [{ data: { kind: "txt" } }] });
		expect(dns.asked(NAME).at(-1)?.said).toEqual(["v=DKIM1"]);
	});

	it("lets a stalled secondary catch up when it is told to", async () => {
		const { time, dns } = world();
		const { zone, secondary } = zoneOf(dns);
		secondary.mood = "stalled";
		dns.write(zone, NAME, { values: ["v=DKIM1"], ttlSeconds: 60 });
		pass(time, 3_600_000);
		expect(await ask(dns, secondary.address)).toMatchObject({ rcode: "NXDOMAIN" });
		secondary.mood = "well";
		dns.catchUp(zone, secondary);
		expect(await ask(dns, secondary.address)).toMatchObject({ rcode: "NOERROR" });
	});
});
