import { describe, expect, it } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import type { ChangeResult, ZoneChange } from "../../src/ports/dns-provider.ts";
import type { ServerOutcome, ServerReport } from "../../src/ports/propagation.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { policyOf, scheduleOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const quick = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 } });
const TROUBLES: ReadonlySet<string> = new Set(["retire_failed", "provider_denied", "publish_failed"]);
const two = ["example.com", "example.org"].map((domain) => ({ ...quick, domain }));

describe("a trouble", () => {
	it("of the key in use is over when another signs", async () => {
		const world = new AgentWorld();
		world.verdict = (selector) => (selector === "202610" ? "absent" : "right");
		await world.tick();
		expect(world.told("verification_failed")).toEqual(["start"]);
		await world.wish(["example.com"]);
		await world.advance(MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(world.told("verification_failed")).toEqual(["start", "end"]);
	});

	it("of a domain is over when it is configured no more", async () => {
		const world = new AgentWorld(two);
		world.verdict = () => "absent";
		await world.tick();
		expect(world.told("verification_failed")).toEqual(["start", "start"]);
		world.reconfigure(two.slice(0, 1));
		await world.tick();
		expect(world.told("verification_failed")).toEqual(["start", "start", "end"]);
	});

	it("of a provider is over for a domain that has another", async () => {
		const world = new AgentWorld();
		world.change = () => ({ kind: "refused", denied: true, why: "403", hint: null });
		await world.wish(["example.com"]);
		await world.tick();
		expect(world.told("provider_denied")).toEqual(["start"]);
		world.reconfigure([{ ...quick, providers: ["other"] }], "other");
		await world.tick();
		expect(world.told("provider_denied")).toEqual(["start", "end"]);
	});

	it("of a damaged host document is over once the new one holds", async () => {
		const world = new AgentWorld();
		await world.tick();
		await world.damage("host");
		await world.tick();
		await world.tick();
		expect(world.told("state_damaged")).toEqual(["start", "end"]);
	});

	it("that every slot of a daily schedule is missed starts a day after the first, and lasts", {
		timeout: 30_000,
	}, async () => {
		const world = new AgentWorld([{ ...quick, schedule: scheduleOf("0 3 * * *") }]);
		world.verdict = (selector) => (selector === "202610" ? "right" : "absent");
		await world.advance(4 * DAY_MS);
		expect(world.told("key_overdue")[0]).toBe("start");
		expect(world.told("key_overdue")).not.toContain("end");
	});
});

function silent(): ChangeResult {
	throw new KeyturnError("provider.unreachable", "home: no answer", { retry: true });
}

function denying(): ChangeResult {
	return { kind: "refused", denied: true, why: "403", hint: null };
}

it("of a turn that is overdue is none where the domain is leaving, and its key cannot be taken out", async () => {
	const world = new AgentWorld([{ ...quick, schedule: scheduleOf("0 3 * * *") }]);
	await world.tick();
	world.refuse = (request) =>
		request.act === "stage"
			? { act: "refused", why: "preflight", domains: [], message: "nothing is staged", hint: null }
			: null;
	await world.ask({ kind: "remove", domains: ["example.com"] }, "w1");
	await world.advance(4 * DAY_MS);
	expect(await world.states()).toMatchObject({ "202610": "active" });
	expect(world.told("swap_failed")[0]).toBe("start");
	expect(world.told("key_overdue")).toEqual([]);
});

describe("a trouble of an old record", () => {
	const turning = {
		...quick,
		jitterMs: 0,
		retire: { ...quick.retire, graceMs: DAY_MS, adopted: true },
	};

	/** 202611 was made and has signed; its record is still to go. */
	async function retiringWorld(retire: Partial<typeof quick.retire> = {}): Promise<AgentWorld> {
		const world = new AgentWorld([{ ...turning, retire: { ...turning.retire, ...retire } }]);
		await world.wish(["example.com"], "w1");
		await world.advance(MINUTE_MS);
		await world.wish(["example.com"], "w2");
		await world.advance(MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "retiring", "202611b": "active" });
		return world;
	}

	function toldOf(world: AgentWorld, selector: string): readonly (string | null)[] {
		return world.events
			.filter((one) => one.event === "retire_failed" && one.selector === selector && one.phase !== "repeat")
			.map(({ phase }) => phase);
	}

	it.each([null, "/srv/keys"])(
		"is over with the record, even where the process gets no further (publish_private: %s)",
		async (publishPrivate) => {
			const world = await retiringWorld({ publishPrivate });
			world.change = refusing("remove");
			await world.advance(2 * DAY_MS);
			expect(toldOf(world, "202611")).toEqual(["start"]);
			world.change = null;
			world.failRemove = true;
			await world.advance(120 * MINUTE_MS);
			world.restart();
			await world.tick();
			expect(await world.states()).toMatchObject({ "202611": "retired" });
			expect(toldOf(world, "202611")).toEqual(["start", "end"]);
		},
	);

	it.each([
		["retire_failed", "remove home", silent],
		["provider_denied", "denied home", denying],
	])("is one for all domains of a provider that takes nothing away (%s)", async (event, cause, fault) => {
		const world = new AgentWorld(two.map(({ domain }) => ({ ...turning, domain })));
		await world.wish(["example.com", "example.org"], "w1");
		await world.advance(MINUTE_MS);
		world.change = (change) => (change.kind === "remove" ? fault() : { kind: "done" });
		await world.advance(2 * DAY_MS);
		const told = (): readonly unknown[] =>
			world.events
				.filter(({ event, phase }) => TROUBLES.has(event) && phase !== "repeat")
				.map(({ event, phase, trouble, domains }) => [event, phase, trouble, domains]);
		const both = ["example.com", "example.org"];
		expect(told()).toEqual([[event, "start", cause, both]]);
		world.restart();
		await world.tick();
		expect(told()).toHaveLength(1);
		world.change = null;
		await world.advance(120 * MINUTE_MS);
		for (const domain of both) expect(await world.states(domain)).toMatchObject({ "202610": "retired" });
		expect(told().slice(1)).toEqual([[event, "end", cause, both]]);
	});

	it("is over when its private half is to be published no more", async () => {
		const world = await retiringWorld({ publishPrivate: "/srv/keys" });
		world.verdict = (selector) => (selector === "202611" ? "unknown" : "right");
		await world.advance(12 * DAY_MS);
		expect(toldOf(world, "202611")).toEqual(["start"]);
		world.reconfigure([turning]);
		await world.tick();
		expect(toldOf(world, "202611")).toEqual(["start", "end"]);
	});

	it("lasts while an empty record cannot be removed", async () => {
		const world = await retiringWorld({ tombstoneMs: DAY_MS });
		world.change = refusing("remove");
		await world.advance(4 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "revoked" });
		expect(toldOf(world, "202611")).toEqual(["start"]);
		world.change = null;
		await world.advance(120 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "retired" });
		expect(toldOf(world, "202611")).toEqual(["start", "end"]);
	});

	it("is over with the emptied record, even where the process gets no further", async () => {
		const world = await retiringWorld({ tombstoneMs: 5 * DAY_MS });
		world.change = refusing("replace");
		await world.advance(2 * DAY_MS);
		expect(toldOf(world, "202611")).toEqual(["start"]);
		world.change = null;
		world.failRemove = true;
		await world.advance(120 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "revoked" });
		expect(toldOf(world, "202611")).toEqual(["start", "end"]);
	});

	function refusing(kind: ZoneChange["kind"]): NonNullable<AgentWorld["change"]> {
		return (change) =>
			change.kind === kind ? { kind: "refused", denied: false, why: "500", hint: null } : { kind: "done" };
	}
});

describe("a server that fails many domains and keys", () => {
	/** What ns1 and ns2 say. */
	function worldWith(ns1: ServerOutcome, ns2: ServerOutcome): AgentWorld {
		const world = new AgentWorld(two);
		answer(world, ns1, ns2);
		return world;
	}

	function answer(world: AgentWorld, ns1: ServerOutcome, ns2: ServerOutcome): void {
		const outcomes = [ns1, ns2];
		const verdict = outcomes.every((one) => one === "right")
			? "right"
			: outcomes.includes("absent_name")
				? "absent"
				: outcomes.includes("wrong_key")
					? "wrong"
					: "unknown";
		world.report = (_selector, domain) => ({
			verdict,
			servers: [reportOf(`ns1.${domain}`, ns1), reportOf(`ns2.${domain}`, ns2)],
			resolvers: [],
		});
	}

	/** Each zone has names of its own for them. */
	const ADDRESSES: Readonly<Record<string, string>> = { ns1: "192.0.2.1", ns2: "192.0.2.2" };

	function reportOf(server: string, outcome: ServerOutcome): ServerReport {
		const sentence = `${server}: ${outcome}`;
		const rest = {
			address: ADDRESSES[server.slice(0, 3)] ?? server,
			at: "2026-11-22T12:00:00.000Z",
			serial: 1,
			ttlSeconds: 60,
		};
		return { server, outcome, sentence, ...rest, txtRecords: 1, chunks: [], signed: null };
	}

	function troublesOf(world: AgentWorld) {
		return world.events
			.filter(({ event, phase }) => event === "verification_failed" && phase !== "repeat")
			.map(({ phase, trouble, domains }) => `${phase} ${trouble}: ${domains.join(" ")}`);
	}

	it.each(["timeout", "servfail", "absent_name"] as const)("is one trouble (%s)", async (outcome) => {
		const world = worldWith("right", outcome);
		await world.wish(["example.com", "example.org"]);
		await world.advance(1.2 * DAY_MS);
		expect(troublesOf(world)).toEqual(["start server 192.0.2.2: example.com example.org"]);
		expect(world.events.find(({ event }) => event === "verification_failed")).toMatchObject({
			trouble: "server 192.0.2.2",
			selector: null,
			summary: "the name server 192.0.2.2 does not serve key records that it has to serve",
			detail: `ns2.example.com: ${outcome}`,
		});
		answer(world, "right", "right");
		await world.advance(DAY_MS);
		expect(troublesOf(world).slice(1)).toEqual(["end server 192.0.2.2: example.com example.org"]);
	});

	it("may be a resolver", async () => {
		const world = new AgentWorld(two);
		const [servers, resolvers] = [[reportOf("ns1", "right")], [reportOf("192.0.2.53", "servfail")]];
		world.report = () => ({ verdict: "unknown", servers, resolvers });
		await world.advance(DAY_MS / 4);
		expect(world.events.map(({ summary }) => summary)).toContain(
			"the resolver 192.0.2.53 does not serve key records that it has to serve",
		);
	});

	it("lasts while it fails one of them", async () => {
		const world = worldWith("right", "timeout");
		await world.advance(DAY_MS / 4);
		expect(troublesOf(world)).toHaveLength(1);
		const { report } = world;
		const right = [reportOf("ns1", "right"), reportOf("ns2", "right")];
		world.signWith("example.org", "other");
		world.report = (selector, domain) =>
			selector === "other"
				? { verdict: "right", servers: right, resolvers: [] }
				: (report?.(selector, domain) as never);
		await world.advance(DAY_MS);
		expect(troublesOf(world)).toHaveLength(1);
		world.reconfigure(two.slice(1));
		await world.tick();
		expect(troublesOf(world).slice(1)).toEqual(["end server 192.0.2.2: example.com example.org"]);
	});

	it("stays told by a process that has not looked yet", async () => {
		const world = worldWith("right", "timeout");
		await world.advance(DAY_MS / 4);
		world.restart();
		await world.advance(DAY_MS / 4);
		expect(troublesOf(world)).toHaveLength(1);
	});

	it.each([
		["wrong_key", "timeout"],
		["absent_name", "timeout"],
		["absent_name", "absent_name"],
		["right", "wrong_key"],
	] as const)("is not blamed where the record is at fault (%s, %s)", async (ns1, ns2) => {
		const world = worldWith(ns1, ns2);
		await world.tick();
		expect(troublesOf(world)).toEqual([
			"start verify example.com 202610: example.com",
			"start verify example.org 202610: example.org",
		]);
	});

	it("is blamed in place of the record once another serves it", async () => {
		const world = worldWith("absent_name", "absent_name");
		await world.tick();
		answer(world, "right", "absent_name");
		await world.advance(DAY_MS / 24);
		expect(troublesOf(world).toSorted()).toEqual([
			"end verify example.com 202610: example.com",
			"end verify example.org 202610: example.org",
			"start server 192.0.2.2: example.com example.org",
			"start verify example.com 202610: example.com",
			"start verify example.org 202610: example.org",
		]);
	});
});
