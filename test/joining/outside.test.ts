import { join } from "node:path";
import { expect, test } from "vitest";
import { createConfiguration } from "../../src/joining/configuration.ts";
import { createMachine } from "../../src/joining/machine.ts";
import { joinExaminer, joinProviders, joinSinks } from "../../src/joining/outside.ts";
import { commandBench } from "../fakes/command-bench.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { temporaryDirectory } from "../system/temporary-directory.ts";

test("an alert whose secret is absent takes no provider from who examines the host", async () => {
	const state = await temporaryDirectory();
	const machine = createMachine(() => false);
	const given = {
		machine,
		configuration: createConfiguration(machine, "/opt/keyturn"),
		secrets: { env: {}, held: new Map(), outside: null },
		uid: 0,
	};
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
