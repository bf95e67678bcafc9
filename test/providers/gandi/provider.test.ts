import { expect, test } from "vitest";
import { createProvider } from "../../../providers/gandi/provider.ts";
import { describeHttpProvider, type HttpBench } from "../http/describe-http-provider.ts";
import { describeReplay } from "../http/describe-replay.ts";
import { startHttpBench } from "../http/start-bench.ts";
import { createGandiFake, prepareGandi } from "./fake.ts";

const TOKEN = "gandi-token-of-the-tests";
const ORGANIZATION = "17672a84-e05e-11e7-b536-00163e6dc886";
const signal = new AbortController().signal;

describeHttpProvider("gandi", startBench);
describeReplay({
	folder: "gandi/rest",
	headers: { authorization: `Bearer ${TOKEN}` },
	fake: (store) => createGandiFake(store, { token: TOKEN }),
	prepare: prepareGandi,
});

test("siblings keep their TTL when a record goes, which the interface would reset", async () => {
	const bench = await startBench();
	const name = "s._domainkey.example.test";
	for (const text of ["v=DKIM1;p=old", "a sibling"]) await bench.plant(name, [text]);
	const remove = { kind: "remove", name, value: "v=DKIM1;p=old" } as const;
	expect(await bench.provider.change(bench.zone, [remove], signal)).toEqual([{ kind: "done" }]);
	expect(bench.store.zone(bench.zone)?.records).toMatchObject([{ value: "a sibling", ttlSeconds: 300 }]);
	await bench.stop();
});

test("a set of a domain in another organization, which is told as missing, is not one that is absent", async () => {
	const bench = await startBench({ organization: ORGANIZATION });
	const name = "s._domainkey.example.test";
	await bench.plant(name, ["v=DKIM1;p=old"]);
	expect(await bench.provider.findZone(name, signal)).toEqual({ kind: "zone", zone: "example.test" });
	await expect(bench.provider.list(bench.zone, name, signal)).rejects.toMatchObject({
		code: "provider.refused",
		message: expect.stringContaining("`sharing_id`"),
	});
	const remove = { kind: "remove", name, value: "v=DKIM1;p=old" } as const;
	expect(await bench.provider.change(bench.zone, [remove], signal)).toMatchObject([{ kind: "refused" }]);
	await bench.stop();
});

test("the organization goes along with every call, in both ways", async () => {
	const bench = await startBench({ organization: ORGANIZATION, sharing_id: ORGANIZATION });
	const [name, value, to] = ["s._domainkey.example.test", "v=DKIM1;p=old", "v=DKIM1;p="];
	const changes = [
		{ kind: "add", name, value, ttlSeconds: 300 },
		{ kind: "replace", name, from: value, to, ttlSeconds: 300 },
		{ kind: "remove", name, value: to },
	] as const;
	for (const change of changes)
		expect(await bench.provider.change(bench.zone, [change], signal)).toEqual([{ kind: "done" }]);
	expect(bench.store.serves(name)).toEqual([]);
	await bench.stop();
});

async function startBench(
	options: { readonly organization?: string; readonly sharing_id?: string } = {},
): Promise<HttpBench> {
	const { organization, ...settings } = options;
	return startHttpBench({
		origin: "https://api.gandi.net",
		settings: { token: { file: "/etc/keyturn/token" }, ...settings },
		createProvider,
		fake: (store) => createGandiFake(store, { token: TOKEN, ...(organization && { organization }) }),
		secrets: [TOKEN],
		hasTwins: true,
	});
}
