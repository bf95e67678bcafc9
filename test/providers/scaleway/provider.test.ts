import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createProvider } from "../../../providers/scaleway/provider.ts";
import { describeHttpProvider, type HttpBench } from "../http/describe-http-provider.ts";
import { describeReplay } from "../http/describe-replay.ts";
import { startHttpBench } from "../http/start-http-bench.ts";
import { createScalewayFake, prepareScaleway } from "./fake.ts";

const KEY = "scaleway-key-of-the-tests";
const signal = new AbortController().signal;

describeHttpProvider("scaleway", startBench);
describeReplay({
	folder: "scaleway",
	headers: { "x-auth-token": KEY },
	fake: (store) => createScalewayFake(store, { key: KEY, pageSize: 20 }),
	prepare: prepareScaleway,
});

describe("a zone of Scaleway", () => {
	let bench: HttpBench;
	beforeEach(async () => {
		bench = await startBench();
	});
	afterEach(async () => bench.stop());

	test("that is not there is no credential denied, though the status is the same", async () => {
		bench.server.faults.push({
			when: ({ path }) => path.endsWith("/records"),
			fault: { kind: "answer", answer: { status: 403, body: { message: "domain not found" } } },
		});
		await expect(
			bench.provider.list(bench.zone, `s1._domainkey.${bench.zone}`, signal),
		).rejects.toMatchObject({
			code: "provider.refused",
			message: expect.stringContaining("domain not found"),
		});
	});

	test("is never made by a write to a name below another", async () => {
		const bodies: string[] = [];
		bench.server.faults.push({
			when: ({ method, body }) => method === "PATCH" && bodies.push(body) < 0,
			fault: { kind: "reset" },
		});
		const name = `s1._domainkey.${bench.zone}`;
		const add = { kind: "add", name, value: "v=DKIM1", ttlSeconds: 300 } as const;
		expect(await bench.provider.change(bench.zone, [add], signal)).toEqual([{ kind: "done" }]);
		expect(bodies.map((body) => JSON.parse(body))).toMatchObject([{ disallow_new_zone_creation: true }]);
	});
});

async function startBench(): Promise<HttpBench> {
	return startHttpBench({
		origin: "https://api.scaleway.com",
		fake: (store) => createScalewayFake(store, { key: KEY }),
		create: (tools) =>
			createProvider({
				name: "scw",
				settings: { key: { file: "/etc/keyturn/key" } },
				secrets: { read: async () => KEY },
				...tools,
			}),
		secrets: [KEY],
		hasTwins: true,
	});
}
