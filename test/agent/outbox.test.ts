import { expect, test } from "vitest";
import { AgentWorld } from "../fakes/agent-world.ts";
import { policyOf } from "../fakes/policies.ts";
import type { Undelivered } from "../../src/agent/host-state.ts";
import { nextDeliveries, waitingFor } from "../../src/agent/outbox-order.ts";
import { KeyturnError } from "../../src/errors.ts";
import type { KeyturnEvent } from "../../src/ports/alert-sink.ts";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

function waiting(sink: string, notBefore: string): Undelivered {
	return { sink, event: {} as KeyturnEvent, tries: 0, notBefore };
}

const quick = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 } });

/** Four domains that turn in one tick, each of which tells three events. */
async function fourTurns(): Promise<AgentWorld> {
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

test("what several domains have to say goes to the disk together", async () => {
	const domains = Array.from({ length: 24 }, (_, index) => `${index}.example`);
	const world = new AgentWorld(domains.map((domain) => ({ ...quick, domain })));
	await world.tick();
	await world.wish(domains);
	const before = world.hostSaves;
	await world.tick();
	expect(world.events).toHaveLength(3 * domains.length);
	expect(world.hostSaves - before).toBeLessThan((3 * domains.length) / 1.5);
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

/** Refuses what `isRefused` says; gives the ids of all that was tried, and when. */
function refusing(world: AgentWorld, isRefused: (event: KeyturnEvent) => boolean) {
	const tried: { readonly id: string; readonly at: Date }[] = [];
	world.beforeDelivery = (event) => {
		tried.push({ id: event.id, at: world.at });
		if (isRefused(event)) throw new KeyturnError("alert.undelivered", "554 not this one", { retry: true });
	};
	return tried;
}

function countsOf(ids: readonly string[]): readonly number[] {
	return [...new Set(ids)].map((id) => ids.filter((one) => one === id).length);
}

test("one event that is never taken keeps no other waiting for long, and is tried again by itself", async () => {
	const world = await fourTurns();
	const [isFirst, isLast] = ["a.example", "d.example"].map(
		(domain) => (event: KeyturnEvent) => event.event === "published" && event.domains.includes(domain),
	);
	if (isFirst === undefined || isLast === undefined) throw new Error("two domains");
	const tried = refusing(world, isFirst);
	await world.advance(10 * MINUTE_MS);
	expect(world.events).toHaveLength(12);
	expect(world.told("alert_undelivered")).toEqual(["start"]);
	expect(world.events.filter(isLast)).toHaveLength(1);
	await world.advance(24 * HOUR_MS);
	const refused = tried.filter(({ id }) => !world.events.some((event) => event.id === id));
	expect(new Set(refused.map(({ id }) => id)).size).toBe(1);
	expect(refused.length).toBeGreaterThan(20);
	expect(refused.length).toBeLessThan(40);
	expect(new Set(countsOf(world.events.map(({ id }) => id)))).toEqual(new Set([1]));
	expect(world.told("alert_undelivered")).not.toContain("end");
	world.beforeDelivery = () => {};
	await world.advance(HOUR_MS);
	expect(world.events.filter(isFirst)).toHaveLength(1);
	expect(world.told("alert_undelivered").at(-1)).toBe("end");
});

test("several that are never taken do not keep the others waiting", async () => {
	const world = await fourTurns();
	refusing(world, ({ event, domains }) => event === "published" && !domains.includes("d.example"));
	await world.advance(3 * HOUR_MS);
	expect(world.events.filter(({ event }) => event === "published")).toHaveLength(1);
	expect(world.told("verified")).toHaveLength(4);
	expect(world.told("switched")).toHaveLength(4);
});

test("who takes nothing at all is not tried for each event, and gets all of them once it does", async () => {
	const world = await fourTurns();
	const tried = refusing(world, () => true);
	await world.advance(2 * 24 * HOUR_MS);
	const lastDay = tried.filter(({ at }) => world.at.getTime() - at.getTime() < 24 * HOUR_MS);
	expect(lastDay.length).toBeGreaterThan(20);
	expect(lastDay.length).toBeLessThan(60);
	world.beforeDelivery = () => {};
	await world.advance(HOUR_MS);
	expect(new Set(countsOf(world.events.map(({ id }) => id)))).toEqual(new Set([1]));
	for (const event of ["published", "verified", "switched"]) expect(world.told(event)).toHaveLength(4);
	expect(world.told("alert_undelivered").at(0)).toBe("start");
	expect(world.told("alert_undelivered").at(-1)).toBe("end");
});

test("later tellings of a trouble wait for its start, and nobody is woken for them", () => {
	const at = (minute: number) => `2026-11-01T03:0${minute}:00.000Z`;
	const entry = (trouble: string | null, since: string, tries: number, minute: number): Undelivered => ({
		...waiting("web", at(minute)),
		event: { trouble, since } as KeyturnEvent,
		tries,
	});
	const [start, end] = [entry("clock", at(0), 3, 5), entry("clock", at(0), 0, 1)];
	const [again, plain] = [entry("clock", at(9), 0, 2), entry(null, at(0), 0, 3)];
	const outbox = [start, end, again, plain];
	expect(waitingFor({ name: "web" }, outbox)).toEqual({ stuck: [start], live: [again, plain] });
	expect(nextDeliveries({ outbox }, [{ name: "web" }])).toEqual([new Date(at(5)), new Date(at(2))]);
	const hook = { name: "web", hook: "post" } as const;
	expect(waitingFor(hook, outbox)).toEqual({ stuck: [], live: outbox });
	expect(nextDeliveries({ outbox }, [hook])).toEqual([new Date(at(5))]);
});
