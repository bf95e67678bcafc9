import { describe, expect, it } from "vitest";
import type { DoorRequest } from "../../src/ports/door.ts";
import { keyOf } from "../../src/rotation/domain-state.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { policyOf, scheduleOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const quick = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 } });
const NAMES = ["b.example", "a.example", "c.example"];

function sharedWorld(policies = NAMES.map((domain) => ({ ...quick, domain }))): AgentWorld {
	const world = new AgentWorld(policies);
	world.shareKey(NAMES);
	return world;
}

function staged(world: AgentWorld): readonly (readonly string[])[] {
	return world.doorRequests
		.filter((request): request is Extract<DoorRequest, { act: "stage" }> => request.act === "stage")
		.map(({ changes }) => changes.map(({ domain, to }) => `${domain} ${to?.selector}`));
}

async function keysOf(world: AgentWorld, selector: string) {
	const states = await Promise.all(NAMES.map(async (domain) => world.state(domain)));
	return states.map((state) => keyOf(state, selector));
}

describe("domains that sign with one key", () => {
	it("turn to one key, each with its own record, in one switch", async () => {
		const world = sharedWorld();
		await world.wish(["a.example"]);
		await world.advance(5 * MINUTE_MS);
		const keys = await keysOf(world, "202611");
		expect(keys.map((key) => key?.state)).toEqual(["active", "active", "active"]);
		expect(new Set(keys.map((key) => key?.publicKey)).size).toBe(1);
		expect(keys[0]?.sharedWith).toEqual(["a.example", "c.example"]);
		for (const [index, domain] of NAMES.entries())
			expect(world.zone.get(`202611._domainkey.${domain}`)).toEqual([keys[index]?.record.value]);
		expect(staged(world)).toEqual([NAMES.map((domain) => `${domain} 202611`)]);
		expect(world.copies).toEqual([]);
	});

	it("are due when the first of them is, and none is called overdue by a date of its own", async () => {
		const spread = { ...quick, spreadMs: 6 * 3_600_000 };
		const world = sharedWorld(NAMES.toReversed().map((domain) => ({ ...spread, domain })));
		await world.advance(12 * DAY_MS);
		expect((await keysOf(world, "202612")).map((key) => key?.state)).toEqual(["active", "active", "active"]);
		expect(world.told("key_overdue")).toEqual([]);
	});

	it.each(["the door gives no answer", "their signer cannot be read"])(
		"go back together, though it was asked for while %s",
		async (why) => {
			const world = sharedWorld();
			await world.wish(["a.example"]);
			await world.advance(5 * MINUTE_MS);
			world.restart();
			const lines = world.lines.slice();
			if (why === "their signer cannot be read") {
				world.signerProblem = "opendkim.conf: EIO";
				world.signNothing();
			} else
				world.refuse = ({ act }) =>
					act === "inspect"
						? { act: "refused", why: "failed", domains: [], message: "no", hint: null }
						: null;
			await world.ask({ kind: "rollback", domains: ["a.example"] }, "back");
			await world.advance(30 * MINUTE_MS);
			world.refuse = null;
			world.signerProblem = null;
			world.lines.splice(0, Infinity, ...lines);
			await world.advance(2 * 60 * MINUTE_MS);
			expect((await keysOf(world, "202610")).map((key) => key?.state)).toEqual([
				"active",
				"active",
				"active",
			]);
			expect(await world.store.wishes()).toEqual([]);
		},
	);

	it("turn together in place of a way back, though the new key was asked for while the door gave no answer", async () => {
		const world = sharedWorld();
		await world.wish(["a.example"]);
		await world.advance(5 * MINUTE_MS);
		world.pass(MINUTE_MS);
		world.verdict = (selector) => (selector === "202610" ? "unknown" : "right");
		await world.ask({ kind: "rollback", domains: ["a.example"] }, "back");
		await world.advance(5 * MINUTE_MS);
		world.restart();
		world.refuse = ({ act }) =>
			act === "inspect" ? { act: "refused", why: "failed", domains: [], message: "no", hint: null } : null;
		await world.ask({ kind: "rotate", domains: ["a.example"], noSoak: false }, "new");
		await world.advance(30 * MINUTE_MS);
		world.refuse = null;
		world.verdict = () => "right";
		await world.advance(2 * 60 * MINUTE_MS);
		expect((await keysOf(world, "202611b")).map((key) => key?.state)).toEqual(["active", "active", "active"]);
	});

	it("wait for the one whose record is not verified yet, and say for whom", async () => {
		const world = sharedWorld();
		let isLate = true;
		world.report = (_selector, domain) =>
			domain === "c.example" && isLate
				? { verdict: "absent", servers: [], resolvers: [] }
				: { verdict: "right", servers: [RIGHT(world)], resolvers: [] };
		await world.wish(["a.example"]);
		await world.advance(30 * MINUTE_MS);
		expect((await keysOf(world, "202611")).map((key) => key?.state)).toEqual([
			"verified",
			"verified",
			"published",
		]);
		const { domains } = await world.tick();
		expect(domains.find(({ domain }) => domain === "a.example")?.waits).toContainEqual(
			expect.objectContaining({ reason: "c.example turns together with a.example, and is not ready" }),
		);
		expect(world.requested("stage")).toBe(0);
		isLate = false;
		await world.advance(2 * 60 * MINUTE_MS);
		expect((await keysOf(world, "202611")).map((key) => key?.state)).toEqual(["active", "active", "active"]);
		expect(world.requested("commit")).toBe(1);
	});

	it("all stay when the record of one is gone at the last look", async () => {
		const world = sharedWorld();
		world.report = (selector, domain) =>
			domain === "b.example" && selector === "202611" && world.requested("stage") > 0
				? { verdict: "absent", servers: [], resolvers: [] }
				: { verdict: "right", servers: [RIGHT(world)], resolvers: [] };
		await world.wish(["a.example"]);
		await world.advance(30 * MINUTE_MS);
		expect(world.requested("stage")).toBe(1);
		expect(world.requested("commit")).toBe(0);
		expect((await keysOf(world, "202611")).map((key) => key?.state)).toEqual([
			"published",
			"verified",
			"verified",
		]);
	});

	it("turn at the due date of whoever stands first in keyturn.yaml, be their own another", async () => {
		const world = sharedWorld(
			NAMES.map((domain, index) => ({
				...quick,
				domain,
				schedule: scheduleOf(index === 0 ? "0 3 1 * *" : `0 ${index} 15 * *`),
				selector: { kind: "template", template: index === 0 ? "k{yyyy}{mm}" : "other" },
			})),
		);
		await world.advance(9 * DAY_MS);
		expect((await keysOf(world, "k202612")).map((key) => key?.state)).toEqual(["active", "active", "active"]);
		expect(staged(world)).toHaveLength(1);
	});

	it("take another name where that of the key is taken at one of them", async () => {
		const world = sharedWorld();
		world.zone.set("202611._domainkey.c.example", ["v=DKIM1; p=somebody"]);
		await world.wish(["a.example"]);
		await world.advance(5 * MINUTE_MS);
		expect((await keysOf(world, "202611b")).map((key) => key?.state)).toEqual(["active", "active", "active"]);
		expect(await keysOf(world, "202611")).toEqual([null, null, null]);
	});

	it("all give the key up when something else came to its name at one of them", async () => {
		const world = sharedWorld();
		world.change = ({ name }) =>
			name === "202611._domainkey.c.example" ? { kind: "occupied", values: [] } : { kind: "done" };
		await world.wish(["a.example"]);
		await world.advance(20 * MINUTE_MS);
		expect((await keysOf(world, "202611b")).map((key) => key?.state)).toEqual(["active", "active", "active"]);
		expect((await keysOf(world, "202611")).map((key) => key?.state)).not.toContain("active");
		expect(staged(world)).toEqual([NAMES.map((domain) => `${domain} 202611b`)]);
	});

	it("take the key that one of them has made already, though their own dates do not say so", async () => {
		const world = sharedWorld();
		await world.tick();
		// Who else turns is not known when it is asked for.
		world.restart();
		world.refuse = ({ act }) =>
			act === "inspect"
				? { act: "refused", why: "failed", domains: [], message: "not now", hint: null }
				: null;
		await world.wish(["a.example"]);
		await world.tick();
		world.refuse = null;
		await world.advance(30 * MINUTE_MS);
		const keys = await keysOf(world, "202611");
		expect(keys.map((key) => key?.state)).toEqual(["active", "active", "active"]);
		expect(new Set(keys.map((key) => key?.publicKey)).size).toBe(1);
	});

	it.each(["a.example", "c.example"])("go back together, or not at all where %s cannot", async (stays) => {
		const world = sharedWorld();
		await world.wish(["a.example"]);
		await world.advance(5 * MINUTE_MS);
		await world.ask({ kind: "rollback", domains: ["c.example"] }, "w2");
		await world.advance(5 * MINUTE_MS);
		expect((await keysOf(world, "202610")).map((key) => key?.state)).toEqual(["active", "active", "active"]);
		expect(staged(world)).toHaveLength(2);
		await world.wish(NAMES, "w3");
		await world.advance(DAY_MS + 5 * MINUTE_MS);
		world.report = (_selector, domain) =>
			domain === stays
				? { verdict: "absent", servers: [], resolvers: [] }
				: { verdict: "right", servers: [RIGHT(world)], resolvers: [] };
		const before = staged(world).length;
		await world.ask({ kind: "rollback", domains: ["a.example"] }, "w4");
		await world.advance(30 * MINUTE_MS);
		expect(staged(world)).toHaveLength(before);
		// Not even on its way back, to be given up a moment later.
		expect(world.told("given_up")).toEqual([]);
		for (const domain of NAMES) {
			const { wants, keys } = await world.state(domain);
			expect(wants.rollback).toBeNull();
			expect(keys.filter(({ state }) => state === "verified")).toEqual([]);
		}
	});

	it.each([[["a.example"]], [["c.example"]], [[]]])(
		"stay where they are where the key to go back to is lost, as the door says of %j",
		async (named) => {
			const world = sharedWorld();
			await world.wish(["a.example"]);
			await world.advance(5 * MINUTE_MS);
			world.refuse = ({ act }) =>
				act === "stage"
					? { act: "refused", why: "invalid", domains: named, message: "no key is here", hint: null }
					: null;
			await world.ask({ kind: "rollback", domains: ["b.example"] }, "w2");
			await world.advance(2 * 60 * MINUTE_MS);
			expect(staged(world)).toHaveLength(2);
			expect((await keysOf(world, "202610")).map((key) => key?.state)).toEqual(NAMES.map(() => "retiring"));
			for (const domain of NAMES) {
				const { wants, keys } = await world.state(domain);
				expect(wants.rollback).toBeNull();
				expect(keys.map(({ owes }) => owes)).toEqual([null, null]);
			}
		},
	);

	it("are all rid of a key that was compromised at one", async () => {
		const world = sharedWorld();
		await world.tick();
		await world.ask(
			{
				kind: "revoke",
				domains: ["a.example"],
				selector: "202610",
				noSoak: false,
				unsigned: false,
				useStandby: false,
			},
			"w2",
		);
		await world.advance(30 * MINUTE_MS);
		expect((await keysOf(world, "202610")).map((key) => key?.state)).toEqual([
			"revoked",
			"revoked",
			"revoked",
		]);
		expect((await keysOf(world, "202611")).map((key) => key?.state)).toEqual(["active", "active", "active"]);
	});

	it("get no key while the state of one cannot be read", async () => {
		const world = sharedWorld();
		await world.tick();
		await world.damage("domains/c.example");
		world.restart();
		await world.wish(["a.example"]);
		const { domains } = await world.tick();
		await world.advance(30 * MINUTE_MS);
		expect(world.changes).toEqual([]);
		expect(domains.find(({ domain }) => domain === "a.example")?.waits[0]?.reason).toContain(
			"c.example turns together with a.example",
		);
	});

	it("get no key while their line signs for somebody whom nobody has configured", async () => {
		const world = sharedWorld();
		await world.tick();
		for (const [index, line] of world.lines.entries())
			world.lines[index] = { ...line, problem: "its line all also signs for d.example" };
		world.restart();
		await world.wish(["a.example"]);
		const { domains } = await world.tick();
		expect(domains[1]?.waits[0]?.reason).toBe(
			"no new key in place of 202610: its line all also signs for d.example",
		);
		expect(world.changes).toEqual([]);
		expect(world.told("drift_detected")).not.toEqual([]);
	});
});

function RIGHT(world: AgentWorld) {
	return {
		server: "ns1.example.net",
		address: "192.0.2.1",
		outcome: "right" as const,
		sentence: "ns1: right",
		at: world.at.toISOString(),
		serial: 1,
		ttlSeconds: 60,
		txtRecords: 1,
		chunks: [],
		signed: null,
	};
}
