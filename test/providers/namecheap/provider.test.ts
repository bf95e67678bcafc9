import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { KeyturnError } from "../../../src/errors.ts";
import type { DnsProvider } from "../../../src/ports/dns-provider.ts";
import { createPublisher } from "../../../src/publishing/publisher.ts";
import { createTurns } from "../../../src/publishing/turns.ts";
import { createProvider } from "../../../providers/namecheap/provider.ts";
import { describeHttpProvider, type HttpBench } from "../http/describe-http-provider.ts";
import { describeReplay } from "../http/describe-replay.ts";
import type { FakeRequest } from "../http/fake-server.ts";
import { startHttpBench } from "../http/start-http-bench.ts";
import { createNamecheapFake, prepareNamecheap, readNamecheap } from "./fake.ts";

const ACCOUNT = { user: "keyturn", key: "namecheap-key-of-the-tests", address: "192.0.2.25" };
const signal = new AbortController().signal;

describeHttpProvider("namecheap", async () => (await startBench()).bench, ["denials", "limits"]);
for (const folder of ["namecheap", "namecheap/managed"])
	describeReplay({
		folder,
		headers: {},
		fake: (store) => createNamecheapFake(store, { ...ACCOUNT, isOpen: true }),
		prepare: prepareNamecheap,
		read: readNamecheap,
	});

describe("a zone of Namecheap", () => {
	let started: Started;
	let name: string;
	const add = () => ({ kind: "add", name, value: "v=DKIM1", ttlSeconds: 300 }) as const;
	const is =
		(command: string) =>
		({ body }: FakeRequest) =>
			body.includes(`Command=namecheap.domains.${command}`);
	const list = (hosts: string) => ({
		status: 200,
		body: `<ApiResponse Status="OK"><Errors/><CommandResponse><DomainDNSGetHostsResult Domain="example.test" EmailType="MX" IsUsingOurDNS="true">${hosts}</DomainDNSGetHostsResult></CommandResponse></ApiResponse>`,
	});
	const host = (more: string) =>
		`<host Name="@" Type="A" Address="192.0.2.1" MXPref="10" TTL="300" ${more}/>`;
	beforeEach(async () => {
		started = await startBench();
		name = `s1._domainkey.${started.bench.zone}`;
		const zone = started.bench.store.zone(started.bench.zone);
		if (zone === undefined) throw new Error("the bench has no zone");
		for (const [type, value] of [
			["A", "192.0.2.1"],
			["MX", "mail.example.test."],
		] as const)
			started.bench.store.add(zone, { name: zone.name, type, value, ttlSeconds: 1_800 });
		await started.bench.plant(`other.${zone.name}`, ["of somebody else"]);
	});
	afterEach(async () => started.bench.stop());

	const others = () =>
		started.bench.store
			.zone(started.bench.zone)
			?.records.filter((record) => record.name !== name)
			.map(({ type, value }) => `${type} ${value}`);
	const all = ["A 192.0.2.1", "MX mail.example.test.", "TXT of somebody else"];

	test("keeps every other host, and a copy of what was there", async () => {
		const { bench, kept } = started;
		expect(await bench.provider.change(bench.zone, [add()], signal)).toEqual([{ kind: "done" }]);
		expect(bench.store.serves(name)).toEqual(["v=DKIM1"]);
		expect(others()).toEqual(all);
		expect(kept).toMatchObject([
			["nch", bench.zone, { hosts: [{ type: "A" }, { type: "MX" }, { type: "TXT" }], emailType: "FWD" }],
		]);
		expect(JSON.stringify(kept)).not.toContain(ACCOUNT.key);
		const { value } = add();
		expect(await bench.provider.change(bench.zone, [{ kind: "remove", name, value }], signal)).toEqual([
			{ kind: "done" },
		]);
		expect(bench.store.serves(name)).toEqual([]);
		expect(others()).toEqual(all);
	});

	test("is written as soon as it is read: what others change meanwhile would be lost", async () => {
		const { bench } = started;
		const at: Record<string, number> = {};
		bench.server.faults.push({
			when: ({ body }) => {
				const command = /Command=namecheap\.domains\.(?:dns\.)?(\w+)/.exec(body)?.[1] ?? "";
				if (at["setHosts"] === undefined) at[command] = bench.clock.uptimeMs();
				return false;
			},
			fault: { kind: "reset" },
		});
		expect(await bench.provider.change(bench.zone, [add()], signal)).toEqual([{ kind: "done" }]);
		expect((at["getHosts"] ?? 0) - (at["getInfo"] ?? 0)).toBeGreaterThan(3_000);
		expect((at["setHosts"] ?? 0) - (at["getHosts"] ?? 0)).toBeLessThan(100);
	});

	test("that has had too many calls is left alone for a minute", async () => {
		const { bench } = started;
		const answer = { status: 405, body: "Method Not Allowed" };
		bench.server.faults.push({ when: () => true, fault: { kind: "answer", answer } });
		for (const _ of ["it says so", "it is not asked"])
			await expect(bench.provider.list(bench.zone, name, signal)).rejects.toMatchObject({
				code: "provider.limited",
				retryAfterMs: 60_000,
			});
		expect(bench.server.calls).toHaveLength(1);
	});

	test("is asked no more than 20 times a minute and 700 times an hour", async () => {
		const { bench } = started;
		const calls = 30;
		for (let call = 0; call < calls; call++) await bench.provider.findZone(bench.zone, signal);
		expect(bench.server.calls).toHaveLength(calls);
		const gapMs = bench.clock.uptimeMs() / (calls - 1);
		expect(gapMs).toBeGreaterThan(Math.max(60_000 / 20, 3_600_000 / 700));
	});

	test("is not written where no copy can be kept", async () => {
		const { bench, fault } = started;
		fault.isFull = true;
		expect(await bench.provider.change(bench.zone, [add()], signal)).toMatchObject([
			{ kind: "refused", why: expect.stringContaining("no copy") },
		]);
		expect(bench.store.serves(name)).toEqual([]);
		expect(others()).toEqual(all);
	});

	test("says again how its mail is handled", async () => {
		const { bench } = started;
		const bodies: string[] = [];
		bench.server.faults.push({
			when: (request) => is("dns.setHosts")(request) && bodies.push(request.body) < 0,
			fault: { kind: "reset" },
		});
		await bench.provider.change(bench.zone, [add()], signal);
		expect(bodies).toHaveLength(1);
		expect(bodies[0]).toContain("EmailType=FWD");
	});

	test.each<[string, string]>([
		["that shows fewer hosts than there are", host("")],
		["that is empty", ""],
	])("is not written on a list %s", async (_, hosts) => {
		const { bench } = started;
		bench.server.faults.push({ when: is("dns.getHosts"), fault: { kind: "answer", answer: list(hosts) } });
		expect(await bench.provider.change(bench.zone, [add()], signal)).toMatchObject([
			{ kind: "refused", denied: false, why: expect.stringContaining("has 3 hosts") },
		]);
		expect(others()).toEqual(all);
		expect(bench.store.serves(name)).toEqual([]);
	});

	test.each<[string, string]>([
		["dynamic DNS", 'IsDDNSEnabled="true" IsActive="true"'],
		["a host that is off", 'IsDDNSEnabled="false" IsActive="false"'],
	])("is not written where it has %s, which would be lost", async (_, more) => {
		const { bench } = started;
		const hosts = host(more) + host("") + host("");
		bench.server.faults.push({ when: is("dns.getHosts"), fault: { kind: "answer", answer: list(hosts) } });
		expect(await bench.provider.change(bench.zone, [add()], signal)).toMatchObject([
			{ kind: "refused", why: expect.stringContaining("cannot write back") },
		]);
		expect(others()).toEqual(all);
	});

	/** As somebody else, or a write that lost it. */
	const loseMail = () => {
		const zone = started.bench.store.zone(started.bench.zone);
		const mail = zone?.records.find(({ type }) => type === "MX");
		if (zone !== undefined && mail !== undefined) started.bench.store.remove(zone, mail.id);
	};
	const loss = {
		code: "provider.loss",
		message: expect.stringContaining("no longer shows @ MX mail.example.test."),
		hint: expect.stringContaining("/state/zone-copies/copy.json"),
	};
	/** Holds once a write was seen. */
	const afterWrite = (command: string) => {
		let isWritten = false;
		return (request: FakeRequest) => {
			isWritten ||= is("dns.setHosts")(request);
			return isWritten && is(command)(request);
		};
	};

	test.each<[string, () => HttpBench["server"]["faults"][number]]>([
		["answer is lost", () => ({ when: is("dns.setHosts"), fault: { kind: "reset after commit" } })],
		["result cannot be read", () => ({ when: afterWrite("dns.getHosts"), fault: { kind: "reset" } })],
	])("whose %s is compared by whoever reads it next, and a loss is told for hours", async (_, fault) => {
		const { bench } = started;
		bench.server.faults.push(fault());
		expect(await bench.provider.change(bench.zone, [add()], signal)).toMatchObject([{ kind: "unknown" }]);
		loseMail();
		await expect(bench.provider.list(bench.zone, name, signal)).rejects.toMatchObject(loss);
		const another = { ...add(), name: `s2._domainkey.${bench.zone}` };
		expect(await published(bench).change(bench.zone, [another], signal)).toMatchObject([
			{ kind: "refused", isFinal: true, why: loss.message, hint: loss.hint },
		]);
		await bench.clock.sleep(3 * 3_600_000, signal);
		expect(await bench.provider.list(bench.zone, name, signal)).toEqual(["v=DKIM1"]);
	});

	test("whose answer is lost is read as ever where every host is there", async () => {
		const { bench } = started;
		bench.server.faults.push({ when: is("dns.setHosts"), fault: { kind: "reset after commit" } });
		await bench.provider.change(bench.zone, [add()], signal);
		expect(await bench.provider.list(bench.zone, name, signal)).toEqual(["v=DKIM1"]);
		loseMail();
		expect(await bench.provider.list(bench.zone, name, signal)).toEqual(["v=DKIM1"]);
	});

	test("that was not written has lost nothing, whatever others take out of it afterwards", async () => {
		const { bench } = started;
		bench.server.faults.push({
			when: is("dns.setHosts"),
			fault: { kind: "answer", answer: { status: 405, body: "Method Not Allowed" } },
		});
		expect(await bench.provider.change(bench.zone, [add()], signal)).toMatchObject([{ kind: "refused" }]);
		loseMail();
		await bench.clock.sleep(60_000, signal);
		expect(await bench.provider.list(bench.zone, name, signal)).toEqual([]);
	});

	test("that has lost a host is told, with where its copy is, though the record came to stand", async () => {
		const { bench } = started;
		const publisher = published(bench);
		bench.server.faults.push({
			when: afterWrite("dns.getHosts"),
			fault: { kind: "answer", answer: list(host("")) },
		});
		expect(await publisher.change(bench.zone, [add()], signal)).toMatchObject([
			{
				kind: "refused",
				isFinal: true,
				why: expect.stringContaining("no longer shows @ MX mail.example.test."),
				hint: expect.stringContaining("/state/zone-copies/copy.json"),
			},
		]);
		expect(bench.store.serves(name)).toEqual(["v=DKIM1"]);
	});

	describe("that has an SRV record, which is no host", () => {
		const service = "_imaps._tcp SRV 0 1 993 mail.example.test";
		const zoneOf = () => {
			const zone = started.bench.store.zone(started.bench.zone);
			if (zone === undefined) throw new Error("the bench has no zone");
			return zone;
		};
		const services = () => zoneOf().records.filter(({ type }) => type === "SRV");
		beforeEach(() => {
			const [name = "", type = "", ...value] = service.split(" ");
			const zone = zoneOf();
			started.bench.store.add(zone, {
				name: `${name}.${zone.name}`,
				type,
				value: value.join(" "),
				ttlSeconds: 1_800,
			});
		});
		const loseServices = () => {
			for (const { id } of services()) started.bench.store.remove(zoneOf(), id);
		};

		test("is written where it outlives that, and the copy has it too", async () => {
			const { bench, kept } = started;
			expect(await bench.provider.change(bench.zone, [add()], signal)).toEqual([{ kind: "done" }]);
			expect(services()).toHaveLength(1);
			expect(JSON.stringify(kept)).toContain("0 1 993 mail.example.test");
		});

		test("and loses it when it is written, is told", async () => {
			const { bench } = started;
			const isRead = afterWrite("dns.getHosts");
			const when = (request: FakeRequest) => {
				if (isRead(request)) loseServices();
				return false;
			};
			bench.server.faults.push({ when, fault: { kind: "reset" } });
			expect(await published(bench).change(bench.zone, [add()], signal)).toMatchObject([
				{ kind: "refused", isFinal: true, why: expect.stringContaining(`no longer shows ${service}`) },
			]);
		});

		test("and loses it when a write is not answered, is told by whoever reads it next", async () => {
			const { bench } = started;
			bench.server.faults.push({ when: is("dns.setHosts"), fault: { kind: "reset after commit" } });
			expect(await bench.provider.change(bench.zone, [add()], signal)).toMatchObject([{ kind: "unknown" }]);
			loseServices();
			await expect(bench.provider.list(bench.zone, name, signal)).rejects.toMatchObject({
				code: "provider.loss",
				message: expect.stringContaining(`no longer shows ${service}`),
			});
		});

		/** Each time it is asked for. */
		const tellLate = (meanwhile: () => void) => {
			const { bench } = started;
			const isAsked = is("dns.getsrvrecords");
			const when = (request: FakeRequest) => {
				if (!isAsked(request)) return false;
				void bench.clock.sleep(20_000, signal);
				meanwhile();
				return false;
			};
			bench.server.faults.push({ when, fault: { kind: "reset" } });
		};

		test("is not written where that is told late, and the hosts have changed meanwhile", async () => {
			const { bench } = started;
			tellLate(loseMail);
			expect(await bench.provider.change(bench.zone, [add()], signal)).toMatchObject([
				{ kind: "refused", why: expect.stringContaining("changed while it told its SRV records") },
			]);
			expect(bench.store.serves(name)).toEqual([]);
		});

		test("is written however late that is told, where the hosts have not", async () => {
			const { bench } = started;
			tellLate(() => {});
			expect(await bench.provider.change(bench.zone, [add()], signal)).toEqual([{ kind: "done" }]);
			expect(services()).toHaveLength(1);
		});

		test.each<[string, { readonly status: number; readonly body: string }]>([
			["refuses", { status: 200, body: REFUSED }],
			["fails at", { status: 500, body: "no" }],
			[
				"answers otherwise to",
				{ status: 200, body: '<ApiResponse Status="OK"><CommandResponse/></ApiResponse>' },
			],
		])("is written as before where the interface %s the question for it", async (_, answer) => {
			const { bench } = started;
			bench.server.faults.push({ when: is("dns.getsrvrecords"), fault: { kind: "answer", answer } });
			expect(await bench.provider.change(bench.zone, [add()], signal)).toEqual([{ kind: "done" }]);
			expect(bench.server.faults).toEqual([]);
		});
	});
});

const REFUSED =
	'<ApiResponse Status="ERROR"><Errors><Error Number="1010104">Parameter Command is invalid</Error></Errors></ApiResponse>';

function published({ provider, clock }: HttpBench): DnsProvider {
	return createPublisher({
		provider,
		turns: createTurns(),
		clock,
		random: { bytes: (count) => new Uint8Array(count), id: () => "0".repeat(32) },
		log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
	});
}

interface Started {
	readonly bench: HttpBench;
	/** The copies of zones. */
	readonly kept: readonly unknown[];
	/** Whether a copy can be kept. */
	readonly fault: { isFull: boolean };
}

async function startBench(): Promise<Started> {
	const kept: unknown[] = [];
	const fault = { isFull: false };
	const refusal = (number: string) => ({
		status: 200,
		body: `<ApiResponse Status="ERROR"><Errors><Error Number="${number}">no</Error></Errors></ApiResponse>`,
	});
	const bench = await startHttpBench({
		origin: "https://api.namecheap.com",
		fake: (store) => createNamecheapFake(store, ACCOUNT),
		create: (tools) =>
			createProvider({
				name: "nch",
				settings: { user: ACCOUNT.user, api_key: { file: "/key" }, client_ip: ACCOUNT.address },
				secrets: { read: async () => ACCOUNT.key },
				copies: {
					keep: async (...copy) => {
						if (fault.isFull) throw new KeyturnError("provider.refused", "nch: no copy could be kept");
						kept.push(copy);
						return "/state/zone-copies/copy.json";
					},
				},
				...tools,
			}),
		secrets: [ACCOUNT.key],
		isWrite: ({ body }) => body.includes("setHosts"),
		denials: [refusal("1011102"), refusal("1011150"), refusal("1017103")],
		limits: [{ status: 405, body: "Method Not Allowed" }, refusal("500000"), refusal("1017411")],
		hasTwins: true,
	});
	return { bench, kept, fault };
}
