import { generateKeyPairSync, randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { publicHalf, recordText } from "../../../src/dkim/key-material.ts";
import { formatKeyRecord } from "../../../src/dkim/key-record.ts";
import { quoteTxt } from "../../../src/dkim/txt-strings.ts";
import { createPropagation } from "../../../src/dns/propagation.ts";
import { createWireResolver } from "../../../src/dns/wire-resolver.ts";
import type { LookReport, ServerOutcome } from "../../../src/ports/propagation.ts";
import type { Wire } from "../../../src/ports/wire.ts";
import { createSystemClock } from "../../../src/system/clock.ts";
import { createWire } from "../../../src/system/wire.ts";
import { policyOf } from "../../fakes/policies.ts";
import { startBind } from "../bind.ts";
import type { StartedServer } from "../program.ts";
import { startKnot } from "../knot.ts";
import { startUnbound } from "../unbound.ts";

const stops: (() => Promise<void>)[] = [];
afterAll(async () => {
	for (const stop of stops.splice(0).toReversed()) await stop();
});

/** Name servers have port 53 in the zones; here they stand on free ports of loopback. */
function redirect(wire: Wire, servers: ReadonlyMap<string, StartedServer>): Wire {
	return {
		async exchange(target, query, signal) {
			const server = servers.get(target.address);
			const place = server === undefined ? target : { ...target, address: server.address, port: server.port };
			return wire.exchange(place, query, signal);
		},
	};
}

const RECORD = makeRecord();
const KEY = `202611 IN TXT ${quoteTxt(RECORD)}\n`;
const SOA = "@ IN SOA a.example.test. root.example.test. 1 3600 60 86400 60\n";
/** With and without a zone for its keys on a and b. */
const DOMAINS = ["same.test", "early.test", "apart.test"] as const;

let look: (domain: string, askResolvers: boolean) => Promise<LookReport>;

beforeAll(async () => {
	const registry = await startBind({
		zones: [
			{
				name: "test",
				records: `@ IN SOA a.nic root 1 3600 60 86400 60
@ IN NS a.nic
a.nic IN A 192.0.2.53
ns1.example IN A 192.0.2.1
ns2.example IN A 192.0.2.2
example IN NS ns1.example
example IN NS ns2.example
a.example IN A 192.0.2.1
b.example IN A 192.0.2.2
${DOMAINS.map((domain) => nsOf(`${domain}.`, "a", "b")).join("")}`,
			},
		],
	});
	stops.push(registry.stop);
	const bind = await startBind({
		zones: [
			{
				name: "example.test",
				records: `@ IN SOA ns1 root 1 3600 60 86400 60
@ IN NS ns1
@ IN NS ns2
ns1 IN A 192.0.2.1
ns1 IN AAAA 100::1
ns2 IN A 192.0.2.2
a IN A 192.0.2.1
b IN A 192.0.2.2
c IN A 192.0.2.3
d IN A 192.0.2.4
202611._domainkey IN TXT ${quoteTxt(RECORD)}
`,
			},
			{ name: "same.test", records: `${SOA}${nsOf("@", "a", "b")}${nsOf("_domainkey", "a", "b")}` },
			{ name: "_domainkey.same.test", records: `${SOA}${nsOf("@", "a", "b")}${KEY}` },
			{ name: "early.test", records: `${SOA}${nsOf("@", "a", "b")}` },
			{ name: "_domainkey.early.test", records: `${SOA}${nsOf("@", "a")}${KEY}` },
			{ name: "apart.test", records: `${SOA}${nsOf("@", "a", "b")}${nsOf("_domainkey", "a", "d")}` },
			{ name: "_domainkey.apart.test", records: `${SOA}${nsOf("@", "a", "c")}${KEY}` },
		],
	});
	stops.push(bind.stop);
	const knot = await startKnot({
		zones: ["example.test", "_domainkey.same.test", ...DOMAINS].map((name) => ({ name, primary: bind })),
	});
	stops.push(knot.stop);
	const unbound = await startUnbound({
		zones: [
			{ name: "test", address: registry.address, port: registry.port },
			{ name: "example.test", address: bind.address, port: bind.port },
		],
	});
	stops.push(unbound.stop);
	const servers = new Map([
		["192.0.2.53", registry],
		["192.0.2.1", bind],
		["192.0.2.2", knot],
		["192.0.2.3", bind],
		// It has none of these zones.
		["192.0.2.4", registry],
	]);
	const clock = createSystemClock();
	const propagation = createPropagation({
		clock,
		resolver: createWireResolver({
			wire: redirect(createWire(), servers),
			clock,
			random: { bytes: (count) => randomBytes(count), id: () => "" },
			systemServers: async () => [{ address: unbound.address, port: unbound.port }],
		}),
	});
	const verify = { ...policyOf().verify, resolvers: ["system" as const] };
	look = async (domain, askResolvers) =>
		propagation.look(
			{ domain, selector: "202611", record: RECORD, askResolvers, verify },
			AbortSignal.timeout(50_000),
		);
});

function nsOf(owner: string, ...names: readonly string[]): string {
	return names.map((name) => `${owner} IN NS ${name}.example.test.\n`).join("");
}

function makeRecord(): string {
	const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
	const half = publicHalf(privateKey.export({ type: "pkcs8", format: "pem" }).toString());
	if (half === null) throw new Error("no key");
	return formatKeyRecord({ algorithm: "rsa", publicKey: recordText(half) });
}

function outcomesOf(report: LookReport): Record<string, ServerOutcome> {
	return Object.fromEntries(report.servers.map(({ server, outcome }) => [server, outcome]));
}

test("the zone and its servers are found from the registry down, with a resolver for the first step", async () => {
	const report = await look("example.test", true);
	expect(report).toMatchObject({ verdict: "right", zone: "example.test", dnssec: false });
	expect(
		report.servers
			.filter((server) => server.outcome === "right")
			.map((server) => server.server)
			.toSorted(),
	).toEqual(["ns1.example.test", "ns2.example.test"]);
	expect(report.resolvers.map((server) => server.outcome)).toEqual(["right"]);
	// The address that nobody has is silent or has no route: a warning either way.
	expect(report.warnings.join("; ")).toContain("100::1");
	expect(report.warnings.join("; ")).not.toContain("delegation");
});

test("a zone for the keys on the same servers is right", async () => {
	const report = await look("same.test", false);
	expect(report).toMatchObject({ verdict: "right", zone: "_domainkey.same.test" });
	expect(outcomesOf(report)).toEqual({ "a.example.test": "right", "b.example.test": "right" });
	expect(report.warnings).toEqual([]);
});

test("a zone for the keys that is loaded on one server, and delegated nowhere, is not right", async () => {
	const report = await look("early.test", false);
	expect(report.verdict).toBe("absent");
	expect(outcomesOf(report)).toEqual({ "a.example.test": "right", "b.example.test": "absent_name" });
});

test("a zone whose delegation names another server than the zone itself is asked for at both", async () => {
	const report = await look("apart.test", false);
	expect(report).toMatchObject({ verdict: "unknown", zone: "_domainkey.apart.test" });
	expect(outcomesOf(report)).toEqual({
		"a.example.test": "right",
		"c.example.test": "right",
		"d.example.test": "lame",
	});
});
