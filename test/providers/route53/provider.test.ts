import { expect, test } from "vitest";
import { createProvider } from "../../../providers/route53/provider.ts";
import { describeHttpProvider, type HttpBench } from "../http/describe-http-provider.ts";
import { describeReplay } from "../http/describe-replay.ts";
import { startHttpBench } from "../http/start-bench.ts";
import { createRoute53Fake, fieldsOfXml, prepareRoute53 } from "./fake.ts";

const ID = "AKIATESTTESTTESTTEST";
const SECRET = "route53-secret-of-the-tests";
const NAME = "s._domainkey.example.test";
const ADD = { kind: "add", name: NAME, value: "v=DKIM1;p=", ttlSeconds: 3_600 } as const;
const signal = new AbortController().signal;

describeHttpProvider("route53", async () => startBench(), ["denials", "limits"]);
describeReplay({
	folder: "route53",
	headers: { authorization: `AWS4-HMAC-SHA256 Credential=${ID}/20260101/us-east-1/route53/aws4_request` },
	fake: (store) => createRoute53Fake(store, { accessKeyId: ID, pageSize: 100 }),
	prepare: prepareRoute53,
	read: fieldsOfXml,
});

test("a change is done when all servers have it, and not before", async () => {
	const bench = await startBench({ polls: () => 40 });
	expect(await bench.provider.change(bench.zone, [ADD], signal)).toEqual([{ kind: "done" }]);
	const asked = bench.server.calls.filter((call) => call.startsWith("GET /2013-04-01/change/"));
	expect(asked).toHaveLength(41);
	await bench.stop();
});

test("a domain that the policy leaves out is denied, and no other of its zone", async () => {
	const bench = await startBench({ mayWrite: /^[^.]+\._domainkey\.example\.test$/ });
	const outside = { ...ADD, name: "s._domainkey.news.example.test" };
	expect(await bench.provider.change(bench.zone, [outside, ADD], signal)).toEqual([
		expect.objectContaining({ kind: "refused", denied: true, why: expect.stringContaining("AccessDenied") }),
		{ kind: "done" },
	]);
	expect(bench.store.serves(NAME)).toEqual([ADD.value]);
	expect(bench.store.serves(outside.name)).toEqual([]);
	await bench.stop();
});

test("a change that stays under way is left open", async () => {
	const bench = await startBench({ polls: () => Number.POSITIVE_INFINITY });
	expect(await bench.provider.change(bench.zone, [ADD], signal)).toMatchObject([{ kind: "unknown" }]);
	await bench.stop();
});

test("a private zone is never found, also beside a public one of the same name", async () => {
	const bench = await startBench({ privateZones: ["ZPRIVATE", "ZINSIDE"] });
	bench.store.addZone("inside.test", "ZINSIDE");
	bench.store.addZone("example.test", "ZPRIVATE");
	expect(await bench.provider.findZone("s._domainkey.inside.test", signal)).toMatchObject({ kind: "none" });
	expect(await bench.provider.findZone(NAME, signal)).toEqual({ kind: "zone", zone: "example.test" });
	expect(await bench.provider.change(bench.zone, [ADD], signal)).toEqual([{ kind: "done" }]);
	expect(bench.store.zone("ZPRIVATE")?.records).toEqual([]);
	await bench.stop();
});

test("two public zones of one name are told apart by nobody, also where they stand on two pages", async () => {
	const bench = await startBench();
	for (const id of ["ZA", "ZB", "ZC"]) bench.store.addZone("twice.test", id);
	const found = await bench.provider.findZone("s._domainkey.twice.test", signal);
	expect(found).toEqual({ kind: "ambiguous", zones: ["ZA", "ZB", "ZC"].map((id) => `twice.test (${id})`) });
	await bench.stop();
});

test("a set that somebody changed in between is left as it is", async () => {
	const bench = await startBench();
	await bench.plant(NAME, ["v=DKIM1;p=old"]);
	bench.server.faults.push({
		when: ({ method }) => {
			if (method === "POST")
				for (const record of bench.store.zone(bench.zone)?.records ?? []) record.ttlSeconds = 60;
			return false;
		},
		fault: { kind: "reset" },
	});
	const remove = { kind: "remove", name: NAME, value: "v=DKIM1;p=old" } as const;
	const [result] = await bench.provider.change(bench.zone, [remove], signal);
	expect(result).toMatchObject({
		kind: "refused",
		why: expect.stringContaining("do not match the current values"),
	});
	expect(bench.store.serves(NAME)).toEqual(["v=DKIM1;p=old"]);
	await bench.stop();
});

test("a set with a routing policy is left alone", async () => {
	const bench = await startBench({ routed: [NAME] });
	await bench.plant(NAME, ["v=DKIM1;p=old"]);
	const [result] = await bench.provider.change(bench.zone, [ADD], signal);
	expect(result).toMatchObject({ kind: "refused", why: expect.stringContaining("routing policy") });
	await bench.stop();
});

test.each([
	"Signature expired: 20261101T100000Z is now earlier than 20261101T103000Z (20261101T103500Z - 5 min.)",
	"Signature not yet current: 20261101T120000Z is still later than 20261101T103500Z (20261101T103000Z + 5 min.)",
])("a clock that is off is told as that, not as a credential: %s", async (message) => {
	const bench = await startBench();
	const body = `<ErrorResponse><Error><Type>Sender</Type><Code>SignatureDoesNotMatch</Code><Message>${message}</Message></Error></ErrorResponse>`;
	bench.server.faults.push({ when: () => true, fault: { kind: "answer", answer: { status: 403, body } } });
	await expect(bench.provider.list(bench.zone, NAME, signal)).rejects.toMatchObject({
		code: "provider.refused",
		message: expect.stringContaining("set the clock of this host"),
	});
	await bench.stop();
});

async function startBench(more: Partial<Parameters<typeof createRoute53Fake>[1]> = {}): Promise<HttpBench> {
	const said = (code: string) => ({
		status: 400,
		body: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>no</Message></Error></ErrorResponse>`,
	});
	return startHttpBench({
		origin: "https://route53.amazonaws.com",
		settings: { access_key_id: ID, secret_access_key: { file: "/etc/keyturn/secret" } },
		createProvider,
		fake: (store) => createRoute53Fake(store, { accessKeyId: ID, ...more }),
		secrets: [SECRET],
		hasTwins: true,
		denials: ["ExpiredToken", "InvalidClientTokenId"].map(said),
		limits: ["Throttling", "PriorRequestNotComplete"].map(said),
	});
}
