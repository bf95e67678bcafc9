import { describe, expect, it } from "vitest";
import { forgetGone } from "../../src/agent/forgetting.ts";
import { newDoc, newMemory } from "../../src/agent/run.ts";
import { emptyDomainState } from "../../src/rotation/domain-state.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { keyEntry, policyOf } from "../fakes/policies.ts";

const NOW = new Date("2026-11-22T12:00:00.000Z");
const DAY_MS = 86_400_000;

describe("a process that runs for years", () => {
	it("remembers no look at a key that is retired", async () => {
		const base = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 } });
		const world = new AgentWorld([{ ...base, retire: { ...base.retire, adopted: true } }]);
		await world.advance(40 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "retired", "202701": "active" });
		expect(world.agent.lastLook("example.com", "202610")).toBeNull();
		expect(world.agent.lastLook("example.com", "202701")).toMatchObject({ verdict: "right" });
	});

	it("remembers nothing of a domain that is configured no more, and no step that was put off until long ago", () => {
		const memory = newMemory();
		const state = { ...emptyDomainState("example.com"), keys: [keyEntry({ selector: "202611" })] };
		const doc = newDoc(policyOf(), { state, revision: 1 }, { did: [], error: null });
		for (const name of ["example.com 202611", "example.org 202611"]) memory.writers.set(name, ["home"]);
		const delay = (ageMs: number) => ({ until: new Date(NOW.getTime() - ageMs), reason: "", tries: 1 });
		const steps = [
			["watch 202610", delay(DAY_MS + 1)],
			["watch 202611", delay(DAY_MS)],
		] as const;
		memory.delays.set("example.com", new Map(steps));
		forgetGone({ memory, now: () => NOW }, [doc]);
		expect([...memory.writers.keys()]).toEqual(["example.com 202611"]);
		expect([...(memory.delays.get("example.com")?.keys() ?? [])]).toEqual(["watch 202611"]);
	});
});
