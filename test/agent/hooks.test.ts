import { describe, expect, it } from "vitest";
import type { HookOutcome, SwitchingEvent } from "../../src/ports/hook.ts";
import { keyOf } from "../../src/rotation/domain-state.ts";
import { AgentWorld, rolledBack } from "../fakes/agent-world.ts";
import { policyOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const quick = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 } });
const both = ["example.com", "example.org"];
const failed: HookOutcome = { kind: "failed", reason: "status 1" };

async function asked(outcome: () => HookOutcome) {
	const world = new AgentWorld(both.map((domain) => ({ ...quick, domain })));
	const got: SwitchingEvent[] = [];
	world.pre = (event) => {
		got.push(event);
		return outcome();
	};
	await world.wish(both);
	await world.tick();
	return { world, got };
}

describe("a program before the switch", () => {
	it("is asked once for all that is to be switched, before anything is staged", async () => {
		const { world, got } = await asked(() => ({ kind: "done" }));
		expect(got).toMatchObject([
			{ event: "switching", domains: both, selector: "202611", detail: expect.stringContaining("202610 to") },
		]);
		expect(await world.states("example.org")).toMatchObject({ "202611": "active" });
		expect(world.events.map(({ event }) => event)).not.toContain("switching");
	});

	it("that fails holds the switch, is told, and is asked again until it goes through", async () => {
		let outcome: HookOutcome = failed;
		const { world, got } = await asked(() => outcome);
		expect(world.requested("stage")).toBe(0);
		expect(world.told("hook_failed")).toEqual(["start"]);
		expect(world.told("swap_failed")).toEqual([]);
		expect(world.events.find(({ event }) => event === "hook_failed")?.domains).toEqual(both);
		expect(keyOf(await world.state(), "202611")?.reason).toBe("hook pre 1: status 1");
		await world.advance(MINUTE_MS);
		expect(got.length).toBeGreaterThan(1);
		expect(await world.states()).toEqual({ "202610": "active", "202611": "verified" });
		outcome = { kind: "done" };
		await world.advance(10 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(world.told("hook_failed")).toEqual(["start", "end"]);
		// What was never begun has no end either.
		expect(world.ran.filter(({ hook }) => hook === "post")).toHaveLength(1);
	});

	it("that puts it off raises no alarm, and says for what the domain waits", async () => {
		let outcome: HookOutcome = { kind: "deferred", reason: "/usr/local/bin/busy ended with status 75" };
		const { world } = await asked(() => outcome);
		expect(world.told("hook_failed")).toEqual([]);
		expect(keyOf(await world.state(), "202611")?.reason).toContain("put off by /usr/local/bin/busy");
		outcome = { kind: "done" };
		await world.advance(5 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
	});

	it("holds the way out of a table, too", async () => {
		const world = new AgentWorld();
		await world.tick();
		let outcome: HookOutcome = failed;
		world.pre = () => outcome;
		await world.ask({ kind: "remove", domains: ["example.com"] });
		await world.tick();
		expect(world.requested("stage")).toBe(0);
		expect(world.told("hook_failed")).toEqual(["start"]);
		outcome = { kind: "done" };
		await world.advance(5 * MINUTE_MS);
		expect(world.requested("stage")).toBe(1);
		expect(world.told("hook_failed")).toEqual(["start", "end"]);
	});

	it("whose switch nobody wants any more troubles nobody any more", async () => {
		const { world } = await asked(() => failed);
		world.pre = null;
		world.reconfigure([{ ...quick, domain: "example.net" }]);
		await world.tick();
		expect(world.told("hook_failed")).toEqual(["start", "end"]);
	});
});

describe("programs after the switch", () => {
	it("get each key that signs, and one end of the whole", async () => {
		const { world } = await asked(() => ({ kind: "done" }));
		const deployed = world.ran.filter(({ hook }) => hook === "deploy").map(({ event }) => event);
		expect(deployed.map(({ event, domains }) => [event, domains])).toEqual(
			both.map((domain) => ["switched", [domain]]),
		);
		const ended = world.ran.filter(({ hook }) => hook === "post").map(({ event }) => event);
		expect(ended).toMatchObject([{ event: "switched", domains: both, selector: "202611" }]);
	});

	it("hear of a switch that did not hold", async () => {
		const world = new AgentWorld();
		await world.wish(["example.com"]);
		world.commit = (_id, result) => ({ act: "commit", result: rolledBack(result, "unsigned") });
		await world.tick();
		expect(world.ran).toMatchObject([
			{ hook: "post", event: { event: "swap_failed", detail: expect.stringContaining("rolled back") } },
		]);
	});

	it("hear of one whose end came to light later", async () => {
		const world = new AgentWorld();
		await world.wish(["example.com"]);
		world.commit = (id, result) => world.loseAnswer(id, result);
		await world.tick();
		const ended = () => world.ran.filter(({ hook }) => hook === "post").map(({ event }) => event.event);
		expect(ended()).toEqual([]);
		world.restart();
		await world.advance(10 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(ended()).toEqual(["switched"]);
	});

	it("hear of one apiece where some were left behind", async () => {
		const world = new AgentWorld(both.map((domain) => ({ ...quick, domain })));
		await world.wish(both);
		world.refuse = (request) =>
			request.act === "stage" && request.changes.length > 1
				? { act: "refused", why: "failed", domains: ["example.org"], message: "no line", hint: null }
				: null;
		await world.tick();
		const ended = world.ran.filter(({ hook }) => hook === "post").map(({ event }) => event);
		expect(ended).toMatchObject([
			{ event: "switched", domains: ["example.com"] },
			{ event: "swap_failed", domains: ["example.org"], detail: expect.stringContaining("no line") },
		]);
	});

	it("that fail are told at once, and run again, across restarts too, until they go through", async () => {
		const world = new AgentWorld();
		await world.wish(["example.com"]);
		world.hookFails = true;
		await world.tick();
		expect(await world.states()).toMatchObject({ "202611": "active" });
		await world.tick();
		expect(world.told("hook_failed")).toEqual(["start", "start"]);
		expect(world.told("alert_undelivered")).toEqual([]);
		world.restart();
		world.hookFails = false;
		await world.advance(5 * MINUTE_MS);
		expect(world.ran.map(({ hook }) => hook).toSorted()).toEqual(["deploy", "post"]);
		expect(world.told("hook_failed")).toEqual(["start", "start", "end", "end"]);
	});
});
