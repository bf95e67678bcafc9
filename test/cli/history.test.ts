import { expect, test } from "vitest";
import { history } from "../../src/cli/history.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { commandBench } from "../fakes/command-bench.ts";
import { eventOf } from "../report/sample.ts";

const KEPT = [
	{ ...eventOf("one"), domains: ["a.example"] },
	{ ...eventOf("two"), domains: ["b.example", "a.example"] },
	{ ...eventOf("three"), domains: ["b.example"] },
	{ schema: 9, id: "of a version to come" },
	{ ...eventOf("four"), domains: ["a.example"] },
	{ ...eventOf("five"), domains: ["b.example"] },
];

/** What is told of them, which a store gives the last of; of a store with nothing in it where they are left out. */
async function told(domain: string | null, limit: number, kept: readonly unknown[] = KEPT) {
	const world = new AgentWorld();
	const store = {
		...world.store,
		history: async (most: number) => Promise.resolve(kept.slice(-Math.min(most, kept.length))),
	};
	const { context, terminal } = commandBench(world, { changes: { store } });
	expect(await history(context, domain, { json: true, limit })).toBe(0);
	const { events } = JSON.parse(terminal.results.join("")) as {
		readonly events: readonly { summary: string }[];
	};
	return events.map(({ summary }) => summary);
}

test.each([
	["all of it", null, 10, ["one", "two", "three", "four", "five"]],
	["the newest", null, 2, ["four", "five"]],
	["that of a domain", "a.example", 10, ["one", "two", "four"]],
	["the newest of a domain, as it is also written", "A.Example.", 2, ["two", "four"]],
	["nothing of another", "c.example", 10, []],
] as const)("%s is told, without what cannot be read", async (_, domain, limit, summaries) => {
	expect(await told(domain, limit)).toEqual(summaries);
});

test("that there is none yet is said", async () => {
	const { context, terminal } = commandBench(new AgentWorld());
	expect(await history(context, null, { json: false, limit: 10 })).toBe(0);
	expect(terminal.results).toEqual(["nothing was done yet"]);
});
