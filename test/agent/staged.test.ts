import { describe, expect, it } from "vitest";
import { AgentWorld } from "../fakes/agent-world.ts";
import { policyOf } from "../fakes/policies.ts";

const quick = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 } });

describe("what was staged and nobody owes", () => {
	it("is dropped, and what a damaged domain may owe is not", async () => {
		const world = new AgentWorld([quick]);
		world.stagedIds.push("a".repeat(32));
		await world.damage("domains/example.com");
		await world.tick();
		expect(world.requested("drop")).toBe(0);
		const whole = new AgentWorld([quick]);
		whole.stagedIds.push("a".repeat(32));
		await whole.tick();
		expect(whole.doorRequests.filter((request) => request.act === "drop")).toEqual([
			{ act: "drop", keys: [], staged: ["a".repeat(32)] },
		]);
	});
});
