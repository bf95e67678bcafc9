import { expect, test } from "vitest";
import { createProvider } from "../../../providers/cloudflare/provider.ts";
import { describeHttpProvider, type HttpBench } from "../http/describe-http-provider.ts";
import { describeReplay } from "../http/describe-replay.ts";
import { startHttpBench } from "../http/start-bench.ts";
import { createCloudflareFake, prepareCloudflare } from "./fake.ts";

const TOKEN = "cloudflare-token-of-the-tests";

describeHttpProvider("cloudflare", async () => startBench(), ["denials", "copy"]);
describeReplay({
	folder: "cloudflare",
	headers: { authorization: `Bearer ${TOKEN}` },
	fake: (store) => createCloudflareFake(store, { token: TOKEN, pageSize: 100 }),
	prepare: prepareCloudflare,
});

test("a token that is limited to a zone finds it, though it may ask for no other name", async () => {
	const bench = await startBench(["example.test"]);
	try {
		expect(bench.zone).toBe("example.test");
		expect(await bench.provider.findZone("s1._domainkey.mail.example.test", signal)).toEqual({
			kind: "zone",
			zone: "example.test",
		});
		expect(await bench.provider.findZone("s1._domainkey.elsewhere.test", signal)).toMatchObject({
			kind: "none",
		});
	} finally {
		await bench.stop();
	}
});

test("a zone that has moved to another account does not stand beside the one that is served", async () => {
	const bench = await startBench(null, ["old"]);
	bench.store.addZone("moved.test", "old");
	bench.store.addZone("moved.test", "new");
	const add = { kind: "add", name: "s1._domainkey.moved.test", value: "v=DKIM1", ttlSeconds: 300 } as const;
	expect(await bench.provider.findZone(add.name, signal)).toEqual({ kind: "zone", zone: "moved.test" });
	expect(await bench.provider.change("moved.test", [add], signal)).toEqual([{ kind: "done" }]);
	expect(bench.store.zone("new")?.records).toMatchObject([{ name: add.name }]);
	await bench.stop();
});

test("a zone that is served inside a network only is none", async () => {
	const bench = await startBench();
	bench.store.addZone(`mail.${bench.zone}`, "internal-1");
	bench.store.addZone(bench.zone, "internal-2");
	expect(await bench.provider.findZone(`s1._domainkey.mail.${bench.zone}`, signal)).toEqual({
		kind: "zone",
		zone: bench.zone,
	});
	await bench.stop();
});

test("the reason of a refusal is told with it", async () => {
	const bench = await startBench();
	const chain = [{ code: 9021, message: "TTL must be between 60 and 86400 seconds, or 1 for Automatic." }];
	const errors = [{ code: 1004, message: "DNS Validation Error", error_chain: chain }];
	bench.server.faults.push({
		when: ({ method }) => method === "POST",
		fault: { kind: "answer", answer: { status: 400, body: { success: false, errors, result: null } } },
	});
	const add = { kind: "add", name: `s1.${bench.zone}`, value: "v=DKIM1", ttlSeconds: 172_800 } as const;
	expect(await bench.provider.change(bench.zone, [add], signal)).toMatchObject([
		{ kind: "refused", why: expect.stringContaining("between 60 and 86400 seconds") },
	]);
	await bench.stop();
});

const signal = new AbortController().signal;

async function startBench(
	reach: readonly string[] | null = null,
	moved: readonly string[] = [],
): Promise<HttpBench> {
	return startHttpBench({
		origin: "https://api.cloudflare.com",
		settings: { token: { file: "/etc/keyturn/token" } },
		createProvider,
		fake: (store) => createCloudflareFake(store, { token: TOKEN, reach, moved }),
		secrets: [TOKEN],
		hasTwins: true,
		copy: (name) => ({
			when: ({ query }) => query.get("name") === name,
			answer: { status: 200, body: { result: [{ id: "7", name, status: "active", type: "secondary" }] } },
		}),
		denials: [
			{
				status: 400,
				body: {
					errors: [{ code: 6003, message: "Invalid request headers", error_chain: null }],
					result: null,
				},
			},
			{
				status: 400,
				body: { success: false, errors: [{ code: 6003, message: "Invalid request headers" }], result: null },
			},
		],
	});
}
