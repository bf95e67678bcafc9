import { expect, it } from "vitest";
import { AgentWorld } from "../fakes/agent-world.ts";
import { policyOf } from "../fakes/policies.ts";

const DAY_MS = 24 * 3_600_000;
const policy = policyOf({
	publishAheadMs: 0,
	verify: { ...policyOf().verify, soakMs: 0 },
	retire: { ...policyOf().retire, graceMs: 2 * DAY_MS, adopted: true },
});

it("a second key that is left alone keeps no old record of the other from going", async () => {
	const world = new AgentWorld([policy]);
	await world.tick();
	await world.wish(["example.com"], "turn");
	await world.advance(60_000);
	const [first] = world.lines;
	if (first === undefined) throw new Error("nothing signs");
	world.lines.push({
		...first,
		selector: "news",
		keyPath: "/keys/news.private",
		problem: "another entry of the domain signs before it",
	});
	await world.advance(5 * DAY_MS);
	expect(await world.states()).toMatchObject({ "202610": "retired" });
	expect(world.told("retire_failed")).toEqual([]);
});
