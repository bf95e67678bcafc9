import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createProvider } from "../../../providers/netcup/provider.ts";
import { describeHttpProvider, type HttpBench } from "../http/describe-http-provider.ts";
import { describeReplay } from "../http/describe-replay.ts";
import { startHttpBench } from "../http/start-http-bench.ts";
import { createNetcupFake, type NetcupFake, prepareNetcup, restoreNetcup } from "./fake.ts";

const ACCOUNT = {
	customer: "12345",
	key: "netcup-key-of-the-tests",
	password: "netcup-password-of-the-tests",
};
const signal = new AbortController().signal;

describeHttpProvider("netcup", async () => (await startBench()).bench, ["denials", "limits"]);
describeReplay({
	folder: "netcup",
	headers: {},
	fake: (store) => createNetcupFake(store, { ...ACCOUNT, isOpen: true }).answer,
	prepare: prepareNetcup,
	body: (_, index, recorded) => restoreNetcup(index, recorded),
});

describe("a zone of netcup", () => {
	let bench: HttpBench;
	beforeEach(async () => {
		({ bench } = await startBench());
	});
	afterEach(async () => bench.stop());

	test("is found though names below it are none that its interface takes", async () => {
		expect(await bench.provider.findZone(`s1._domainkey.${bench.zone}`, signal)).toEqual({
			kind: "zone",
			zone: bench.zone,
		});
	});

	test("is not sought under names with characters that netcup turns callers away for", async () => {
		const asked: string[] = [];
		bench.server.faults.push({
			when: ({ body }) => asked.push(/"domainname":"([^"]*)"/.exec(body)?.[1] ?? "") < 0,
			fault: { kind: "reset" },
		});
		await bench.provider.findZone(`s1._domainkey.mail.${bench.zone}`, signal);
		expect(asked).toEqual([`mail.${bench.zone}`, bench.zone]);
	});

	test("is told as missing where its interface does not reach it, as of a domain on CloudDNS", async () => {
		expect(await bench.provider.findZone("s1._domainkey.cloud.test", signal)).toMatchObject({
			kind: "none",
		});
	});

	test("without records is an empty one: the first record comes into it, and the last one goes", async () => {
		const name = `s1._domainkey.${bench.zone}`;
		expect(await bench.provider.list(bench.zone, name, signal)).toEqual([]);
		const change = { name, value: "v=DKIM1" };
		for (const kind of ["add", "remove"] as const) {
			const asked = kind === "add" ? { ...change, kind, ttlSeconds: 300 } : { ...change, kind };
			expect(await bench.provider.change(bench.zone, [asked], signal)).toEqual([{ kind: "done" }]);
		}
		expect(await bench.provider.list(bench.zone, name, signal)).toEqual([]);
	});

	test.each([5028, 5031])(
		"that its list does not know (%i) is not taken for an empty one",
		async (statuscode) => {
			const body = { action: "infoDnsRecords", status: "error", statuscode, longmessage: "not found" };
			bench.server.faults.push({
				when: (request) => request.body.includes('"infoDnsRecords"'),
				fault: { kind: "answer", answer: { status: 200, body } },
			});
			await expect(bench.provider.list(bench.zone, bench.zone, signal)).rejects.toMatchObject({
				code: "provider.refused",
			});
		},
	);

	test("is none where its own question is told that nothing is there", async () => {
		const body = { action: "infoDnsZone", status: "error", statuscode: 5029, longmessage: "no records" };
		bench.server.faults.push({ when: () => true, fault: { kind: "answer", answer: { status: 200, body } } });
		expect(await bench.provider.findZone(bench.zone, signal)).toMatchObject({ kind: "none" });
	});

	test("with another field that is wrong is none that is missing", async () => {
		const longmessage = "Value in field apisessionid does not match requirements of type: apisessionid. ";
		const body = { action: "", status: "error", statuscode: 4013, longmessage };
		bench.server.faults.push({ when: () => true, fault: { kind: "answer", answer: { status: 200, body } } });
		await expect(bench.provider.findZone(bench.zone, signal)).rejects.toMatchObject({
			code: "provider.refused",
		});
	});
});

describe("a session at netcup", () => {
	let held: HttpBench | null = null;
	afterEach(async () => held?.stop());

	test("that has ended is begun again", async () => {
		const { bench, fake } = await startBench();
		held = bench;
		fake.endSessions();
		const add = { kind: "add", name: `s1.${bench.zone}`, value: "v=DKIM1", ttlSeconds: 300 } as const;
		expect(await bench.provider.change(bench.zone, [add], signal)).toEqual([{ kind: "done" }]);
		expect(bench.store.serves(add.name)).toEqual(["v=DKIM1"]);
	});

	test("writes what changes and nothing else, several changes in one call", async () => {
		const { bench } = await startBench();
		held = bench;
		await bench.plant(`other.${bench.zone}`, ["of somebody else"]);
		const bodies: string[] = [];
		bench.server.faults.push({
			when: ({ body }) => body.includes("updateDnsRecords") && bodies.push(body) < 0,
			fault: { kind: "reset" },
		});
		const adds = ["s1", "s2", "s3"].map(
			(label) =>
				({ kind: "add", name: `${label}.${bench.zone}`, value: "v=DKIM1", ttlSeconds: 300 }) as const,
		);
		expect(await bench.provider.change(bench.zone, adds, signal)).toEqual(adds.map(() => ({ kind: "done" })));
		expect(bodies).toHaveLength(1);
		expect(bodies[0]).not.toContain("of somebody else");
	});
});

interface Started {
	readonly bench: HttpBench;
	readonly fake: NetcupFake;
}

async function startBench(): Promise<Started> {
	const fakes: NetcupFake[] = [];
	const refusal = (statuscode: number, longmessage: string) => ({
		status: 200,
		body: { action: "login", status: "error", statuscode, longmessage },
	});
	const bench = await startHttpBench({
		origin: "https://ccp.netcup.net",
		fake: (store) => {
			const fake = createNetcupFake(store, ACCOUNT);
			fakes.push(fake);
			return fake.answer;
		},
		create: (tools) =>
			createProvider({
				name: "nc",
				settings: {
					customer: ACCOUNT.customer,
					api_key: { file: "/key" },
					api_password: { file: "/password" },
				},
				secrets: {
					read: async (reference) =>
						"file" in reference && reference.file === "/key" ? ACCOUNT.key : ACCOUNT.password,
				},
				...tools,
			}),
		secrets: [ACCOUNT.key, ACCOUNT.password, "session-"],
		isWrite: ({ body }) => body.includes('"updateDnsRecords"'),
		denials: [refusal(4013, "The login has failed.")],
		limits: [refusal(4013, "More than 180 requests per minute. Please wait and retry later.")],
		hasTwins: true,
		hasDomainsOnly: true,
		isAtWork: true,
	});
	const [fake] = fakes;
	if (fake === undefined) throw new Error("no fake was made");
	return { bench, fake };
}
