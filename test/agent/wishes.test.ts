import { describe, expect, it } from "vitest";
import { AgentWorld } from "../fakes/agent-world.ts";
import { policyOf } from "../fakes/policies.ts";

const quick = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 } });

describe("a wish for a domain whose state cannot be read", () => {
	it("is kept for it, and done for the others once", async () => {
		const world = new AgentWorld([quick, { ...quick, domain: "example.org" }]);
		await world.tick();
		await world.damage("domains/example.org");
		await world.wish(["example.com", "example.org"]);
		await world.tick();
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect((await world.store.wishes()).map((wish) => wish.domains)).toEqual([["example.org"]]);
	});

	it("stays as it is while there are no others, and goes where the domain is not configured", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		await world.damage("domains/example.com");
		await world.wish(["example.com"]);
		await world.wish(["example.net"], "w2");
		await world.tick();
		expect((await world.store.wishes()).map((wish) => wish.id)).toEqual(["w1"]);
	});
});
