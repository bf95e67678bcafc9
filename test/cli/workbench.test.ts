import { expect, test } from "vitest";
import { choose, worst } from "../../src/cli/workbench.ts";
import { history } from "../../src/cli/history.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { commandBench } from "../fakes/command-bench.ts";
import { policyOf } from "../fakes/policies.ts";

test.each([
	[[], 0],
	[[0, 0], 0],
	[[0, 3], 3],
	[[3, 4, 0], 4],
	[[4, 1, 3], 1],
	[[0, 1], 1],
])("the worst of %j is %i", (codes, status) => {
	expect(worst(codes)).toBe(status);
	expect(worst(codes.toReversed())).toBe(status);
});

test("a domain is named as it is in keyturn.yaml, and stands for itself once", async () => {
	const domains = Array.from({ length: 20 }, (_, index) => `d${index}.example`);
	const policies = domains.map((domain) => policyOf({ domain }));
	const { context, workbench, terminal } = commandBench(new AgentWorld(policies));
	expect(choose(workbench, ["D1.Example.", "d1.example", "d0.example"])).toEqual([policies[1], policies[0]]);
	expect(choose(workbench, [])).toEqual(policies);
	expect(() => choose(workbench, ["d0.exmaple"])).toThrow(
		expect.objectContaining({ code: "usage", hint: "did you mean `d0.example`?" }) as Error,
	);
	expect(() => choose(workbench, ["elsewhere.test"])).toThrow(
		expect.objectContaining({
			hint: expect.stringMatching(/, d11\.example, and 8 more$/) as string,
		}) as Error,
	);
	expect(await history(context, "D1.Example.", { json: true, limit: 1 })).toBe(0);
	expect(terminal.results).toHaveLength(1);
});
