import { describe, expect, it } from "vitest";
import { AgentWorld } from "../fakes/agent-world.ts";
import { policyOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const quick = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 } });
const many = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"].map((name) => ({
	...quick,
	domain: `${name}.example`,
}));

describe("the lock", () => {
	it("is held for no question to DNS, but for the last one before a switch", async () => {
		const world = new AgentWorld([{ ...quick, retire: { ...quick.retire, adopted: true } }]);
		await world.wish(["example.com"]);
		await world.advance(40 * DAY_MS);
		expect(await world.states()).toMatchObject({
			"202610": "retired",
			"202611": "retired",
			"202612": "retiring",
		});
		expect(world.asked.length).toBeGreaterThan(40);
		const locked = world.asked.filter(({ isLocked }) => isLocked).map(({ selector }) => selector);
		expect(locked).toEqual(["202611", "202612", "202701"]);
		expect(world.requested("commit")).toBe(3);
	});

	it("taken by another meanwhile ends the tick with what it did, and soon comes the next", async () => {
		const world = new AgentWorld([quick]);
		world.whileAsked = async () => {
			world.isHeldByAnother = true;
		};
		const { nextAt } = await world.tick();
		expect(nextAt).toEqual(world.at);
		expect(await world.states()).toEqual({});
		world.isHeldByAnother = false;
		world.whileAsked = async () => {};
		await world.tick();
		expect(await world.states()).toEqual({ "202610": "active" });
	});
});

describe("a tick whose servers are slow", () => {
	it("takes a wish that is left meanwhile", async () => {
		const world = new AgentWorld([quick]);
		let isLeft = false;
		world.whileAsked = async () => {
			if (!isLeft) await world.wish(["example.com"]);
			isLeft = true;
		};
		await world.tick();
		expect(await world.states()).toEqual({ "202610": "retiring", "202611": "active" });
	});

	it("acts on what it knows after ten seconds, and asks the rest then", async () => {
		const world = new AgentWorld(many);
		await world.tick();
		world.asked.splice(0);
		world.restart();
		world.pass(2 * DAY_MS);
		world.whileAsked = async () => {
			await Promise.resolve();
			world.pass(11_000);
		};
		const answeredAtChanges = new Set<number>();
		world.onStateChange = () => answeredAtChanges.add(world.asked.length);
		await world.tick();
		// Eight at once, and two when the lock has been had in between.
		expect([...answeredAtChanges]).toEqual([0, 8, 10]);
	});

	it("asks nothing twice, however long it takes", async () => {
		const world = new AgentWorld(many);
		world.verdict = (selector) => (selector === "202610" ? "right" : "absent");
		await world.wish(many.map(({ domain }) => domain));
		world.whileAsked = async () => world.pass(11 * MINUTE_MS);
		await world.tick();
		const looks = world.looks.filter((selector) => selector === "202611");
		expect(looks).toHaveLength(10);
	});

	it("is told to stop in between, and stops", async () => {
		const world = new AgentWorld([quick]);
		const stopping = new AbortController();
		world.whileAsked = async () => stopping.abort();
		await expect(world.tick(stopping.signal)).rejects.toThrow();
		expect(world.events).toEqual([]);
	});
});
