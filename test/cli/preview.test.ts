import { expect, test } from "vitest";
import { rotate } from "../../src/cli/rotate.ts";
import type { DoorAnswer } from "../../src/ports/door.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { commandBench } from "../fakes/command-bench.ts";
import { policyOf } from "../fakes/policies.ts";

const quick = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 } });
const PLAIN = { now: false, dryRun: true, wait: false, waitMaxMs: null, soak: true, json: false };
const NOW = { ...PLAIN, now: true };
const BUSY: DoorAnswer = {
	act: "refused",
	why: "busy",
	domains: [],
	message: "another request is at work",
	hint: "try again",
};

test("fails in the door's words where that does not say what signs", async () => {
	const world = new AgentWorld([quick]);
	await world.tick();
	world.refuse = () => BUSY;
	const { context, terminal } = commandBench(world);
	await expect(rotate(context, [], NOW)).rejects.toMatchObject({
		code: "door.refused",
		message: "the keys in use cannot be read: another request is at work",
		hint: "try again",
	});
	expect(terminal.results).toEqual([]);
});

test("says in the door's words why the lines of the table cannot be shown", async () => {
	const world = new AgentWorld([quick]);
	await world.tick();
	world.refuse = (request) => (request.act === "inspect" && request.foretell !== undefined ? BUSY : null);
	const { context, terminal } = commandBench(world);
	expect(await rotate(context, [], NOW)).toBe(0);
	expect(terminal.results.join()).toContain("table   cannot be shown: another request is at work");
});
