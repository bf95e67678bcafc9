/** How names are asked: through which resolvers, in which order, and each once. */

import { describe, expect, test } from "vitest";
import { createLookup } from "../../src/doctor/lookup.ts";
import type { Answer, Question, Resolver, Server } from "../../src/ports/resolver.ts";
import { policyOf } from "../fakes/policies.ts";

const NEVER = new AbortController().signal;
const SYSTEM: Server = { address: "127.0.0.53", port: 53 };
const OWN: Server = { address: "192.0.2.53", port: 53 };

function asking(
	answer: (server: Server) => Answer,
	system: readonly Server[] = [SYSTEM],
): { readonly resolver: Resolver; readonly asked: [Server, Question][] } {
	const asked: [Server, Question][] = [];
	return {
		asked,
		resolver: {
			systemResolvers: async () => Promise.resolve(system),
			ask: async (server, question) => {
				asked.push([server, question]);
				return Promise.resolve(answer(server));
			},
		},
	};
}

function verify(changes: Partial<ReturnType<typeof policyOf>["verify"]>) {
	return { ...policyOf().verify, ...changes };
}

function text(value: string): Answer {
	return {
		kind: "message",
		rcode: "NOERROR",
		authoritative: false,
		authenticated: false,
		answers: [
			{ name: "a.example", type: "CNAME", ttlSeconds: 1, data: { kind: "name", target: "b.example" } },
			{
				name: "b.example",
				type: "TXT",
				ttlSeconds: 1,
				data: { kind: "txt", strings: [Buffer.from(value.slice(0, 3)), Buffer.from(value.slice(3))] },
			},
		],
		authority: [],
		additional: [],
		transport: "udp",
	};
}

describe("a name is asked", () => {
	test("once, through an alias, its strings joined", async () => {
		const { resolver, asked } = asking(() => text("v=spf1 -all"));
		const lookup = createLookup(resolver, verify({ resolvers: ["system"] }), NEVER);
		const seen = { kind: "texts", values: ["v=spf1 -all"] };
		expect(await lookup.texts("a.example")).toEqual(seen);
		expect(await lookup.texts("a.example")).toEqual(seen);
		expect(asked).toEqual([[SYSTEM, { name: "a.example", type: "TXT", recursive: true, dnssec: false }]]);
	});

	test.each([
		["of the resolvers configured", { resolvers: [OWN] }, [SYSTEM], [OWN]],
		[
			"over HTTPS",
			{ via: [{ url: "https://dns.example/dns-query" }] },
			[SYSTEM],
			[{ url: "https://dns.example/dns-query" }],
		],
		["of the system's, where none is", { resolvers: [] }, [SYSTEM], [SYSTEM]],
		[
			"of the servers that stand for the zone's, where there is none at all",
			{ resolvers: [], nameservers: [OWN] },
			[],
			[OWN],
		],
	])("%s", async (_, changes, system, servers) => {
		const { resolver, asked } = asking(() => text("x"), system);
		await createLookup(resolver, verify(changes), NEVER).texts("a.example");
		expect(asked.map(([server]) => server)).toEqual(servers);
	});

	test("of the next where one says nothing", async () => {
		const { resolver } = asking((server) => (server === OWN ? { kind: "servfail" } : text("x")));
		const lookup = createLookup(resolver, verify({ resolvers: [OWN, "system"] }), NEVER);
		expect(await lookup.texts("a.example")).toEqual({ kind: "texts", values: ["x"] });
	});

	test("in vain, and the reason is told", async () => {
		const { resolver } = asking(() => ({ kind: "refused" }));
		const lookup = createLookup(resolver, verify({ resolvers: [OWN] }), NEVER);
		expect(await lookup.texts("a.example")).toEqual({
			kind: "unknown",
			why: "TXT a.example: 192.0.2.53 refuses to answer",
		});
		expect(
			await createLookup(asking(() => text("x"), []).resolver, verify({}), NEVER).texts("a.example"),
		).toEqual({
			kind: "unknown",
			why: "no resolver is known to this host",
		});
	});
});
