import { expect, test } from "vitest";
import { AgentWorld } from "../fakes/agent-world.ts";
import { policyOf, scheduleOf } from "../fakes/policies.ts";

const HOUR_MS = 3_600_000;
/** Nothing is due by its date. */
const policy = policyOf({
	publishAheadMs: 0,
	schedule: scheduleOf("0 3 1 6 *"),
	verify: { ...policyOf().verify, soakMs: 0 },
});

async function asking(unsigned: boolean): Promise<AgentWorld> {
	const world = new AgentWorld([policy]);
	await world.tick();
	const how = { noSoak: false, useStandby: false, unsigned };
	await world.ask({ kind: "revoke", domains: ["example.com"], selector: "202610", ...how });
	return world;
}

test("a compromised key that signs a day later is told, though a program does no more than put its turn off", async () => {
	const world = await asking(false);
	world.pre = () => ({ kind: "deferred", reason: "hook 1" });
	await world.advance(23 * HOUR_MS);
	expect(world.told("key_overdue")).toEqual([]);
	await world.advance(3 * HOUR_MS);
	expect(world.told("key_overdue")).toEqual(["start"]);
	const event = world.events.find((one) => one.event === "key_overdue");
	expect(event?.summary).toBe(
		"example.com: a new key was asked for on 2026-11-22T12:00:00.000Z; 202610 still signs",
	);
	expect(event?.detail).toContain("put off by hook 1");
	world.pre = () => ({ kind: "done" });
	await world.advance(3 * HOUR_MS);
	expect(await world.states()).toMatchObject({ "202611": "active" });
	expect(world.told("key_overdue")).toEqual(["start", "end"]);
});

test("a domain that nothing signs for a day after its key was taken out is told, with what its next key lacks", async () => {
	const world = await asking(true);
	world.firstKeyFaults.push({ domain: "example.com", reason: "there is no place for it" });
	await world.advance(23 * HOUR_MS);
	expect(world.lines).toEqual([]);
	expect(world.told("key_overdue")).toEqual([]);
	await world.advance(3 * HOUR_MS);
	expect(world.told("key_overdue")).toEqual(["start"]);
	const event = world.events.find((one) => one.event === "key_overdue");
	expect(event?.summary).toMatch(/^example.com: no key is known to have signed for it since 2026-11-22T12/);
	expect(event?.detail).toContain("no first key for example.com: there is no place for it");
	world.firstKeyFaults.splice(0);
	await world.advance(3 * HOUR_MS);
	expect(world.told("key_overdue")).toEqual(["start", "end"]);
});

test("a domain that was removed is told no more", async () => {
	const world = new AgentWorld([policy]);
	await world.tick();
	await world.ask({ kind: "remove", domains: ["example.com"] });
	await world.advance(48 * HOUR_MS);
	expect(world.lines).toEqual([]);
	expect(world.told("key_overdue")).toEqual([]);
});
