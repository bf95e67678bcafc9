import { expect, test } from "vitest";
import { status } from "../../src/cli/status.ts";
import type { Workbench } from "../../src/cli/workbench.ts";
import { KeyturnError } from "../../src/errors.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { commandBench } from "../fakes/command-bench.ts";
import { policyOf } from "../fakes/policies.ts";

const NEVER = new AbortController().signal;
const TABLE = { json: false, watch: false, html: null };

async function benchOf(given: Parameters<typeof commandBench>[1] = {}) {
	const world = new AgentWorld();
	await world.agent.tick(NEVER, { lockWaitMs: 0 });
	return { world, ...commandBench(world, given) };
}

test("as a page, with what every server says at this moment", async () => {
	const { context, shared, terminal } = await benchOf();
	expect(await status(context, { ...TABLE, html: "/tmp/x.html" })).toBe(0);
	const page = shared.get("/tmp/x.html") ?? "";
	expect(page).toMatch(/^<!doctype html>/);
	expect(page).toContain("<h3>Servers</h3>");
	expect(terminal.results).toEqual([]);
});

test("as a page of many domains, without asking for all of them at once", async () => {
	const domains = Array.from({ length: 40 }, (_, index) => `d${index}.example`);
	const world = new AgentWorld(domains.map((domain) => policyOf({ domain })));
	await world.agent.tick(NEVER, { lockWaitMs: 0 });
	let [under, most, looked] = [0, 0, 0];
	const propagation: Workbench["propagation"] = {
		...world.ports.propagation,
		look: async (request, signal) => {
			looked += 1;
			under += 1;
			most = Math.max(most, under);
			await new Promise((resolve) => void setImmediate(resolve));
			under -= 1;
			return world.ports.propagation.look(request, signal);
		},
	};
	const { context } = commandBench(world, { changes: { propagation } });
	expect(await status(context, { ...TABLE, html: "-" })).toBe(0);
	expect([looked, most]).toEqual([40, 8]);
});

test("alerts that do not get out are counted; a hook that fails is a trouble and no alert", async () => {
	const { world, context, terminal } = await benchOf();
	world.hookFails = true;
	await world.wish(["example.com"]);
	await world.tick();
	const shown = async () => {
		await status(context, { ...TABLE, json: true });
		return JSON.parse(terminal.results.at(-1) ?? "") as object;
	};
	const troubles = ["hook deploy 1 failed", "hook post 1 failed"].map((summary) => ({ summary }));
	expect(await shown()).toMatchObject({ undelivered: 0, troubles });
	world.sinkFails = true;
	await world.wish(["example.com"], "w2");
	world.pass(3_600_000);
	await world.tick();
	expect(await shown()).toMatchObject({ undelivered: 1, troubles });
});

test("into a file that its user may not write says how it gets there", async () => {
	const denied = new KeyturnError("disk.failed", "x.html: EACCES", { errno: "EACCES" });
	const replaceShared = async () => Promise.reject(denied);
	const { context, terminal } = await benchOf({ changes: { replaceShared } });
	await expect(status(context, { ...TABLE, html: "x.html" })).rejects.toMatchObject({
		code: "disk.failed",
		hint: expect.stringMatching(/keyturn status --html - > x\.html$/),
	});
	expect(terminal.results).toEqual([]);
});

test("as a page on standard output", async () => {
	const { context, shared, terminal } = await benchOf();
	expect(await status(context, { ...TABLE, html: "-" })).toBe(0);
	expect(terminal.results.join("\n")).toMatch(/^<!doctype html>/);
	expect(shared.size).toBe(0);
});

test.each([
	["on a terminal clears the screen before each", true, 3],
	["into a pipe draws nothing", false, 0],
])("watched, %s", async (_, isLive, drawn) => {
	const stopping = new AbortController();
	const { world, context, terminal, workbench } = await benchOf({ isLive });
	let slept = 0;
	const clock = {
		...workbench.clock,
		sleep: async (ms: number) => {
			slept += 1;
			if (slept === 3) stopping.abort();
			return Promise.resolve(world.pass(ms));
		},
	};
	const given = {
		...context,
		signal: stopping.signal,
		open: async () => Promise.resolve({ ...workbench, clock }),
	};
	expect(await status(given, { ...TABLE, watch: true })).toBe(0);
	expect(terminal.results).toHaveLength(3);
	expect(terminal.drawn.split("\u001B[2J")).toHaveLength(drawn + 1);
});

test("of a state that is damaged, and of one that is not understood, what becomes of it", async () => {
	const world = new AgentWorld(["a.test", "b.test"].map((name) => policyOf({ domain: name })));
	await world.tick();
	world.disk.put("/state/domains/a.test.json", "{");
	await world.damage("domains/b.test");
	const { context, terminal } = commandBench(world);
	await status(context, TABLE);
	const text = terminal.results.join("\n");
	expect(text).toMatch(/^a\.test +\? +\? +\? +damaged$/m);
	expect(text).toMatch(/^b\.test +\? +\? +\? +not read$/m);
	const lines = text.replaceAll(/\n +/g, " ");
	expect(lines).toMatch(/^a\.test: .*; the next tick keeps it aside, and begins anew from what signs$/m);
	expect(lines).toMatch(/^b\.test: .*; nothing is done with it until it can be read$/m);
});

test("of a host document that the disk does not give that nothing is begun anew", async () => {
	const { context, terminal, workbench } = commandBench(new AgentWorld());
	const hint = "look into the kernel's log";
	const load = async () => Promise.reject(new KeyturnError("disk.failed", "EIO", { hint }));
	const store = { ...workbench.store, load };
	const open = async () => Promise.resolve({ ...workbench, store });
	await status({ ...context, open }, { ...TABLE, json: true });
	expect(JSON.parse(terminal.results.join(""))).toMatchObject({ troubles: [{ detail: "EIO", hint }] });
});
