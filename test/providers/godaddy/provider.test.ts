import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createProvider } from "../../../providers/godaddy/provider.ts";
import { describeHttpProvider, type HttpBench } from "../http/describe-http-provider.ts";
import { describeReplay } from "../http/describe-replay.ts";
import { startHttpBench } from "../http/start-http-bench.ts";
import { createGoDaddyFake, prepareGoDaddy } from "./fake.ts";

const KEY = "godaddy-key-of-the-tests";
const SECRET = "godaddy-secret-of-the-tests";
const signal = new AbortController().signal;

describeHttpProvider("godaddy", startBench);
describeReplay({
	folder: "godaddy",
	headers: { authorization: `sso-key ${KEY}:${SECRET}` },
	fake: (store) => createGoDaddyFake(store, { key: `${KEY}:${SECRET}`, isSmall: false }),
	prepare: prepareGoDaddy,
});

describe("a zone of GoDaddy", () => {
	let bench: HttpBench;
	beforeEach(async () => {
		bench = await startBench();
	});
	afterEach(async () => bench.stop());

	test("keeps every TXT record of other names, and no call could reach them", async () => {
		const name = `s1._domainkey.${bench.zone}`;
		await bench.plant(bench.zone, ["v=spf1 -all"]);
		await bench.plant(`other.${bench.zone}`, ["of somebody else"]);
		const add = { kind: "add", name, value: "v=DKIM1", ttlSeconds: 600 } as const;
		const remove = { kind: "remove", name, value: "v=DKIM1" } as const;
		expect(await bench.provider.change(bench.zone, [add, remove], signal)).toEqual([
			{ kind: "done" },
			{ kind: "done" },
		]);
		expect(bench.store.serves(bench.zone)).toEqual(["v=spf1 -all"]);
		expect(bench.store.serves(`other.${bench.zone}`)).toEqual(["of somebody else"]);
		const writes = bench.server.calls.filter((call) => !call.startsWith("GET "));
		expect(writes).toEqual(
			["PUT", "DELETE"].map((method) => `${method} /v1/domains/${bench.zone}/records/TXT/s1._domainkey`),
		);
	});

	test("keeps the TTL of siblings that are written back", async () => {
		const name = `s1._domainkey.${bench.zone}`;
		await bench.plant(name, ["ours"]);
		const sibling = await bench
			.plant(name, ["a sibling"])
			.then(() => bench.store.zone(bench.zone)?.records.at(-1));
		if (sibling !== undefined) sibling.ttlSeconds = 86_400;
		await bench.provider.change(bench.zone, [{ kind: "remove", name, value: "ours" }], signal);
		expect(bench.store.zone(bench.zone)?.records).toMatchObject([{ value: "a sibling", ttlSeconds: 86_400 }]);
	});

	test("has a copy kept of the records at a name before they are written anew, and none where there are none", async () => {
		const name = `copied._domainkey.${bench.zone}`;
		kept.length = 0;
		const own = { name, value: "v=DKIM1;p=own" };
		expect(
			await bench.provider.change(bench.zone, [{ kind: "add", ...own, ttlSeconds: 600 }], signal),
		).toEqual([{ kind: "done" }]);
		expect(kept).toEqual([]);
		await bench.plant(name, ["a sibling"]);
		await bench.provider.change(bench.zone, [{ kind: "remove", ...own }], signal);
		expect(kept).toMatchObject([
			["gd", bench.zone, { name, records: [{ data: "v=DKIM1;p=own" }, { data: "a sibling" }] }],
		]);
		expect(await bench.serves(name)).toEqual(["a sibling"]);
	});

	test("is not one whose name cannot be a domain", async () => {
		bench.server.faults.push({
			when: ({ path }) => path.startsWith(`/v1/domains/s1._domainkey.${bench.zone}`),
			fault: {
				kind: "answer",
				answer: { status: 422, body: { code: "INVALID_DOMAIN", message: "is not a domain" } },
			},
		});
		expect(await bench.provider.findZone(`s1._domainkey.${bench.zone}`, signal)).toEqual({
			kind: "zone",
			zone: bench.zone,
		});
		expect(bench.server.faults).toEqual([]);
	});

	test("is found by the calls on one name's records, which accounts with few domains may make", async () => {
		const at = `s1._domainkey.${bench.zone}`;
		expect(await bench.provider.findZone(at, signal)).toEqual({ kind: "zone", zone: bench.zone });
		expect(bench.server.calls.length).toBeGreaterThan(0);
		for (const call of bench.server.calls) expect(call).toMatch(/^GET .*\/records\/TXT\/_domainkey$/);
	});

	test.each([
		["seconds", 7, 7_000],
		["what is left of a month's quota", 2_000_000, 86_400_000],
	])(
		"is left alone for as long as the answer itself asks for: %s",
		async (_, retryAfterSec, retryAfterMs) => {
			const body = { code: "TOO_MANY_REQUESTS", message: "Too many requests", retryAfterSec };
			bench.server.faults.push({
				when: () => true,
				fault: { kind: "answer", answer: { status: 429, body } },
			});
			await expect(bench.provider.findZone(bench.zone, signal)).rejects.toMatchObject({
				code: "provider.limited",
				retryAfterMs,
				message: expect.stringContaining("TOO_MANY_REQUESTS"),
			});
		},
	);

	test("is not said to be missing where the account may make none of them", async () => {
		bench.server.faults.push({
			when: () => true,
			fault: {
				kind: "answer",
				answer: {
					status: 403,
					body: { code: "ACCESS_DENIED", message: "Authenticated user is not allowed access" },
				},
			},
		});
		await expect(bench.provider.findZone(bench.zone, signal)).rejects.toMatchObject({
			code: "provider.denied",
			message: expect.stringContaining("ACCESS_DENIED"),
		});
	});
});

const kept: unknown[] = [];

async function startBench(): Promise<HttpBench> {
	return startHttpBench({
		origin: "https://api.godaddy.com",
		fake: (store) => createGoDaddyFake(store, { key: `${KEY}:${SECRET}`, isSmall: true }),
		create: (tools) =>
			createProvider({
				name: "gd",
				settings: { key: { file: "/key" }, secret: { file: "/secret" } },
				secrets: {
					read: async (reference) => ("file" in reference && reference.file === "/key" ? KEY : SECRET),
				},
				copies: {
					keep: async (...copy) => {
						kept.push(copy);
						return "/copy";
					},
				},
				...tools,
			}),
		secrets: [KEY, SECRET],
		hasTwins: true,
	});
}
