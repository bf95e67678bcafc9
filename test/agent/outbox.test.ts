import { expect, test } from "vitest";
import { AgentWorld } from "../fakes/agent-world.ts";
import { policyOf } from "../fakes/policies.ts";
import type { Undelivered } from "../../src/agent/host-state.ts";
import { nextDeliveries } from "../../src/agent/outbox.ts";
import type { KeyturnEvent } from "../../src/ports/alert-sink.ts";

const HOUR_MS = 3_600_000;

function waiting(sink: string, notBefore: string): Undelivered {
	return { sink, event: {} as KeyturnEvent, tries: 0, notBefore };
}

/** Four domains that turn in one tick, each of which tells three events. */
async function fourTurns(): Promise<AgentWorld> {
	const quick = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 } });
	const domains = ["a.example", "b.example", "c.example", "d.example"];
	const world = new AgentWorld(domains.map((domain) => ({ ...quick, domain })));
	await world.wish(domains);
	return world;
}

test("what stands behind an undelivered event wakes nobody before that event does", () => {
	const outbox = [
		waiting("web", "2026-11-01T04:00:00.000Z"),
		waiting("web", "2026-11-01T03:00:00.000Z"),
		waiting("gone", "2026-11-01T01:00:00.000Z"),
	];
	expect(nextDeliveries({ outbox }, [{ name: "web" }, { name: "email" }])).toEqual([
		new Date("2026-11-01T04:00:00.000Z"),
	]);
});

test("a slow sink is left waiting after a while, since the lock is held meanwhile, and the next tick comes at once", async () => {
	const world = await fourTurns();
	world.deliveryMs = 4_000;
	const { nextAt } = await world.tick();
	const underOneLock = world.deliveredUnder.map(
		(lock) => world.deliveredUnder.filter((other) => other === lock).length,
	);
	expect(Math.max(...underOneLock)).toBe(3);
	expect(world.events.length).toBeLessThan(12);
	expect(nextAt?.getTime()).toBeLessThanOrEqual(world.at.getTime());
	for (let ticks = 0; ticks < 10; ticks += 1) await world.tick();
	expect(world.events.map(({ event }) => event).toSorted()).toEqual([
		...Array.from({ length: 4 }, () => "published"),
		...Array.from({ length: 4 }, () => "switched"),
		...Array.from({ length: 4 }, () => "verified"),
	]);
});

test("what a quick sink took is noted together, after the first", async () => {
	const world = await fourTurns();
	const saves: number[] = [];
	world.beforeDelivery = () => void saves.push(world.hostSaves);
	await world.tick();
	const locks = [...new Set(world.deliveredUnder)];
	for (const lock of locks) {
		const [first = 0, ...others] = saves.filter((_, index) => world.deliveredUnder[index] === lock);
		expect(others.length).toBeGreaterThan(2);
		expect(new Set(others)).toEqual(new Set([first + 1]));
	}
	await world.tick();
	expect(world.events).toHaveLength(12);
});

test("a tick that is told to stop notes what was delivered first", async () => {
	const world = await fourTurns();
	const stop = new AbortController();
	world.beforeDelivery = () => {
		if (world.events.length < 7) return;
		stop.abort();
		stop.signal.throwIfAborted();
	};
	await expect(world.tick(stop.signal)).rejects.toThrow("aborted");
	expect(world.events).toHaveLength(7);
	world.beforeDelivery = () => {};
	await world.tick();
	expect(new Set(world.events.map(({ id }) => id)).size).toBe(12);
	expect(world.events).toHaveLength(12);
});

test("who is refused beside others is told as a trouble, to the others too, until all get it; nothing is told twice", async () => {
	const world = await fourTurns();
	world.sinkMisses = "taken, not for alice@example.com: 550 gone";
	await world.advance(3 * HOUR_MS);
	expect(world.events).toHaveLength(13);
	expect(new Set(world.events.map(({ id }) => id)).size).toBe(13);
	const told = world.events.filter(({ event }) => event === "alert_undelivered");
	expect(told).toMatchObject([
		{ phase: "start", summary: "alerts to test do not reach everybody", detail: world.sinkMisses },
	]);
	world.sinkMisses = undefined;
	await world.advance(12 * HOUR_MS);
	expect(world.told("alert_undelivered")).toEqual(["start", "repeat", "end"]);
});
