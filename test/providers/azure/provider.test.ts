import { expect, test } from "vitest";
import { createProvider } from "../../../providers/azure/provider.ts";
import { describeHttpProvider, type HttpBench } from "../http/describe-http-provider.ts";
import { describeReplay } from "../http/describe-replay.ts";
import { startHttpBench } from "../http/start-bench.ts";
import { ACCESS_TOKEN, createAzureFake, prepareAzure } from "./fake.ts";

const SECRET = "azure-client-secret-of-the-tests";
const NAME = "s._domainkey.example.test";
const ADD = { kind: "add", name: NAME, value: "v=DKIM1;p=", ttlSeconds: 3_600 } as const;
const REMOVE = { kind: "remove", name: NAME, value: "v=DKIM1;p=old" } as const;
const signal = new AbortController().signal;

describeHttpProvider("azure", async () => startBench());
describeReplay({
	folder: "azure",
	headers: { authorization: `Bearer ${ACCESS_TOKEN}` },
	fake: (store) => createAzureFake(store, { clientSecret: "REDACTED", pageSize: 100 }),
	prepare: prepareAzure,
});

/** Does something at the moment of the next change, before it is carried out. */
function before(bench: HttpBench, act: () => void): void {
	let isOver = false;
	const when = ({ method }: { readonly method: string }) => {
		if (!isOver && ["PUT", "DELETE"].includes(method)) {
			isOver = true;
			act();
		}
		return false;
	};
	bench.server.faults.push({ when, fault: { kind: "reset" } });
}

test("a set that somebody made in between is not written over", async () => {
	const bench = await startBench();
	before(bench, () => void bench.plant(NAME, ["somebody else's"]));
	const [result] = await bench.provider.change(bench.zone, [ADD], signal);
	expect(result).toMatchObject({ kind: "refused", why: expect.stringContaining("PreconditionFailed") });
	expect(bench.store.serves(NAME)).toEqual(["somebody else's"]);
	await bench.stop();
});

test("a set that somebody changed in between is not taken away", async () => {
	const bench = await startBench();
	await bench.plant(NAME, ["v=DKIM1;p=old"]);
	before(bench, () => void bench.plant(NAME, ["somebody else's"]));
	const [result] = await bench.provider.change(bench.zone, [REMOVE], signal);
	expect(result).toMatchObject({ kind: "refused", why: expect.stringContaining("PreconditionFailed") });
	expect(bench.store.serves(NAME)).toEqual(["somebody else's", "v=DKIM1;p=old"]);
	await bench.stop();
});

test("siblings keep their strings, their TTL and the set its metadata", async () => {
	const bench = await startBench();
	const url = `${PATH}/TXT/s._domainkey?api-version=2018-05-01`;
	const records = ["v=DKIM1;p=old", "one,two"].map((text) => ({ value: text.split(",") }));
	const properties = { TTL: 77, TXTRecords: records, metadata: { owner: "postmaster" } };
	const headers = { authorization: `Bearer ${ACCESS_TOKEN}`, "content-type": "application/json" };
	await fetch(bench.server.url + url, { method: "PUT", headers, body: JSON.stringify({ properties }) });
	expect(await bench.provider.change(bench.zone, [REMOVE], signal)).toEqual([{ kind: "done" }]);
	const answer: unknown = await (await fetch(bench.server.url + url, { headers })).json();
	expect(answer).toMatchObject({ properties: { ...properties, TXTRecords: [{ value: ["one", "two"] }] } });
	await bench.stop();
});

test("private zones are never found", async () => {
	const bench = await startBench({ privateZones: ["77001"] });
	bench.store.addZone("inside.test", "77001");
	expect(await bench.provider.findZone("s._domainkey.inside.test", signal)).toMatchObject({ kind: "none" });
	await bench.stop();
});

test.each([
	"https://elsewhere.invalid",
	"https://management.azure.com@elsewhere.invalid",
	"https://management.azure.com:444",
	"http://management.azure.com",
	"",
])("a list that goes on elsewhere is not followed there: %j", async (origin) => {
	const bench = await startBench({ origin });
	for (const name of ["a.test", "b.test"]) bench.store.addZone(name);
	await expect(bench.provider.findZone(NAME, signal)).rejects.toMatchObject({ code: "provider.refused" });
	await bench.stop();
});

test("a list goes on where the link names the port, too", async () => {
	const bench = await startBench({ origin: "https://management.azure.com:443" });
	for (const name of ["a.test", "b.test", "c.test"]) bench.store.addZone(name);
	expect(await bench.provider.findZone("s._domainkey.c.test", signal)).toEqual({
		kind: "zone",
		zone: "c.test",
	});
	await bench.stop();
});

test("a client secret that ran out is told as a credential that is denied, without it", async () => {
	const bench = await startBench({ clientSecret: "another secret" });
	const error: unknown = await bench.provider
		.list(bench.zone, NAME, signal)
		.catch((thrown: unknown) => thrown);
	expect(error).toMatchObject({ code: "provider.denied", message: expect.stringContaining("AADSTS7000215") });
	expect(String(error)).not.toContain(SECRET);
	await bench.stop();
});

const ID = "72f988bf-86f1-41af-91ab-2d7cd011db47";
const PATH = `/subscriptions/${ID}/resourceGroups/mail/providers/Microsoft.Network/dnsZones/example.test`;

async function startBench(more: Partial<Parameters<typeof createAzureFake>[1]> = {}): Promise<HttpBench> {
	return startHttpBench({
		origin: ["https://management.azure.com", "https://login.microsoftonline.com"],
		settings: {
			tenant: ID,
			subscription: ID,
			resource_group: "mail",
			client_id: ID,
			client_secret: { file: "/etc/keyturn/secret" },
		},
		createProvider,
		fake: (store) => createAzureFake(store, { clientSecret: SECRET, ...more }),
		secrets: [SECRET, ACCESS_TOKEN],
		isAside: ({ path }) => path.includes("/oauth2/"),
		hasTwins: true,
	});
}
