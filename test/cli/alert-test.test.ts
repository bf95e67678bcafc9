import { expect, test } from "vitest";
import { alertTest } from "../../src/cli/alert-test.ts";
import { KeyturnError } from "../../src/errors.ts";
import type { AlertSink, Beat, KeyturnEvent } from "../../src/ports/alert-sink.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { commandBench } from "../fakes/command-bench.ts";

function bench(sinks: readonly AlertSink[]) {
	return commandBench(new AgentWorld(), { changes: { sinks: async () => Promise.resolve(sinks) } });
}

function sink(name: string, deliver: AlertSink["deliver"]): AlertSink {
	return { name, on: null, repeatMs: 0, deliver };
}

test("a trouble and its end go through every alert, and what fails is told with the rest", async () => {
	const got: KeyturnEvent[] = [];
	const beats: Beat[] = [];
	const refused = new KeyturnError("alert.undelivered", "hooks.example: got 404", {
		hint: "check the address",
	});
	const { context, terminal } = bench([
		sink("webhook 1", () => Promise.reject(refused)),
		sink("email 1", async (event) => {
			got.push(event);
			return undefined;
		}),
		{ ...sink("heartbeat 1", () => Promise.resolve(undefined)), beat: async (beat) => void beats.push(beat) },
	]);
	expect(await alertTest(context, { json: false })).toBe(1);
	expect(terminal.results.join("\n")).toBe(
		"webhook 1: not delivered: hooks.example: got 404; check the address\nemail 1: taken\nheartbeat 1: taken",
	);
	expect(got.map(({ trouble, phase }) => `${trouble} ${phase}`)).toEqual(["test start", "test end"]);
	expect(beats).toHaveLength(1);
});

test("one that does not reach everybody is a fault", async () => {
	const { context, terminal } = bench([
		sink("email 1", () => Promise.resolve("taken, not for alice@example.com: 550 gone")),
	]);
	expect(await alertTest(context, { json: false })).toBe(1);
	expect(terminal.results.join("\n")).toBe(
		"email 1: not delivered: taken, not for alice@example.com: 550 gone",
	);
});

test("a heartbeat that is not taken is a fault, though it gets no events", async () => {
	const beat = async () => Promise.reject(new KeyturnError("alert.undelivered", "got 404"));
	const { context, terminal } = bench([{ ...sink("heartbeat 1", () => Promise.resolve(undefined)), beat }]);
	expect(await alertTest(context, { json: false })).toBe(1);
	expect(terminal.results).toEqual(["heartbeat 1: not delivered: got 404"]);
});

test("no hook is run: a program that puts keys in place would be given a switch that never was", async () => {
	const ran: KeyturnEvent[] = [];
	const hook: AlertSink["deliver"] = async (event) => {
		ran.push(event);
		return undefined;
	};
	const { context, terminal } = bench([
		sink("email 1", () => Promise.resolve(undefined)),
		{ ...sink("deploy 1", hook), hook: "deploy" },
		{ ...sink("post 1", hook), hook: "post" },
	]);
	expect(await alertTest(context, { json: false })).toBe(0);
	expect(terminal.results).toEqual(["email 1: taken"]);
	expect(ran).toEqual([]);
});

test("as JSON", async () => {
	const { context, terminal } = bench([sink("email 1", () => Promise.resolve(undefined))]);
	expect(await alertTest(context, { json: true })).toBe(0);
	expect(JSON.parse(terminal.results.join("\n"))).toEqual({
		schema: 1,
		alerts: [{ name: "email 1", fault: null, hint: null }],
	});
});

test("where nobody would be told, it says so", async () => {
	const { context, terminal } = bench([]);
	expect(await alertTest(context, { json: false })).toBe(0);
	expect(terminal.results.join("\n")).toContain("no alerts are configured");
});
