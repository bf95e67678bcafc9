import { describe, expect, test } from "vitest";
import { retire } from "../../src/cli/retire.ts";
import { revoke } from "../../src/cli/revoke.ts";
import { rollback } from "../../src/cli/rollback.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { commandBench } from "../fakes/command-bench.ts";
import { dualWorld, rsaPublicKey } from "../fakes/dual-world.ts";
import { newHalf, policyOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const quick = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 } });
const OPTIONS = { wait: true, waitMaxMs: 60 * MINUTE_MS, soak: true, json: false };
const REVOKE = { ...OPTIONS, useStandby: false, unsigned: false };
const DENIED = { kind: "refused", denied: true, why: "home: 403", hint: null } as const;
const SILENT = { kind: "unknown", why: "home: silent" } as const;

async function turnedWorld(): Promise<AgentWorld> {
	const world = new AgentWorld([quick]);
	await world.tick();
	await world.wish(["example.com"], "turn");
	await world.advance(MINUTE_MS);
	return world;
}

describe("rollback", () => {
	test("ends with 0 once the key before signs again, and says until when", async () => {
		const { context, terminal } = commandBench(await turnedWorld());
		expect(await rollback(context, "example.com", OPTIONS)).toBe(0);
		expect(terminal.results).toEqual([
			expect.stringMatching(/^example.com: signs with 202610 again since .*, until the next due date$/),
		]);
	});

	test("ends with 1 and the reason where the record before does not stand", async () => {
		const world = await turnedWorld();
		world.verdict = (selector) => (selector === "202610" ? "absent" : "right");
		const { context, terminal } = commandBench(world);
		expect(await rollback(context, "example.com", OPTIONS)).toBe(1);
		expect(terminal.results.join()).toMatch(/failed, 202611 still signs: .*its record does not verify/);
	});

	test("ends with 3 while the servers give no answer, and the wish stays", async () => {
		const world = await turnedWorld();
		world.verdict = (selector) => (selector === "202610" ? "unknown" : "right");
		const { context, terminal } = commandBench(world);
		expect(await rollback(context, "example.com", { ...OPTIONS, json: true })).toBe(3);
		expect(JSON.parse(terminal.results.join())).toMatchObject({
			domains: [{ domain: "example.com", code: 3, selector: "202611" }],
		});
		expect((await world.state()).wants.rollback).toMatchObject({ selector: "202610" });
	});

	test("goes back with the keys of both algorithms, and names both", async () => {
		const world = dualWorld(["r1", "e1"]);
		await world.wish(["example.com"], "turn");
		await world.advance(MINUTE_MS);
		const { context, terminal } = commandBench(world);
		expect(await rollback(context, "example.com", OPTIONS)).toBe(0);
		expect(terminal.results.join()).toMatch(/^example.com: signs with r1 and e1 again since /);
		expect(await world.states()).toMatchObject({ r1: "active", e1: "active" });
	});

	test("goes back with the one alone that another signed before, where the other is the first of its kind", async () => {
		const world = dualWorld(["r1"]);
		await world.wish(["example.com"], "turn");
		await world.advance(5 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active", "202611b": "active", r1: "retiring" });
		const { context, terminal } = commandBench(world);
		expect(await rollback(context, "example.com", OPTIONS)).toBe(0);
		expect(terminal.results.join()).toMatch(/^example.com: signs with r1 again since /);
		expect(await world.states()).toMatchObject({ "202611": "active", "202611b": "retiring", r1: "active" });
	});

	test("goes back with the RSA key of a list that became it and had the other first", async () => {
		const [rsa, ed25519] = [{ algorithm: "rsa", bits: 2048 }, { algorithm: "ed25519" }] as const;
		const world = new AgentWorld([{ ...quick, key: ed25519, keys: [ed25519, rsa] }]);
		world.signNothing();
		world.signWithBoth("example.com", [
			["r1", rsaPublicKey()],
			["e1", newHalf().publicKey],
		]);
		await world.wish(["example.com"], "turn");
		await world.advance(5 * MINUTE_MS);
		const single = { ...quick, key: rsa };
		world.restart([single]);
		const { settings } = commandBench(world).workbench;
		const { context, terminal } = commandBench(world, {
			changes: { settings: { ...settings, policies: [single] } },
		});
		expect(await rollback(context, "example.com", OPTIONS)).toBe(0);
		expect(terminal.results.join()).toMatch(/^example.com: signs with r1 again since /);
		expect(await world.states()).toMatchObject({ r1: "active" });
	});

	test("is refused where there is nothing to go back to", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		const { context } = commandBench(world);
		await expect(rollback(context, "example.com", OPTIONS)).rejects.toMatchObject({
			code: "usage",
			message: "example.com: the record of no key that signed before 202610 stands any more",
		});
		expect(await world.store.wishes()).toEqual([]);
	});
});

describe("revoke", () => {
	test("ends with 0 once another key signs and the record is empty", async () => {
		const world = await turnedWorld();
		const { context, terminal } = commandBench(world);
		expect(await revoke(context, "example.com", "202611", REVOKE)).toBe(0);
		expect(terminal.results.join()).toMatch(/^example.com: 202611 is revoked since .*; 202611b signs$/);
	});

	test("says that the key still signs and verifies while its successor is waited for", async () => {
		const world = await turnedWorld();
		world.verdict = (selector) => (selector === "202611b" ? "absent" : "right");
		const { context, terminal } = commandBench(world);
		expect(await revoke(context, "example.com", "202611", REVOKE)).toBe(3);
		expect(terminal.results.join()).toMatch(/waiting: .*mail is still signed with 202611, and verifies/);
	});

	test("is not done by the switch to the very key, which was under way", async () => {
		const world = new AgentWorld([quick]);
		await world.wish(["example.com"]);
		world.commit = (id, result) => world.loseAnswer(id, result);
		await world.tick();
		expect(await world.states()).toMatchObject({ "202611": "verified" });
		world.commit = (_id, result) => ({ act: "commit", result });
		world.verdict = (selector) => (selector === "202611b" ? "absent" : "right");
		const { context, terminal } = commandBench(world);
		expect(await revoke(context, "example.com", "202611", REVOKE)).toBe(3);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(terminal.results.join()).toMatch(/waiting: .*mail is still signed with 202611, and verifies/);
	});

	test("--unsigned empties the record without waiting for a successor", async () => {
		const world = await turnedWorld();
		world.verdict = (selector) => (selector === "202611b" ? "absent" : "right");
		const { context, terminal } = commandBench(world);
		expect(await revoke(context, "example.com", "202611", { ...REVOKE, unsigned: true })).toBe(0);
		expect(terminal.results.join()).toMatch(/202611 is revoked since .*; nothing signs$/);
	});

	test("ends with 1 and the provider's words where it does not let the record be emptied", async () => {
		const world = await turnedWorld();
		world.change = (change) => (change.kind === "replace" ? DENIED : { kind: "done" });
		const { context, terminal } = commandBench(world);
		const before = world.uptimeMs;
		expect(await revoke(context, "example.com", "202611", REVOKE)).toBe(1);
		expect(world.uptimeMs - before).toBeLessThan(30 * MINUTE_MS);
		expect(terminal.results).toEqual([
			"example.com: failed: home: the record at 202611._domainkey.example.com was not changed: home: 403",
		]);
		expect((await world.state()).wants.revoke).toMatchObject([{ selector: "202611" }]);
	});

	test("waits for another domain that the record is needed for still", async () => {
		const names = ["a.example", "b.example"];
		const world = new AgentWorld(names.map((domain) => ({ ...quick, domain })));
		const { publicKey } = newHalf();
		for (const domain of names) {
			world.signWith(domain, "202610", publicKey);
			world.aliases.set(`202610._domainkey.${domain}`, "kt.example.net");
		}
		await world.tick();
		world.zone.set("kt.example.net", [(await world.state("a.example")).keys[0]?.record.value ?? ""]);
		world.report = (selector, domain) => ({
			verdict: domain === "b.example" && selector !== "202610" ? "absent" : "right",
			servers: [],
			resolvers: [],
		});
		const { context, terminal } = commandBench(world);
		expect(await revoke(context, "a.example", "202610", { ...REVOKE, waitMaxMs: 20 * MINUTE_MS })).toBe(3);
		expect(terminal.results.join()).toMatch(/waiting: .* \(a\.example: mail of b\.example is still signed/);
		world.report = null;
		expect(await revoke(context, "a.example", "202610", REVOKE)).toBe(0);
	});

	test("is refused for a key that nobody knows", async () => {
		const { context } = commandBench(await turnedWorld());
		await expect(revoke(context, "example.com", "202601", REVOKE)).rejects.toMatchObject({
			message: "example.com: no key 202601 is known",
			hint: "known: 202610 (retiring), 202611 (active)",
		});
	});
});

describe("retire", () => {
	test("waits for no grace, but says until when it lasts, and keeps the wish", async () => {
		const world = await turnedWorld();
		const { context, terminal } = commandBench(world);
		const before = world.uptimeMs;
		expect(await retire(context, "example.com", "202610", OPTIONS)).toBe(3);
		expect(world.uptimeMs - before).toBeLessThan(MINUTE_MS);
		expect(terminal.results.join()).toMatch(
			/waiting: mail signed with it may still be under way \(grace\) until/,
		);
		await world.advance(15 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202610": "retired" });
	});

	test("does not wait for a clock that jumped to have been steady, but says until when", async () => {
		const world = await turnedWorld();
		world.at = new Date(world.at.getTime() + 20 * DAY_MS);
		await world.tick();
		const { context, terminal } = commandBench(world);
		const before = world.uptimeMs;
		expect(await retire(context, "example.com", "202610", OPTIONS)).toBe(3);
		expect(world.uptimeMs - before).toBeLessThan(MINUTE_MS);
		expect(terminal.results.join()).toMatch(/waiting: the clock jumped before .* until 20/);
	});

	test("does not wait for the grace that begins once nothing else uses the key", async () => {
		const world = await turnedWorld();
		const names = { domain: "example.com", selector: "202610", keyPath: null, publicKey: null };
		world.otherReaders = [{ program: "amavis", where: "line 12", problem: null, ...names }];
		await world.advance(20 * DAY_MS);
		world.otherReaders = [];
		const { context, terminal } = commandBench(world);
		const before = world.uptimeMs;
		expect(await retire(context, "example.com", "202610", OPTIONS)).toBe(3);
		expect(world.uptimeMs - before).toBeLessThan(MINUTE_MS);
		expect(terminal.results.join()).toContain("(grace) until");
	});

	test("says until when grace lasts of a key of the second algorithm too", async () => {
		const world = dualWorld(["r1", "e1"]);
		await world.wish(["example.com"], "turn");
		await world.advance(MINUTE_MS);
		for (const selector of ["r1", "e1"]) {
			const { context, terminal } = commandBench(world);
			expect(await retire(context, "example.com", selector, OPTIONS)).toBe(3);
			expect(terminal.results.join()).toMatch(
				/waiting: mail signed with it may .* \(grace\) until 2026-12-06/,
			);
		}
	});

	test("ends with 0 once the record is gone", async () => {
		const world = await turnedWorld();
		world.pass(20 * DAY_MS);
		const { context, terminal } = commandBench(world);
		expect(await retire(context, "example.com", "202610", OPTIONS)).toBe(0);
		expect(terminal.results.join()).toMatch(/^example.com: the record of 202610 is removed since /);
	});

	test("ends with 1 and the provider's words where it does not let the record be removed", async () => {
		const world = await turnedWorld();
		world.pass(20 * DAY_MS);
		world.change = () => DENIED;
		const { context, terminal } = commandBench(world);
		const before = world.uptimeMs;
		expect(await retire(context, "example.com", "202610", OPTIONS)).toBe(1);
		expect(world.uptimeMs - before).toBeLessThan(30 * MINUTE_MS);
		expect(terminal.results).toEqual([
			"example.com: failed: home: the record at 202610._domainkey.example.com was not changed: home: 403",
		]);
	});

	test.each([
		["its successor does not verify", "absent", null, /\(example\.com: the record of 202611, which took/],
		["the provider gives no answer", "right", () => SILENT, /home: silent\)$/],
		["it refuses this record", "right", () => ({ ...DENIED, denied: false }), /home: 403\)$/],
	] as const)("goes on waiting while %s, and says so", async (_, verdict, change, words) => {
		const world = await turnedWorld();
		world.pass(20 * DAY_MS);
		world.verdict = () => verdict;
		world.change = change;
		const { context, terminal } = commandBench(world);
		expect(await retire(context, "example.com", "202610", OPTIONS)).toBe(3);
		expect(terminal.results.join()).toMatch(words);
		world.verdict = () => "right";
		world.change = null;
		expect(await retire(context, "example.com", "202610", OPTIONS)).toBe(0);
	});

	test("says what a trouble that stood before tells, and waits for another attempt", async () => {
		const world = await turnedWorld();
		world.change = () => DENIED;
		world.pass(20 * DAY_MS);
		const first = commandBench(world);
		await retire(first.context, "example.com", "202610", { ...OPTIONS, wait: false });
		await world.advance(MINUTE_MS);
		const { context, terminal } = commandBench(world);
		expect(await retire(context, "example.com", "202610", { ...OPTIONS, wait: false })).toBe(3);
		expect(terminal.results.join()).toMatch(/^example.com: waiting: .* \(home: the record .*: home: 403\)$/);
		world.change = null;
		expect(await retire(context, "example.com", "202610", OPTIONS)).toBe(0);
	});

	test("does not say that a record is removed which stays for another domain", async () => {
		const names = ["a.example", "b.example"];
		const shared = { ...quick, retire: { ...quick.retire, adopted: true } };
		const world = new AgentWorld(names.map((domain) => ({ ...shared, domain })));
		for (const domain of names) world.aliases.set(`202610._domainkey.${domain}`, "kt.example.net");
		world.shareKey(names);
		await world.tick();
		await world.ask({ kind: "remove", domains: ["a.example"] }, "w1");
		await world.advance(MINUTE_MS);
		world.pass(20 * DAY_MS);
		const { context, terminal } = commandBench(world);
		expect(await retire(context, "a.example", "202610", OPTIONS)).toBe(0);
		expect(terminal.results.join()).toMatch(
			/^a.example: 202610 is retired since .*; its record was left to b.example$/,
		);
		expect(world.changes.filter(({ kind }) => kind === "remove")).toEqual([]);
		await expect(retire(context, "a.example", "202610", OPTIONS)).rejects.toMatchObject({
			message: "a.example: 202610 is retired already; its record was left to b.example",
		});
		await expect(revoke(context, "a.example", "202610", REVOKE)).rejects.toMatchObject({
			message: "a.example: 202610 is retired already; its record was left to b.example: revoke it there",
		});
	});

	test("is refused for the key that signs", async () => {
		const { context } = commandBench(await turnedWorld());
		await expect(retire(context, "example.com", "202611", OPTIONS)).rejects.toMatchObject({
			message: "example.com: mail is signed with 202611: turn it first",
			hint: "keyturn rotate --now example.com",
		});
	});
});
