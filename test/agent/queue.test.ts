import { describe, expect, it } from "vitest";
import { keyOf } from "../../src/rotation/domain-state.ts";
import { outlook } from "../../src/report/outlook.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { policyOf } from "../fakes/policies.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const policy = policyOf({
	publishAheadMs: 0,
	verify: { ...policyOf().verify, soakMs: 0 },
	retire: { ...policyOf().retire, graceMs: 2 * DAY_MS, adopted: true },
});

function queueOf(ids: Readonly<Record<string, string>>, isComplete = true) {
	const waiting = Object.entries(ids).map(([id, arrivedAt]) => ({ id, arrivedAt }));
	return { lifetimeSeconds: 5 * 86_400, waiting, isComplete };
}

/** 202610 was turned on 2026-11-22 at noon. */
async function turnedWorld(changes: Partial<typeof policy> = {}): Promise<AgentWorld> {
	const world = new AgentWorld([{ ...policy, ...changes }]);
	await world.tick();
	await world.wish(["example.com"], "turn");
	await world.advance(60_000);
	return world;
}

async function retiredAfterDays(world: AgentWorld): Promise<number> {
	const from = world.at.getTime();
	while ((await world.states())["202610"] === "retiring") {
		if (world.at.getTime() > from + 40 * DAY_MS) throw new Error("it is never removed");
		await world.advance(6 * HOUR_MS);
	}
	return (world.at.getTime() - from) / DAY_MS;
}

describe("grace", () => {
	it("is as configured where the mail server has no queue that can be asked", async () => {
		expect(await retiredAfterDays(await turnedWorld())).toBeCloseTo(2, 0);
	});

	it("is never shorter than mail may wait in the queue, and the TTL", async () => {
		const world = await turnedWorld();
		world.queue = queueOf({});
		const days = await retiredAfterDays(world);
		expect(days).toBeGreaterThan(5);
		expect(days).toBeLessThan(6);
	});

	it("goes on while mail that may be signed with the key waits, and status says why", async () => {
		const world = await turnedWorld();
		world.queue = queueOf({ "4A1": "2026-11-22T11:00:00.000Z", "4A2": "2026-11-22T13:00:00.000Z" });
		await world.advance(7 * DAY_MS);
		const state = await world.state();
		const planned = outlook(state, policy, { now: world.at, steadySince: null });
		const reasons = planned.kind === "wait" ? planned.waits.map((wait) => wait.reason).join() : planned.kind;
		expect(reasons).toMatch(/waits in the queue \(4A1\); the record goes on 2026-12-02T/);
		world.queue = queueOf({ "4A2": "2026-11-22T13:00:00.000Z" });
		await world.advance(2 * HOUR_MS);
		expect(await world.states()).toMatchObject({ "202610": "retired" });
		expect(world.events.find((event) => event.event === "retired")?.detail).toBeNull();
	});

	it("goes on for one lifetime of the queue at most, then names the messages that may fail", async () => {
		const world = await turnedWorld();
		world.queue = queueOf({ "4A1": "2026-11-22T11:00:00.000Z" });
		const days = await retiredAfterDays(world);
		expect(days).toBeGreaterThan(10);
		expect(days).toBeLessThan(11);
		expect(world.events.find((event) => event.event === "retired")?.detail).toContain("4A1");
	});

	it("goes on as long where the queue is too long to be read", async () => {
		const world = await turnedWorld();
		world.queue = queueOf({}, false);
		expect(await retiredAfterDays(world)).toBeGreaterThan(10);
	});

	it("holds a tombstone back too, but no revocation", async () => {
		const world = await turnedWorld({ retire: { ...policy.retire, tombstoneMs: DAY_MS } });
		world.queue = queueOf({ "4A1": "2026-11-22T11:00:00.000Z" });
		await world.advance(7 * DAY_MS);
		expect(keyOf(await world.state(), "202610")?.state).toBe("retiring");
		await world.ask({
			kind: "revoke",
			domains: ["example.com"],
			selector: "202610",
			noSoak: false,
			unsigned: false,
			useStandby: false,
		});
		await world.advance(60_000);
		expect(keyOf(await world.state(), "202610")?.state).toBe("revoked");
	});
});
