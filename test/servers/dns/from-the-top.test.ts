import { generateKeyPairSync, randomBytes } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import { publicHalf, recordText } from "../../../src/dkim/key-material.ts";
import { formatKeyRecord } from "../../../src/dkim/key-record.ts";
import { quoteTxt } from "../../../src/dkim/txt-strings.ts";
import { createPropagation } from "../../../src/dns/propagation.ts";
import { createWireResolver } from "../../../src/dns/wire-resolver.ts";
import type { Wire } from "../../../src/ports/wire.ts";
import { createSystemClock } from "../../../src/system/clock.ts";
import { createWire } from "../../../src/system/wire.ts";
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

test("the zone and its servers are found from the registry down, with a resolver for the first step", async () => {
	const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
	const half = publicHalf(privateKey.export({ type: "pkcs8", format: "pem" }).toString());
	if (half === null) throw new Error("no key");
	const record = formatKeyRecord({ algorithm: "rsa", publicKey: recordText(half) });
	const zone = `@ IN SOA ns1 root 1 3600 60 86400 60
@ IN NS ns1
@ IN NS ns2
ns1 IN A 192.0.2.1
ns1 IN AAAA 100::1
ns2 IN A 192.0.2.2
202611._domainkey IN TXT ${quoteTxt(record)}
`;
	const registry = await startBind({
		zones: [
			{
				name: "test",
				records: `@ IN SOA a.nic root 1 3600 60 86400 60
@ IN NS a.nic
a.nic IN A 192.0.2.53
example IN NS ns1.example
example IN NS ns2.example
ns1.example IN A 192.0.2.1
ns2.example IN A 192.0.2.2
`,
			},
		],
	});
	stops.push(registry.stop);
	const bind = await startBind({ zones: [{ name: "example.test", records: zone }] });
	stops.push(bind.stop);
	const knot = await startKnot({ zones: [{ name: "example.test", primary: bind }] });
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
	const report = await propagation.look(
		{
			domain: "example.test",
			selector: "202611",
			record,
			askResolvers: true,
			verify: {
				nameservers: "auto",
				quorum: "all",
				resolvers: ["system"],
				via: ["servers"],
				intervalMs: 1,
				soakMs: "auto",
				timeoutMs: 1,
			},
		},
		AbortSignal.timeout(50_000),
	);
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
