/** What commands tell while a daemon does the work, which takes a wish a moment after it was left. */

import { describe, expect, test } from "vitest";
import { add } from "../../src/cli/add.ts";
import { remove } from "../../src/cli/remove.ts";
import { revoke } from "../../src/cli/revoke.ts";
import { rotate } from "../../src/cli/rotate.ts";
import type { Workbench } from "../../src/cli/workbench.ts";
import type { SwitchResult } from "../../src/ports/door.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { commandBench } from "../fakes/command-bench.ts";
import { policyOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const quick = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 } });
const WAIT = { wait: true, waitMaxMs: 60 * MINUTE_MS, soak: true, json: false };
const NOW = { ...WAIT, now: true, dryRun: false };
const FIRST = /the first reason/;

/** It looks for wishes only while the command sleeps. */
function daemonOf(world: AgentWorld): Pick<Workbench, "daemonAlive" | "clock"> {
	const sleep = async (ms: number): Promise<void> => {
		world.pass(ms);
		await world.tick();
	};
	return { daemonAlive: async () => Promise.resolve(true), clock: { ...world.clock, sleep } };
}

function beside(world: AgentWorld) {
	return commandBench(world, { changes: daemonOf(world) });
}

function failing(world: AgentWorld, reason: string): void {
	const rolledBack = (result: SwitchResult): SwitchResult => {
		const keys = result.keys.map((key) => ({ ...key, outcome: "rolled_back" as const }));
		return { ...result, outcome: "rolled_back", reason, keys };
	};
	world.commit = (_id, result) => ({ act: "commit", result: rolledBack(result) });
}

function mended(world: AgentWorld): void {
	world.commit = (_id, result) => ({ act: "commit", result });
}

/** The switch to the next key failed once, and the next attempt is a day off. */
async function rolledBackWorld(): Promise<AgentWorld> {
	const world = new AgentWorld([quick]);
	await world.tick();
	failing(world, "the first reason");
	await world.wish(["example.com"]);
	await world.tick();
	expect((await world.state()).keys.at(-1)).toMatchObject({
		selector: "202611",
		state: "verified",
		owes: { act: "switch", id: null, tries: 1 },
		reason: expect.stringMatching(FIRST) as string,
	});
	return world;
}

describe("rotate --now after a switch that failed", () => {
	test("waits until the daemon has taken it, and ends with 0", async () => {
		const world = await rolledBackWorld();
		mended(world);
		const { context, terminal } = beside(world);
		expect(await rotate(context, ["example.com"], NOW)).toBe(0);
		expect(terminal.said).toEqual([
			"the daemon has been asked; watching it",
			"example.com: waiting: it is to be taken up",
		]);
		expect(terminal.results).toEqual([expect.stringMatching(/^example.com: signs with 202611 since /)]);
	});

	test("tells the failure that comes afterwards", async () => {
		const world = await rolledBackWorld();
		failing(world, "the second reason");
		const { context, terminal } = beside(world);
		expect(await rotate(context, ["example.com"], NOW)).toBe(1);
		expect(terminal.results.join()).toMatch(/failed, 202610 still signs: .*the second reason/);
	});

	test("--no-wait says that it is to be taken up", async () => {
		const { context, terminal } = beside(await rolledBackWorld());
		expect(await rotate(context, ["example.com"], { ...NOW, wait: false })).toBe(3);
		expect(terminal.results).toEqual(["example.com: waiting: it is to be taken up"]);
	});
});

describe("rotate --now after the provider denied the record", () => {
	async function deniedWorld(): Promise<AgentWorld> {
		const world = new AgentWorld([quick]);
		await world.tick();
		world.change = () => ({ kind: "refused", denied: true, why: "home: 403", hint: null });
		await world.wish(["example.com"]);
		await world.tick();
		expect(world.told("provider_denied")).toEqual(["start"]);
		expect((await world.state()).keys.at(-1)).toMatchObject({ state: "pending", owes: { tries: 1 } });
		return world;
	}

	test("ends with 0 where it takes it now", async () => {
		const world = await deniedWorld();
		world.change = null;
		const { context } = beside(world);
		expect(await rotate(context, ["example.com"], NOW)).toBe(0);
		expect(await world.states()).toMatchObject({ "202611": "active" });
	});

	test("ends with 1 where it denies it still, and says why it does now", async () => {
		const world = await deniedWorld();
		world.change = () => ({ kind: "refused", denied: true, why: "home: 401", hint: null });
		const { context, terminal } = beside(world);
		expect(await rotate(context, ["example.com"], NOW)).toBe(1);
		expect(terminal.results.join()).toMatch(/failed, 202610 still signs: home: 401$/);
	});

	test("waits where it gives no answer: what it said before counts no more", async () => {
		const world = await deniedWorld();
		world.change = () => ({ kind: "unknown", why: "home: no answer" });
		const { context, terminal } = beside(world);
		expect(await rotate(context, ["example.com"], { ...NOW, waitMaxMs: 2 * MINUTE_MS })).toBe(3);
		expect((await world.state()).keys.at(-1)?.owes?.tries).toBeGreaterThan(1);
		expect(world.told("provider_denied")).toEqual(["start"]);
		expect(terminal.results.join()).toContain("waiting: ");
	});
});

describe("revoke after a switch that failed", () => {
	const REVOKE = { ...WAIT, useStandby: true, unsigned: false };

	test("ends with 0 where it holds now", async () => {
		const world = await rolledBackWorld();
		mended(world);
		const { context, terminal } = beside(world);
		expect(await revoke(context, "example.com", "202610", REVOKE)).toBe(0);
		expect(terminal.results.join()).toMatch(/202610 is revoked since .*; 202611 signs$/);
	});

	test("that was a revocation too is tried at once when it is asked for again", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		failing(world, "the first reason");
		const first = beside(world);
		expect(await revoke(first.context, "example.com", "202610", REVOKE)).toBe(1);
		expect(first.terminal.results.join()).toMatch(FIRST);
		mended(world);
		const { context } = beside(world);
		expect(await revoke(context, "example.com", "202610", REVOKE)).toBe(0);
		expect(world.told("rolled_back")).toHaveLength(1);
	});
});

describe("add after the switch to the first key failed", () => {
	const ASKED = { domain: "example.com", provider: null, signer: null };

	async function unsignedWorld(): Promise<AgentWorld> {
		const world = new AgentWorld([quick]);
		world.signNothing();
		failing(world, "the first reason");
		await world.tick();
		expect((await world.state()).keys.at(-1)).toMatchObject({ state: "verified", owes: { tries: 1 } });
		return world;
	}

	test("ends with 0 once it signs", async () => {
		const world = await unsignedWorld();
		mended(world);
		const { context, terminal } = beside(world);
		expect(await add(context, ASKED, { ...WAIT, dryRun: false })).toBe(0);
		expect(terminal.results.join()).toMatch(/^example.com: signs with 202611 since /);
	});

	test("ends with 1 where it fails again", async () => {
		const world = await unsignedWorld();
		failing(world, "the second reason");
		const { context, terminal } = beside(world);
		expect(await add(context, ASKED, { ...WAIT, dryRun: false })).toBe(1);
		expect(terminal.results.join()).toMatch(/failed, nothing signs for it yet: .*the second reason/);
	});
});

describe("remove after the signer did not let go", () => {
	const REMOVE = { ...WAIT, dryRun: false };

	async function keptWorld(): Promise<AgentWorld> {
		const world = new AgentWorld([quick]);
		await world.tick();
		failing(world, "the first reason");
		await world.ask({ kind: "remove", domains: ["example.com"] });
		await world.tick();
		expect((await world.state()).keys.at(-1)).toMatchObject({
			state: "active",
			owes: { act: "takeOut", id: null, tries: 1 },
		});
		return world;
	}

	test("ends with 0 where it does now", async () => {
		const world = await keptWorld();
		mended(world);
		const { context, terminal } = beside(world);
		expect(await remove(context, "example.com", REMOVE)).toBe(0);
		expect(terminal.results.join()).toMatch(/^example.com: keyturn signs no more for it; /);
		expect(world.lines).toEqual([]);
	});

	test("ends with 1 where it does not now either", async () => {
		const world = await keptWorld();
		failing(world, "the second reason");
		const { context, terminal } = beside(world);
		expect(await remove(context, "example.com", REMOVE)).toBe(1);
		expect(terminal.results.join()).toMatch(/failed, 202610 still signs: .*the second reason/);
	});

	test("tries at once without a daemon, too", async () => {
		const world = await keptWorld();
		mended(world);
		const { context } = commandBench(world);
		expect(await remove(context, "example.com", REMOVE)).toBe(0);
		expect(world.told("swap_failed").at(-1)).toBe("end");
	});

	test("tries at once, too, where the signer could not be read", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		world.signerProblem = "the table is gone";
		world.restart();
		await world.ask({ kind: "remove", domains: ["example.com"] });
		for (let failures = 0; failures < 6; failures += 1) await world.advance(30 * MINUTE_MS);
		expect(await world.states()).toEqual({ "202610": "active" });
		world.signerProblem = null;
		const { context } = commandBench(world);
		const before = world.uptimeMs;
		expect(await remove(context, "example.com", REMOVE)).toBe(0);
		expect(world.uptimeMs - before).toBeLessThan(MINUTE_MS);
	});
});

describe("add of a domain that the daemon has not read of", () => {
	test.each([
		["at once", { ...WAIT, wait: false }],
		["once its wish was dropped", { ...WAIT, waitMaxMs: 15 * MINUTE_MS }],
	])("says, %s, that the configuration was rejected, and why", async (_, options) => {
		const world = new AgentWorld([quick]);
		world.agent.note("config", {
			event: "config_rejected",
			severity: "warning",
			domains: [],
			selector: null,
			summary: "the new configuration was rejected; the old one stays in force",
			detail: "the secret file /etc/keyturn/cf.token is not there",
			hint: "mend keyturn.yaml and reload again",
		});
		await world.tick();
		const { context, terminal, workbench } = beside(world);
		const added = policyOf({ ...quick, domain: "b.example" });
		const settings = { ...workbench.settings, policies: [...workbench.settings.policies, added] };
		const addDomain = async () => Promise.resolve({ settings, line: "{ name: b.example, provider: home }" });
		const asked = { domain: "b.example", provider: null, signer: null };
		expect(await add({ ...context, addDomain }, asked, { ...options, dryRun: false })).toBe(3);
		expect(terminal.results.join().replaceAll(/\s+/g, " ")).toContain(
			"b.example: waiting: the daemon has rejected the new configuration and goes by the one before: the secret file /etc/keyturn/cf.token is not there",
		);
	});
});
