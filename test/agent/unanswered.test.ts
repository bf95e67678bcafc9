import { describe, expect, it } from "vitest";
import type { LookReport } from "../../src/ports/propagation.ts";
import { keyOf } from "../../src/rotation/domain-state.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { policyOf, scheduleOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const quick = policyOf({
	publishAheadMs: 0,
	schedule: scheduleOf("0 3 1 6 *"),
	verify: { ...policyOf().verify, soakMs: 0 },
});

/** A made key signs, and every run is of a process of its own, as by cron. */
async function turned(): Promise<AgentWorld> {
	const world = new AgentWorld([quick]);
	await world.wish(["example.com"]);
	await world.advance(5 * MINUTE_MS);
	expect(await world.states()).toMatchObject({ "202611": "active" });
	return world;
}

async function runs(
	world: AgentWorld,
	verdict: LookReport["verdict"],
	times: readonly number[],
): Promise<void> {
	world.verdict = () => verdict;
	for (const minutes of times) {
		world.pass(minutes * MINUTE_MS);
		world.restart();
		await world.tick();
	}
}

describe("name servers of a key in use that do not answer", () => {
	it("are told after an hour where each run is of a process of its own, and are over with the first answer", async () => {
		const world = await turned();
		await runs(world, "unknown", [60, 30, 29]);
		expect(world.told("verification_failed")).toEqual([]);
		await runs(world, "unknown", [1, 60]);
		expect(world.told("verification_failed")).toEqual(["start"]);
		await runs(world, "right", [10]);
		expect(world.told("verification_failed")).toEqual(["start", "end"]);
		expect(keyOf(await world.state(), "202611")?.rightSince).toBeNull();
	});

	it.each(["right", "absent"] as const)(
		"are not told where an answer came in between: %s",
		async (verdict) => {
			const world = await turned();
			await runs(world, "unknown", [60, 30]);
			await runs(world, verdict, [10]);
			await runs(world, "right", [10]);
			const told = world.told("verification_failed").length;
			await runs(world, "unknown", [30, 50]);
			expect(world.told("verification_failed")).toHaveLength(told);
			await runs(world, "unknown", [10]);
			expect(world.told("verification_failed")).toHaveLength(told + 1);
		},
	);

	it("are told after six looks by a process that stays", async () => {
		const world = await turned();
		world.pass(24 * 60 * MINUTE_MS);
		world.verdict = () => "unknown";
		await world.advance(49 * MINUTE_MS);
		expect(world.told("verification_failed")).toEqual([]);
		await world.advance(2 * MINUTE_MS);
		expect(world.told("verification_failed")).toEqual(["start"]);
	});
});
