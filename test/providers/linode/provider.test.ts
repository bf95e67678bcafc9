import { expect, test } from "vitest";
import { createProvider } from "../../../providers/linode/provider.ts";
import { describeHttpProvider, type HttpBench } from "../http/describe-http-provider.ts";
import { describeReplay } from "../http/describe-replay.ts";
import { startHttpBench } from "../http/start-http-bench.ts";
import { createLinodeFake, prepareLinode } from "./fake.ts";

const TOKEN = "linode-token-of-the-tests";
const signal = new AbortController().signal;

describeHttpProvider("linode", startBench, ["copy"]);
describeReplay({
	folder: "linode4",
	headers: { authorization: `Bearer ${TOKEN}` },
	fake: (store) => createLinodeFake(store, { token: TOKEN, pageSize: 100 }),
	prepare: prepareLinode,
});

test.each([
	[300, 300],
	[1_800, 3_600],
	[90_000, 172_800],
	[9_000_000, 2_419_200],
])("a TTL of %i s becomes one of %i s, though a new record has the zone's", async (asked, got) => {
	const bench = await startBench();
	const name = `s1._domainkey.${bench.zone}`;
	await bench.provider.change(
		bench.zone,
		[{ kind: "add", name, value: "v=DKIM1", ttlSeconds: asked }],
		signal,
	);
	expect(bench.store.zone(bench.zone)?.records).toMatchObject([{ name, ttlSeconds: got }]);
	await bench.stop();
});

async function startBench(): Promise<HttpBench> {
	return startHttpBench({
		origin: "https://api.linode.com",
		fake: (store) => createLinodeFake(store, { token: TOKEN }),
		create: (tools) =>
			createProvider({
				name: "li",
				settings: { token: { file: "/etc/keyturn/token" } },
				secrets: { read: async () => TOKEN },
				...tools,
			}),
		secrets: [TOKEN],
		hasTwins: true,
		copy: (domain) => ({
			when: ({ headers }) => (headers["x-filter"] ?? "").includes(`"${domain}"`),
			answer: { status: 200, body: { data: [{ id: 7, domain, type: "slave" }], page: 1, pages: 1 } },
		}),
	});
}
