import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createProvider } from "../../../providers/powerdns/provider.ts";
import { describeHttpProvider, type HttpBench } from "../http/describe-http-provider.ts";
import { describeReplay } from "../http/describe-replay.ts";
import { startHttpBench } from "../http/start-bench.ts";
import { createPowerDnsFake, type PowerDnsFakeOptions, preparePowerDns } from "./fake.ts";

const KEY = "powerdns-key-of-the-tests";
const ORIGIN = "http://dns.test:8081";
const SETTINGS = { url: ORIGIN, key: { file: "/etc/keyturn/key" }, server: "localhost" };
const signal = new AbortController().signal;

describeHttpProvider("powerdns", async () => startBench(), ["copy"]);
describeReplay({
	folder: "powerdns",
	headers: { "x-api-key": KEY },
	fake: (store) => createPowerDnsFake(store, { key: KEY }),
	prepare: preparePowerDns,
});

test.each([
	["that can search", true],
	["that cannot, and says that nothing was found", false],
])("what is switched off stays so in a backend %s", async (_, isSearchable) => {
	const name = "s1._domainkey.example.test";
	const off = [name, `x${name}`].map((at) => ({ name: at, content: '"of somebody else"' }));
	const before = [...off];
	const bench = await startBench({ off, isSearchable });
	await bench.plant(name, ["a sibling"]);
	expect(await bench.provider.list(bench.zone, name, signal)).toEqual(["a sibling"]);
	const replace = { kind: "replace", name, from: "a sibling", to: "v=DKIM1", ttlSeconds: 300 } as const;
	expect(await bench.provider.change(bench.zone, [replace], signal)).toEqual([{ kind: "done" }]);
	expect(bench.store.serves(name)).toEqual(["v=DKIM1"]);
	const remove = { kind: "remove", name, value: "v=DKIM1" } as const;
	expect(await bench.provider.change(bench.zone, [remove], signal)).toEqual([{ kind: "done" }]);
	expect(bench.store.serves(name)).toEqual([]);
	expect(off.toSorted((one, other) => (one.name < other.name ? -1 : 1))).toEqual(before);
	await bench.stop();
});

test.each(["Slave", "Secondary", "Consumer"])(
	"nothing is written into a copy of a zone (%s)",
	async (kind) => {
		const bench = await startBench({ kind });
		const name = "s1._domainkey.example.test";
		const refusal = { code: "provider.zone", message: expect.stringContaining(kind) };
		expect(await bench.provider.findZone(name, signal)).toEqual({
			kind: "none",
			why: expect.stringContaining(kind),
			hint: expect.stringContaining("primary"),
		});
		const add = { kind: "add", name, value: "v=DKIM1", ttlSeconds: 300 } as const;
		await expect(bench.provider.change(bench.zone, [add], signal)).rejects.toMatchObject(refusal);
		expect(bench.store.serves(name)).toEqual([]);
		await bench.stop();
	},
);

describe("the secondaries of a primary", () => {
	const name = "s1._domainkey.example.test";
	const add = { kind: "add", name, value: "v=DKIM1", ttlSeconds: 300 } as const;
	let bench: HttpBench;
	beforeEach(async () => {
		bench = await startBench({ kind: "Master" });
	});
	afterEach(async () => bench.stop());
	const told = () => bench.server.calls.filter((call) => call.endsWith("/notify")).length;
	const failNotify = () =>
		bench.server.faults.push({
			when: ({ path }) => path.endsWith("/notify"),
			fault: { kind: "answer", answer: { status: 422, body: { error: "Failed to add to the queue" } } },
		});

	test("are told of each change once", async () => {
		await bench.provider.list(bench.zone, name, signal);
		expect(told()).toBe(1);
		expect(await bench.provider.change(bench.zone, [add], signal)).toEqual([{ kind: "done" }]);
		await bench.provider.list(bench.zone, name, signal);
		expect(told()).toBe(2);
	});

	test("that were not told of a change are told at the next look, though nothing is to be written", async () => {
		await bench.provider.list(bench.zone, name, signal);
		failNotify();
		expect(await bench.provider.change(bench.zone, [add], signal)).toMatchObject([{ kind: "refused" }]);
		expect(told()).toBe(2);
		expect(await bench.provider.list(bench.zone, name, signal)).toEqual(["v=DKIM1"]);
		expect(await bench.provider.change(bench.zone, [add], signal)).toEqual([{ kind: "done" }]);
		expect(told()).toBe(3);
	});

	test("are told by the next run of what one that died had written", async () => {
		await bench.plant(name, ["v=DKIM1"]);
		const next = createProvider({
			name: "dns",
			settings: SETTINGS,
			secrets: { read: async () => KEY },
			http: bench.server.httpFor(ORIGIN),
			clock: bench.clock,
		});
		expect(await next.list(bench.zone, name, signal)).toEqual(["v=DKIM1"]);
		expect(told()).toBe(1);
	});

	test("that nobody can tell keep no record from being read", async () => {
		await bench.plant(name, ["v=DKIM1"]);
		failNotify();
		expect(await bench.provider.list(bench.zone, name, signal)).toEqual(["v=DKIM1"]);
	});
});

async function startBench(more: Omit<PowerDnsFakeOptions, "key"> = {}): Promise<HttpBench> {
	return startHttpBench({
		origin: ORIGIN,
		settings: SETTINGS,
		createProvider,
		fake: (store) => createPowerDnsFake(store, { key: KEY, ...more }),
		secrets: [KEY],
		hasTwins: false,
		copy: (name) => ({
			when: ({ query }) => query.get("zone") === `${name}.`,
			answer: { status: 200, body: [{ id: `${name}.`, name: `${name}.`, kind: "Slave" }] },
		}),
	});
}
