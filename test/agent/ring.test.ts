import { describe, expect, it } from "vitest";
import { keyOf } from "../../src/rotation/domain-state.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { policyOf } from "../fakes/policies.ts";

const DAY_MS = 86_400_000;
const policy = policyOf({
	publishAheadMs: 0,
	selector: { kind: "ring", names: ["kt1", "kt2"] },
	verify: { ...policyOf().verify, soakMs: 0 },
	retire: { ...policyOf().retire, adopted: true },
});

async function ringWorld(changes: Partial<typeof policy> = {}): Promise<AgentWorld> {
	const world = new AgentWorld([{ ...policy, ...changes }]);
	world.signWith("example.com", "kt1");
	await world.tick();
	return world;
}

describe("a ring of selectors", () => {
	it("uses each name again for a new key, once the one before is gone for everybody", async () => {
		const world = await ringWorld();
		const first = keyOf(await world.state(), "kt1")?.publicKey;
		await world.advance(10 * DAY_MS);
		expect(await world.states()).toEqual({ kt1: "retiring", kt2: "active" });
		await world.advance(31 * DAY_MS);
		expect(await world.states()).toEqual({ kt1: "active", kt2: "retiring" });
		expect(keyOf(await world.state(), "kt1")?.publicKey).not.toBe(first);
		const dropped = world.doorRequests.flatMap((request) => (request.act === "drop" ? request.keys : []));
		expect(dropped).toEqual([{ signer: "main", domain: "example.com", selector: "kt1" }]);
	});

	it("does not use a name whose key file stays, and says so", async () => {
		const world = await ringWorld();
		await world.advance(10 * DAY_MS);
		world.refuse = (request) =>
			request.act === "drop"
				? { act: "drop", keys: request.keys.map((key) => ({ ...key, gone: false, reason: "not ours" })) }
				: null;
		await world.advance(31 * DAY_MS);
		expect(await world.states()).toEqual({ kt1: "retired", kt2: "active" });
		const report = await world.tick();
		expect(report.domains[0]?.waits.map((wait) => wait.reason).join()).toContain("the key file of kt1 stays");
	});

	it("waits, and names what stands at each of its names, while none is free", async () => {
		const world = await ringWorld({ retire: { ...policy.retire, graceMs: 60 * DAY_MS } });
		await world.advance(45 * DAY_MS);
		expect(await world.states()).toEqual({ kt1: "retiring", kt2: "active" });
		const report = await world.tick();
		expect(report.domains[0]?.waits.map((wait) => wait.reason).join()).toContain(
			"no name of the ring is free: kt1: retiring; kt2: active",
		);
		expect(world.told("key_overdue")).toContain("start");
	});
});
