import { join } from "node:path";
import { expect, test } from "vitest";
import { createConfiguration } from "../../src/joining/configuration.ts";
import { createMachine } from "../../src/joining/machine.ts";
import { joinExaminer, joinProviders, joinSinks } from "../../src/joining/outside.ts";
import { commandBench } from "../fakes/command-bench.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { temporaryDirectory } from "../system/temporary-directory.ts";

const machine = createMachine(() => false);
const given = {
	machine,
	configuration: createConfiguration(machine, "/opt/keyturn"),
	secrets: { env: {}, held: new Map(), outside: null },
	uid: 0,
};

test("alerts and programs have the names by which they are remembered, and are told what they are for", async () => {
	const page = { run: ["/bin/page"] };
	const settings = {
		...commandBench(new AgentWorld()).workbench.settings,
		alerts: [
			{ type: "command", on: null, repeatMs: 1, settings: page },
			{ type: "webhook", on: ["switched"] as const, repeatMs: 2, settings: { url: "https://a.example" } },
			{ type: "command", on: ["published"] as const, repeatMs: 3, settings: page },
		],
		hooks: {
			pre: [["/bin/a"], ["/bin/b"]],
			deploy: [["/bin/c"]],
			post: [["/bin/d"], ["/bin/e"]],
			timeoutMs: 1000,
		},
	};
	const { sinks, pre } = await joinSinks(given, settings);
	expect(sinks.filter(({ hook }) => hook === undefined)).toMatchObject([
		{ name: "command 1", on: null, repeatMs: 1 },
		{ name: "webhook 1", on: ["switched"], repeatMs: 2 },
		{ name: "command 2", on: ["published"], repeatMs: 3 },
	]);
	expect(sinks.filter(({ hook }) => hook !== undefined).map(({ name, hook }) => [name, hook])).toEqual([
		["deploy 1", "deploy"],
		["post 1", "post"],
		["post 2", "post"],
	]);
	expect(pre.map(({ name }) => name)).toEqual(["pre 1", "pre 2"]);
});

test("an alert whose secret is absent takes no provider from who examines the host", async () => {
	const state = await temporaryDirectory();
	const url = { file: join(state, "absent.url") };
	const settings = {
		...commandBench(new AgentWorld()).workbench.settings,
		state,
		providers: [{ name: "hand", type: "manual", isProven: true, settings: {} }],
		alerts: [{ type: "webhook", on: null, repeatMs: 0, settings: { url } }],
	};
	const examiner = await joinExaminer(machine, {
		providers: async () => joinProviders(given, settings, "/etc/keyturn/keyturn.yaml"),
		sinks: async () => joinSinks(given, settings),
	});
	expect([...examiner.providers.keys()]).toEqual(["hand"]);
	expect(examiner.unmade).toBeNull();
	expect(examiner.unheard).toMatchObject({
		code: "config.unreadable",
		why: expect.stringContaining(url.file),
	});
});
