import { describe, expect, it } from "vitest";
import { AgentWorld } from "../fakes/agent-world.ts";
import { policyOf, scheduleOf } from "../fakes/policies.ts";

const HOUR_MS = 3_600_000;
const OWNER = "202611._domainkey.example.com";
const quick = policyOf({
	publishAheadMs: 0,
	schedule: scheduleOf("0 3 1 6 *"),
	verify: { ...policyOf().verify, soakMs: 0 },
});

async function asked(): Promise<AgentWorld> {
	const world = new AgentWorld([quick]);
	world.traits = { readsBack: "dns", byHand: { where: "freedns.afraid.org" } };
	world.reconfigure([quick]);
	world.verdict = (selector) => (selector === "202610" || world.zone.has(OWNER) ? "right" : "absent");
	await world.wish(["example.com"]);
	await world.tick();
	return world;
}

describe("a record that is made by hand", () => {
	it("is told once, in every form in which it can be entered, and the key signs once it is served", async () => {
		const world = await asked();
		await world.advance(6 * HOUR_MS);
		const told = world.events.filter(({ event }) => event === "action_needed");
		expect(told).toHaveLength(1);
		expect(told[0]?.summary).toContain("by hand at freedns.afraid.org");
		const detail = told[0]?.detail ?? "";
		expect(detail).toMatch(new RegExp(`^${OWNER}\nv=DKIM1;k=\\S+;p=\\S+$`, "m"));
		expect(detail).toContain(`${OWNER}. 3600 IN TXT ( "v=DKIM1;`);
		expect(await world.states()).toMatchObject({ "202610": "active", "202611": "published" });
		const [key] = (await world.state()).keys.filter(({ selector }) => selector === "202611");
		world.zone.set(OWNER, [key?.record.value ?? ""]);
		await world.advance(2 * HOUR_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
	});

	it("is told again while it is missing, and is neither lost nor published again", async () => {
		const world = await asked();
		await world.advance(60 * HOUR_MS);
		expect(world.told("verification_failed").slice(0, 2)).toEqual(["start", "repeat"]);
		const failed = world.events.find(({ event }) => event === "verification_failed");
		expect(failed?.hint).toContain("keyturn record example.com 202611");
		const needed = world.events.filter(({ event }) => event === "action_needed");
		expect(needed.map(({ summary }) => summary.includes("still missing"))).toEqual([false, true, true]);
		expect(needed[2]?.detail).toContain(`${OWNER}. 3600 IN TXT`);
		expect(needed[2]?.detail).toContain("ns1: absent");
		expect(world.changes).toHaveLength(1);
		expect(world.events.filter(({ event }) => event === "published")).toHaveLength(1);
	});

	it("is nobody's work where the provider writes it", async () => {
		const world = new AgentWorld([quick]);
		await world.wish(["example.com"]);
		await world.tick();
		expect(world.zone.has(OWNER)).toBe(true);
		expect(world.events.filter(({ event }) => event === "action_needed")).toEqual([]);
	});
});
