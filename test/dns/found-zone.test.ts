import { expect, test } from "vitest";
import { findZoneOf } from "../../src/dns/found-zone.ts";
import type { Answer, Resolver, ResourceRecord } from "../../src/ports/resolver.ts";

const ZONE: Readonly<Record<string, readonly ResourceRecord["data"][]>> = {
	"NS example.com": [
		{ kind: "name", target: "ns2.example.com" },
		{ kind: "name", target: "ns1.example.com" },
	],
	"SOA example.com": [{ kind: "soa", primary: "ns1.example.com", serial: 1, minimumSeconds: 60 }],
};

const ALIASES: Readonly<Record<string, string>> = { "news.example.org": "example.com" };

function knowing(records: typeof ZONE, silent = false): Resolver {
	const servers = [
		{ address: "192.0.2.1", port: 53 },
		{ address: "192.0.2.2", port: 53 },
	];
	return {
		systemResolvers: async () => Promise.resolve(servers),
		ask: async (server, { name, type }) => {
			// The first of them never answers.
			if (silent || server === servers[0]) return Promise.resolve({ kind: "timeout" });
			const target = ALIASES[name];
			const held = records[`${type} ${target ?? name}`] ?? [];
			const answers: ResourceRecord[] = held.map((data) => ({
				name: target ?? name,
				type,
				ttlSeconds: 1,
				data,
			}));
			if (target !== undefined)
				answers.unshift({ name, type: "CNAME", ttlSeconds: 1, data: { kind: "name", target } });
			const message: Answer = {
				kind: "message",
				rcode: "NOERROR",
				authoritative: false,
				authenticated: false,
				answers,
				authority: [],
				additional: [],
				transport: "udp",
			};
			return Promise.resolve(message);
		},
	};
}

async function find(domain: string, records: typeof ZONE, addresses: readonly string[] = []) {
	const signal = new AbortController().signal;
	return findZoneOf(domain, { resolver: knowing(records), addresses, signal });
}

const at = (address: string) => ({ ...ZONE, "A ns1.example.com": [{ kind: "address" as const, address }] });

test("the zone above a domain is found with its servers", async () => {
	expect(await find("lists.example.com", at("203.0.113.5"))).toEqual({
		zone: "example.com",
		servers: ["ns1.example.com", "ns2.example.com"],
		localPrimary: null,
	});
});

test.each([
	["127.0.0.1", "127.0.0.1:53"],
	["203.0.113.5", "203.0.113.5:53"],
])("a primary at %s is this host", async (address, localPrimary) => {
	expect(await find("example.com", at(address), ["203.0.113.5"])).toMatchObject({ localPrimary });
});

test("an address of IPv6 is written as a server is", async () => {
	const records = { ...ZONE, "AAAA ns1.example.com": [{ kind: "address" as const, address: "::1" }] };
	expect(await find("example.com", records)).toMatchObject({ localPrimary: "[::1]:53" });
});

test("the zone that an alias leads into is not that of its name", async () => {
	const records = { ...ZONE, "NS example.org": [{ kind: "name" as const, target: "ns.example.org" }] };
	expect(await find("news.example.org", records)).toMatchObject({ zone: "example.org" });
});

test("nobody knows", async () => {
	expect(await find("example.net", ZONE)).toBeNull();
	const given = { resolver: knowing(ZONE, true), addresses: [], signal: new AbortController().signal };
	expect(await findZoneOf("example.com", given)).toBeNull();
});
