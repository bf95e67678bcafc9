import { expect, test } from "vitest";
import { keyOf } from "../../src/rotation/domain-state.ts";
import type { LookReport } from "../../src/ports/propagation.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { policyOf, scheduleOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const soaking = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: HOUR_MS } });

/** The servers are right for most of the soak, and say this then. */
async function disturbed(verdict: LookReport["verdict"]): Promise<AgentWorld> {
	const world = new AgentWorld([soaking]);
	await world.wish(["example.com"]);
	await world.advance(50 * MINUTE_MS);
	expect(await world.states()).toMatchObject({ "202611": "published" });
	world.verdict = (selector) => (selector === "202611" ? verdict : "right");
	await world.advance(15 * MINUTE_MS);
	expect(await world.states()).toMatchObject({ "202611": "published" });
	world.verdict = () => "right";
	await world.advance(15 * MINUTE_MS);
	return world;
}

test.each(["wrong", "absent"] as const)(
	"begins anew where a server is %s in the middle of it",
	async (verdict) => {
		const world = await disturbed(verdict);
		expect(await world.states()).toMatchObject({ "202611": "published" });
		const { rightSince } = keyOf(await world.state(), "202611") ?? {};
		expect(Date.parse(rightSince ?? "")).toBeGreaterThan(world.at.getTime() - 15 * MINUTE_MS);
		await world.advance(HOUR_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
	},
);

test("is not ended, nor begun anew, where no server answers", async () => {
	const world = await disturbed("unknown");
	expect(await world.states()).toMatchObject({ "202611": "active" });
});

test("begins anew where the clock jumps ahead in the middle of it", async () => {
	const slow = { ...soaking, verify: { ...soaking.verify, soakMs: 3 * HOUR_MS } };
	const world = new AgentWorld([{ ...slow, schedule: scheduleOf("0 3 1 6 *") }]);
	await world.wish(["example.com"]);
	await world.advance(50 * MINUTE_MS);
	expect(await world.states()).toMatchObject({ "202611": "published" });
	world.at = new Date(world.at.getTime() + 5 * HOUR_MS);
	await world.advance(170 * MINUTE_MS);
	expect(await world.states()).toMatchObject({ "202611": "published" });
	await world.advance(30 * MINUTE_MS);
	expect(await world.states()).toMatchObject({ "202611": "active" });
});

test("ends what was told of servers that were late, since all are right", async () => {
	const world = new AgentWorld([{ ...soaking, schedule: scheduleOf("0 3 1 6 *") }]);
	world.verdict = (selector) => (selector === "202611" ? "wrong" : "right");
	await world.wish(["example.com"]);
	await world.advance(25 * HOUR_MS);
	expect(world.told("verification_failed")).toContain("start");
	world.verdict = () => "right";
	await world.advance(30 * MINUTE_MS);
	expect(await world.states()).toMatchObject({ "202611": "published" });
	expect(world.told("verification_failed").filter((phase) => phase !== "repeat")).toEqual(["start", "end"]);
	await world.advance(HOUR_MS);
	expect(await world.states()).toMatchObject({ "202611": "active" });
	expect(world.told("verification_failed").at(-1)).toBe("end");
});
