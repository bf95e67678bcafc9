import { expect, test } from "vitest";
import { createProvider } from "../../../providers/hetzner/provider.ts";
import { describeHttpProvider, type HttpBench } from "../http/describe-http-provider.ts";
import { describeReplay } from "../http/describe-replay.ts";
import { startHttpBench } from "../http/start-bench.ts";
import { createHetznerFake, prepareHetzner } from "./fake.ts";

const TOKEN = "hetzner-token-of-the-tests";
const NAME = "s._domainkey.example.test";
const ADD = { kind: "add", name: NAME, value: "v=DKIM1;p=", ttlSeconds: 3_600 } as const;
const signal = new AbortController().signal;

describeHttpProvider("hetzner", async () => startBench(), ["copy"]);

/** Of the recording that is replayed: how often each action said that it was running. */
let polls: number[] = [];
describeReplay({
	folder: "hetzner",
	headers: { authorization: `Bearer ${TOKEN}` },
	fake: (store) => createHetznerFake(store, { token: TOKEN, pageSize: 25, polls: () => polls.shift() ?? 0 }),
	prepare: (store, recorded) => {
		polls = [...prepareHetzner(store, recorded)];
	},
});

test("a change is done when its action is, and not before", async () => {
	const bench = await startBench({ polls: () => 8 });
	expect(await bench.provider.change(bench.zone, [ADD], signal)).toEqual([{ kind: "done" }]);
	const asked = bench.server.calls.filter((call) => call.startsWith("GET /v1/zones/actions/"));
	expect(asked).toHaveLength(9);
	await bench.stop();
});

test("an action that fails is a change that was not made, with the reason", async () => {
	const bench = await startBench({ failing: () => "the zone is locked" });
	const [result] = await bench.provider.change(bench.zone, [ADD], signal);
	expect(result).toMatchObject({ kind: "refused", denied: false });
	expect(JSON.stringify(result)).toContain("the zone is locked");
	await bench.stop();
});

test("an action without end leaves the change open", async () => {
	const bench = await startBench({ polls: () => Number.POSITIVE_INFINITY });
	expect(await bench.provider.change(bench.zone, [ADD], signal)).toMatchObject([{ kind: "unknown" }]);
	await bench.stop();
});

test.each([401, 404, 429, 500])("%i while its action is looked at leaves the change open", async (status) => {
	const bench = await startBench();
	const when = ({ path }: { readonly path: string }) =>
		path.includes("/actions/") && !path.includes("rrsets");
	bench.server.faults.push({ when, fault: { kind: "answer", answer: { status, body: "no" } } });
	expect(await bench.provider.change(bench.zone, [ADD], signal)).toMatchObject([{ kind: "unknown" }]);
	await bench.stop();
});

test("a replacement is one call, and the siblings stay as they are", async () => {
	const bench = await startBench();
	await bench.plant(NAME, ["v=DKIM1;p=old"]);
	const zone = bench.store.zones[0] ?? bench.store.addZone("example.test");
	const sibling = { name: NAME, type: "TXT", ttlSeconds: 300, comment: "for the newsletter" };
	bench.store.add(zone, { ...sibling, value: "a sibling", form: '"a sibling"' });
	const replace = {
		kind: "replace",
		name: NAME,
		from: "v=DKIM1;p=old",
		to: "v=DKIM1;p=",
		ttlSeconds: 60,
	} as const;
	expect(await bench.provider.change(bench.zone, [replace], signal)).toEqual([{ kind: "done" }]);
	expect(bench.store.serves(NAME)).toEqual(["a sibling", "v=DKIM1;p="]);
	expect(zone.records).toContainEqual(expect.objectContaining({ value: "a sibling", ...sibling }));
	expect(bench.server.calls.filter((call) => call.startsWith("POST"))).toHaveLength(1);
	await bench.stop();
});

type Pace = Pick<Parameters<typeof createHetznerFake>[1], "polls" | "failing">;

async function startBench(pace: Pace = {}): Promise<HttpBench> {
	return startHttpBench({
		origin: "https://api.hetzner.cloud",
		settings: { token: { file: "/etc/keyturn/token" } },
		createProvider,
		fake: (store) => createHetznerFake(store, { token: TOKEN, ...pace }),
		secrets: [TOKEN],
		hasTwins: true,
		copy: (name) => ({
			when: ({ path }) => path.endsWith(`/zones/${name}`),
			answer: { status: 200, body: { zone: { id: 7, name, mode: "secondary" } } },
		}),
	});
}
