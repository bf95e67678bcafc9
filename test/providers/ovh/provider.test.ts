import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createProvider } from "../../../providers/ovh/provider.ts";
import { signedHeaders } from "../../../providers/ovh/signature.ts";
import { describeHttpProvider, type HttpBench } from "../http/describe-http-provider.ts";
import { describeReplay } from "../http/describe-replay.ts";
import type { FakeRequest } from "../http/fake-server.ts";
import { type BenchParts, startHttpBench } from "../http/start-http-bench.ts";
import { createOvhFake, prepareOvh } from "./fake.ts";

const SECRETS = {
	app: "ovh-application",
	secret: "ovh-secret-of-the-tests",
	consumer: "ovh-consumer-of-the-tests",
};
const ORIGIN = "https://eu.api.ovh.com";
/** The server's clock is two hours ahead. */
const SERVER_SECONDS = Date.parse("2026-10-31T14:00:00Z") / 1000;
const signal = new AbortController().signal;

describeHttpProvider("ovh", startBench);
describeReplay({
	folder: "ovh",
	headers: {},
	fake: (store) => createOvhFake(store, { seconds: () => 1_528_723_171, isSigned: () => true }),
	prepare: prepareOvh,
});

test("signs as the example of the documentation", () => {
	const keys = {
		applicationKey: "7kbG7Bk7S9Nt7ZSV",
		applicationSecret: "EXEgWIz07P0HYwtQDs7cNIqCiQaWSuHF",
		consumerKey: "MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1",
	};
	const request = { method: "GET", url: "https://eu.api.ovh.com/1.0/domains/", body: null } as const;
	expect(signedHeaders(keys, request, 1_366_560_945)).toMatchObject({
		"x-ovh-signature": "$1$d3705e8afb27a0d2970a322b96550abfc67bb798",
	});
});

describe("a zone of OVH", () => {
	let bench: HttpBench;
	let name: string;
	const add = () => ({ kind: "add", name, value: "v=DKIM1;p=A", ttlSeconds: 300 }) as const;
	const remove = () => ({ kind: "remove", name, value: "v=DKIM1;p=A" }) as const;
	beforeEach(async () => {
		bench = await startBench();
		name = `s1._domainkey.${bench.zone}`;
	});
	afterEach(async () => bench.stop());

	const failRefresh = () =>
		bench.server.faults.push({
			when: ({ path }) => path.endsWith("/refresh"),
			fault: { kind: "answer", answer: { status: 500, body: "no" } },
		});

	test.each(["add", "remove"] as const)(
		"whose refresh failed after %s is not done, and is served at the next look",
		async (kind) => {
			if (kind === "remove") await bench.provider.change(bench.zone, [add()], signal);
			const [before, after] = kind === "add" ? [[], ["v=DKIM1;p=A"]] : [["v=DKIM1;p=A"], []];
			failRefresh();
			const change = kind === "add" ? add() : remove();
			expect(await bench.provider.change(bench.zone, [change], signal)).toMatchObject([{ kind: "unknown" }]);
			expect(bench.store.serves(name)).toEqual(before);
			expect(await bench.provider.list(bench.zone, name, signal)).toEqual(after);
			expect(bench.store.serves(name)).toEqual(after);
		},
	);

	test("that a run left unserved when it died is served by the next one", async () => {
		failRefresh();
		await bench.provider.change(bench.zone, [add()], signal);
		expect(bench.store.serves(name)).toEqual([]);
		const next = createOvh({ http: bench.server.httpFor(ORIGIN), clock: bench.clock });
		expect(await next.list(bench.zone, name, signal)).toEqual(["v=DKIM1;p=A"]);
		expect(bench.store.serves(name)).toEqual(["v=DKIM1;p=A"]);
	});

	test("is not refreshed again for each look", async () => {
		await bench.provider.change(bench.zone, [add()], signal);
		const before = bench.server.calls.length;
		await bench.provider.list(bench.zone, name, signal);
		expect(bench.server.calls.slice(before).filter((call) => call.endsWith("/refresh"))).toEqual([]);
	});

	test("has no record at a name that its filter takes for another", async () => {
		await bench.plant(`s1.xdomainkey.${bench.zone}`, ["of another name"]);
		await bench.plant(name, ["ours"]);
		expect(await bench.provider.list(bench.zone, name, signal)).toEqual(["ours"]);
	});

	test("shows a record of OVH's own type, which is served as TXT too", async () => {
		const zone = bench.store.zone(bench.zone);
		if (zone !== undefined)
			bench.store.add(zone, { name, type: "DKIM", value: "v=DKIM1; p=B", ttlSeconds: 300 });
		expect(await bench.provider.change(bench.zone, [add()], signal)).toEqual([
			{ kind: "occupied", values: ["v=DKIM1; p=B"] },
		]);
	});

	test("is found with a key that may ask for no other", async () => {
		bench.server.faults.push(
			...[`/1.0/domain/zone/${name}`, `/1.0/domain/zone/_domainkey.${bench.zone}`].map((path) => ({
				when: (request: FakeRequest) => request.path === path,
				fault: {
					kind: "answer",
					answer: {
						status: 403,
						body: { errorCode: "NOT_GRANTED_CALL", message: "This call has not been granted" },
					},
				} as const,
			})),
		);
		expect(await bench.provider.findZone(name, signal)).toEqual({ kind: "zone", zone: bench.zone });
		expect(bench.server.faults).toEqual([]);
	});
});

async function startBench(): Promise<HttpBench> {
	return startHttpBench({
		origin: ORIGIN,
		fake: (store) => createOvhFake(store, { seconds: () => SERVER_SECONDS, isSigned }),
		create: createOvh,
		secrets: [SECRETS.secret, SECRETS.consumer],
		hasTwins: true,
		isAtWork: true,
	});
}

function createOvh(tools: Parameters<BenchParts["create"]>[0]) {
	const values = new Map([
		["/app", SECRETS.app],
		["/secret", SECRETS.secret],
		["/consumer", SECRETS.consumer],
	]);
	return createProvider({
		name: "ovh",
		settings: {
			application_key: { file: "/app" },
			application_secret: { file: "/secret" },
			consumer_key: { file: "/consumer" },
			endpoint: "eu",
		},
		secrets: { read: async (reference) => values.get("file" in reference ? reference.file : "") ?? "" },
		...tools,
	});
}

function isSigned({ method, path, query, headers, body }: FakeRequest): boolean {
	const time = Number(headers["x-ovh-timestamp"]);
	if (!(time >= SERVER_SECONDS && time < SERVER_SECONDS + 3_600)) return false;
	const search = [...query].map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
	const url = `${ORIGIN}${path}${search === "" ? "" : `?${search}`}`;
	const text = [SECRETS.secret, SECRETS.consumer, method, url, body, time].join("+");
	return headers["x-ovh-signature"] === `$1$${createHash("sha1").update(text).digest("hex")}`;
}
