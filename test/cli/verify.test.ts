import { expect, test } from "vitest";
import { verify } from "../../src/cli/verify.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { commandBench } from "../fakes/command-bench.ts";
import { policyOf } from "../fakes/policies.ts";

const names = ["example.com", "example.org"];

test("a domain that is leaving has no key in use that could fail", async () => {
	const world = new AgentWorld(names.map((domain) => policyOf({ domain })));
	await world.tick();
	await world.ask({ kind: "remove", domains: ["example.org"] }, "w1");
	await world.advance(60_000);
	const { context, terminal } = commandBench(world);
	expect(await verify(context, [], { json: true })).toBe(0);
	expect(JSON.parse(terminal.results.join()).keys).toMatchObject([{ domain: "example.com", verifies: true }]);
	expect(terminal.said).toEqual(["example.org: nothing signs for it, as was asked for (keyturn remove)"]);
});

test("a domain that stays fails where nothing signs for it", async () => {
	const world = new AgentWorld(names.map((domain) => policyOf({ domain })));
	await world.tick();
	world.lines.splice(0, 1);
	const { context, terminal } = commandBench(world);
	expect(await verify(context, [], { json: false })).toBe(4);
	expect(terminal.results.join()).toContain("FAIL   example.com\n       no key signs for it");
});
