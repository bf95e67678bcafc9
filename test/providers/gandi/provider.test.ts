import { expect, test } from "vitest";
import { createProvider } from "../../../providers/gandi/provider.ts";
import { describeHttpProvider, type HttpBench } from "../http/describe-http-provider.ts";
import { describeReplay } from "../http/describe-replay.ts";
import { startHttpBench } from "../http/start-bench.ts";
import { createGandiFake, prepareGandi } from "./fake.ts";

const TOKEN = "gandi-token-of-the-tests";
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

async function startBench(): Promise<HttpBench> {
	return startHttpBench({
		origin: "https://api.gandi.net",
		settings: { token: { file: "/etc/keyturn/token" } },
		createProvider,
		fake: (store) => createGandiFake(store, { token: TOKEN }),
		secrets: [TOKEN],
		hasTwins: true,
	});
}
