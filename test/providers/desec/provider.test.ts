import { expect, test } from "vitest";
import { createProvider } from "../../../providers/desec/provider.ts";
import { describeHttpProvider, type HttpBench } from "../http/describe-http-provider.ts";
import { describeReplay } from "../http/describe-replay.ts";
import { startHttpBench } from "../http/start-bench.ts";
import { createDesecFake, prepareDesec } from "./fake.ts";

const TOKEN = "desec-token-of-the-tests";
const signal = new AbortController().signal;

describeHttpProvider("desec", startBench);
describeReplay({
	folder: "desec",
	headers: { authorization: `Token ${TOKEN}` },
	fake: (store) => createDesecFake(store, { token: TOKEN }),
	prepare: prepareDesec,
});

test("a TTL below what the zone takes is raised to it", async () => {
	const bench = await startBench();
	const change = {
		kind: "add",
		name: "s._domainkey.example.test",
		value: "v=DKIM1;p=",
		ttlSeconds: 60,
	} as const;
	expect(await bench.provider.change("example.test", [change], signal)).toEqual([{ kind: "done" }]);
	expect(bench.store.zone("example.test")?.records).toMatchObject([{ name: change.name, ttlSeconds: 3_600 }]);
	await bench.stop();
});

test("the apex is read and written", async () => {
	const bench = await startBench();
	const change = { kind: "add", name: "example.test", value: "v=DKIM1;p=", ttlSeconds: 3_600 } as const;
	expect(await bench.provider.change("example.test", [change], signal)).toEqual([{ kind: "done" }]);
	expect(await bench.provider.list("example.test", "example.test", signal)).toEqual(["v=DKIM1;p="]);
	expect(bench.server.calls).toContain("GET /api/v1/domains/example.test/rrsets/@/TXT/");
	await bench.stop();
});

test("what somebody else made since the set was read is not written over", async () => {
	const bench = await startBench();
	const [mine, theirs] = ["s1", "s2"].map((label) => `${label}._domainkey.example.test`);
	let isFirst = true;
	bench.server.faults.push({
		when: ({ method }) => {
			if (method !== "GET" && isFirst) void bench.plant(theirs ?? "", ["of another host"]);
			if (method !== "GET") isFirst = false;
			return false;
		},
		fault: { kind: "reset" },
	});
	const changes = [mine, theirs].map(
		(name = "") => ({ kind: "add", name, value: "v=DKIM1;p=", ttlSeconds: 3_600 }) as const,
	);
	expect(await bench.provider.change("example.test", changes, signal)).toEqual([
		{ kind: "done" },
		{ kind: "occupied", values: ["of another host"] },
	]);
	expect(bench.store.serves(mine ?? "")).toEqual(["v=DKIM1;p="]);
	expect(bench.store.serves(theirs ?? "")).toEqual(["of another host"]);
	await bench.stop();
});

async function startBench(): Promise<HttpBench> {
	return startHttpBench({
		origin: "https://desec.io",
		settings: { token: { file: "/etc/keyturn/token" } },
		createProvider,
		fake: (store) => createDesecFake(store, { token: TOKEN }),
		secrets: [TOKEN],
		hasTwins: false,
	});
}
