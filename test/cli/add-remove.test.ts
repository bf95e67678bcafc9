import { describe, expect, test } from "vitest";
import { add } from "../../src/cli/add.ts";
import { remove } from "../../src/cli/remove.ts";
import { status } from "../../src/cli/status.ts";
import type { DoorAnswer, SwitchResult } from "../../src/ports/door.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { commandBench } from "../fakes/command-bench.ts";
import { dualWorld } from "../fakes/dual-world.ts";
import { policyOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const quick = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 } });
const BUSY: DoorAnswer = {
	act: "refused",
	why: "busy",
	domains: [],
	message: "another request is at work",
	hint: "try again",
};
const OPTIONS = { wait: true, waitMaxMs: 60 * MINUTE_MS, soak: true, json: false, dryRun: false };
const ASKED = { domain: "Example.com", provider: null, signer: null };

function unsignedWorld(): AgentWorld {
	const world = new AgentWorld([quick]);
	world.signNothing();
	return world;
}

function rolledBack(result: SwitchResult): SwitchResult {
	const keys = result.keys.map((key) => ({ ...key, outcome: "rolled_back" as const }));
	return { ...result, outcome: "rolled_back", reason: "no signature", keys };
}

describe("add", () => {
	test("ends with 0 once the first key signs", async () => {
		const world = unsignedWorld();
		const { context, terminal } = commandBench(world);
		expect(await add(context, ASKED, OPTIONS)).toBe(0);
		expect(terminal.results).toEqual([expect.stringMatching(/^example.com: signs with 202611 since /)]);
		expect(await world.states()).toEqual({ "202611": "active" });
	});

	test("says what went into the configuration", async () => {
		const { context, terminal, workbench } = commandBench(unsignedWorld());
		const line = "{ name: example.com, provider: home }";
		const given = {
			...context,
			addDomain: async () => Promise.resolve({ settings: workbench.settings, line }),
		};
		expect(await add(given, ASKED, OPTIONS)).toBe(0);
		expect(terminal.said.join()).toContain(`added to /etc/keyturn/keyturn.yaml: ${line}`);
	});

	test("turns nothing where a key signs already, and says so", async () => {
		const world = new AgentWorld([quick]);
		const { context, terminal } = commandBench(world);
		expect(await add(context, ASKED, OPTIONS)).toBe(0);
		expect(terminal.results.join()).toMatch(/signs with 202610 since .*, which keyturn found in use$/);
		expect(world.requested("stage")).toBe(0);
	});

	test("ends with 3 while its record is not everywhere, and is done by whoever ticks next", async () => {
		const world = unsignedWorld();
		world.verdict = () => "absent";
		const { context, terminal } = commandBench(world);
		expect(await add(context, ASKED, { ...OPTIONS, wait: false, json: true })).toBe(3);
		expect(JSON.parse(terminal.results.join())).toMatchObject({
			domains: [{ domain: "example.com", code: 3, selector: null }],
		});
		world.verdict = () => "right";
		await world.advance(30 * MINUTE_MS);
		expect(await world.states()).toEqual({ "202611": "active" });
	});

	test("ends with 1 and the reason where the switch was taken back", async () => {
		const world = unsignedWorld();
		world.commit = (_id, result) => ({ act: "commit", result: rolledBack(result) });
		const { context, terminal } = commandBench(world);
		expect(await add(context, ASKED, OPTIONS)).toBe(1);
		expect(terminal.results.join()).toMatch(/failed, nothing signs for it yet: .*no signature/);
	});

	test.each([
		[
			"a place is lacking",
			(world: AgentWorld) =>
				void world.firstKeyFaults.push({ domain: "example.com", reason: "a line with %" }),
			"a line with %",
		],
		[
			"its signer cannot be read",
			(world: AgentWorld) => void (world.signerProblem = "the table is gone"),
			"the table is gone",
		],
		[
			"somebody else's line signs",
			(world: AgentWorld) => {
				world.signWith("example.com", "theirs");
				world.lines.splice(0, 1, ...world.lines.map((line) => ({ ...line, problem: "a relative path" })));
			},
			"a relative path",
		],
	])("is refused at once where %s", async (_, spoil, why) => {
		const world = unsignedWorld();
		spoil(world);
		const { context } = commandBench(world);
		await expect(add(context, ASKED, OPTIONS)).rejects.toMatchObject({
			code: "signer.config",
			message: `example.com gets no first key: ${why}`,
		});
		expect(await world.store.wishes()).toEqual([]);
	});

	test("is refused for what is no domain name", async () => {
		const { context } = commandBench(unsignedWorld());
		await expect(add(context, { ...ASKED, domain: "a b" }, OPTIONS)).rejects.toMatchObject({ code: "usage" });
	});

	test("--dry-run prints configuration, record and lines, and does nothing", async () => {
		const world = unsignedWorld();
		const { context, terminal, workbench } = commandBench(world);
		const tried: boolean[] = [];
		const given = {
			...context,
			addDomain: async (_asked: unknown, { isTried }: { readonly isTried: boolean }) => {
				tried.push(isTried);
				return Promise.resolve({
					settings: workbench.settings,
					line: "{ name: example.com, provider: home }",
				});
			},
		};
		expect(await add(given, ASKED, { ...OPTIONS, dryRun: true })).toBe(0);
		expect(tried).toEqual([true]);
		const [printed = ""] = terminal.results;
		expect(printed.split("\n").map((line) => line.trim())).toEqual([
			"nothing is changed by --dry-run",
			"",
			"/etc/keyturn/keyturn.yaml",
			"domains + - { name: example.com, provider: home }",
			"",
			"example.com",
			"when    now",
			"key     make an Ed25519 key as 202611",
			'dns     add 202611._domainkey.example.com. 3600 TXT "v=DKIM1;k=ed25519;p=…"',
			"through home",
			"table   /key.table",
			"+ example.com example.com:202611:/keys/example.com/202611.private",
			"service stop mail, stop signer; rename the table; start signer, start mail",
		]);
		expect(world.stateFiles()).toEqual(new Map());
		expect(await world.store.wishes()).toEqual([]);
		expect(world.changes).toEqual([]);
		expect(new Set(world.doorRequests.map(({ act }) => act))).toEqual(new Set(["inspect"]));
	});

	test("ends with 0 once keys of both algorithms sign", async () => {
		const world = dualWorld(["r1"]);
		world.verdict = (selector) => (selector === "202611" ? "absent" : "right");
		const first = commandBench(world);
		expect(await add(first.context, ASKED, OPTIONS)).toBe(3);
		expect(await world.states()).toEqual({ r1: "active", "202611": "published" });
		expect(first.terminal.results.join()).toMatch(/^example.com: waiting: 202611: /);
		world.verdict = () => "right";
		const { context, terminal } = commandBench(world);
		expect(await add(context, ASKED, OPTIONS)).toBe(0);
		expect(terminal.results.join()).toMatch(
			/^example.com: signs with r1 and 202611 since 2026-11-22 \S+ \S+$/,
		);
	});

	test("is refused at once where a key of the second algorithm gets no place", async () => {
		const world = dualWorld(["r1"]);
		world.ed25519Problem = "the table is gone";
		await world.tick();
		const { context } = commandBench(world);
		await expect(add(context, ASKED, OPTIONS)).rejects.toMatchObject({
			message: "example.com gets no first key: the table is gone",
		});
	});

	test("says which key signs already where that of the other algorithm fails", async () => {
		const world = dualWorld(["r1"]);
		world.commit = (_id, result) => ({ act: "commit", result: rolledBack(result) });
		const { context, terminal } = commandBench(world);
		expect(await add(context, ASKED, OPTIONS)).toBe(1);
		expect(terminal.results.join()).toMatch(/failed, only r1 signs for it yet: .*no signature/);
	});

	test("--dry-run of a domain that was leaving shows what comes when it stays", async () => {
		const world = unsignedWorld();
		await world.tick();
		await world.ask({ kind: "remove", domains: ["example.com"] });
		await world.tick();
		const { context, terminal } = commandBench(world);
		expect(await add(context, ASKED, { ...OPTIONS, dryRun: true })).toBe(0);
		const lines = terminal.results.join().split("\n");
		expect(lines).toContain("  when    now");
		expect(lines).toContain("  key     make an Ed25519 key as 202611b");
	});
});

describe("remove", () => {
	test("is not done where the door has never said what signs", async () => {
		const world = new AgentWorld([quick]);
		world.refuse = ({ act }) =>
			act === "inspect" ? { act: "refused", why: "failed", domains: [], message: "EIO", hint: null } : null;
		const { context, terminal } = commandBench(world);
		expect(await remove(context, "example.com", OPTIONS)).toBe(3);
		expect(terminal.results.join()).toContain("the door has not said so");
	});

	test("is not done where a line signs that keyturn never took up", async () => {
		const world = new AgentWorld([quick]);
		world.lines.splice(0, 1, ...world.lines.map((line) => ({ ...line, problem: "a relative path" })));
		const { context, terminal } = commandBench(world);
		expect(await remove(context, "example.com", OPTIONS)).toBe(3);
		expect(terminal.results.join()).toContain("202610 signs for it, and is to be taken out");
	});

	test("is done at once where nothing ever signed", async () => {
		const { context, terminal } = commandBench(unsignedWorld());
		expect(await remove(context, "example.com", OPTIONS)).toBe(0);
		expect(terminal.results.join()).toContain("keyturn signs no more for it");
	});

	async function addedWorld(): Promise<AgentWorld> {
		const world = unsignedWorld();
		await world.tick();
		return world;
	}

	test("ends with 0 once it is signed no more, and says when its records go", async () => {
		const world = await addedWorld();
		const { context, terminal } = commandBench(world);
		expect(await remove(context, "example.com", OPTIONS)).toBe(0);
		const [words = ""] = terminal.results;
		expect(words).toMatch(/^example.com: keyturn signs no more for it; /);
		expect(words).toMatch(/202611: mail signed with it may still be under way \(grace\) until 2026-12-06/);
		expect(words).toMatch(/its entry in keyturn.yaml stays until its records are gone/);
		expect(world.lines).toEqual([]);
	});

	test("says when the records of both keys go", async () => {
		const world = dualWorld([]);
		await world.advance(5 * MINUTE_MS);
		expect(await world.states()).toEqual({ "202611": "active", "202611b": "active" });
		const { context, terminal } = commandBench(world);
		expect(await remove(context, "example.com", OPTIONS)).toBe(0);
		const [words = ""] = terminal.results;
		expect(words).toMatch(/202611: mail signed with it may still be under way \(grace\) until 2026-12-06/);
		expect(words).toMatch(/202611b: mail signed with it may still be under way \(grace\) until 2026-12-06/);
		expect(words.match(/its entry in keyturn.yaml stays until its records are gone/g)).toHaveLength(1);
	});

	test("keeps the entry as long as the record of a key of one algorithm goes", async () => {
		const world = dualWorld(["r1"]);
		await world.advance(5 * MINUTE_MS);
		expect(await world.states()).toEqual({ r1: "active", "202611": "active" });
		const { context, terminal } = commandBench(world);
		expect(await remove(context, "example.com", OPTIONS)).toBe(0);
		const [words = ""] = terminal.results;
		expect(words).toMatch(/r1: its record stays: keyturn did not make it/);
		expect(words).toMatch(/its entry in keyturn.yaml stays until its records are gone/);
		expect(words).not.toMatch(/can be deleted/);
		const { domains } = await world.tick();
		expect(domains[0]?.waits.map(({ reason }) => reason).join()).not.toMatch(/can be deleted/);
		const bench = commandBench(world);
		await status(bench.context, { json: false, html: null, watch: false });
		expect(bench.terminal.results.join().replaceAll(/\s+/g, " ")).toMatch(/its entry in keyturn.yaml stays/);
	});

	test("says that the record of a key stays that keyturn did not make", async () => {
		const { context, terminal } = commandBench(new AgentWorld([quick]));
		expect(await remove(context, "example.com", OPTIONS)).toBe(0);
		expect(terminal.results.join()).toMatch(/202610: its record stays: keyturn did not make it/);
		expect(terminal.results.join()).toMatch(/has left: its entry in keyturn.yaml can be deleted/);
	});

	test("ends with 1 where the signer does not let go", async () => {
		const world = await addedWorld();
		world.refuse = ({ act }) =>
			act === "stage"
				? { act: "refused", why: "failed", domains: [], message: "a line with %", hint: null }
				: null;
		const { context, terminal } = commandBench(world);
		expect(await remove(context, "example.com", { ...OPTIONS, json: true })).toBe(1);
		expect(JSON.parse(terminal.results.join())).toMatchObject({
			domains: [{ code: 1, selector: "202611", words: "failed, 202611 still signs: a line with %" }],
		});
	});

	test("--dry-run prints what goes, and does nothing", async () => {
		const world = await addedWorld();
		const before = world.stateFiles();
		const asked = world.doorRequests.length;
		const { context, terminal } = commandBench(world);
		expect(await remove(context, "example.com", { ...OPTIONS, dryRun: true })).toBe(0);
		expect(
			terminal.results
				.join()
				.split("\n")
				.map((line) => line.trim()),
		).toEqual([
			"nothing is changed by --dry-run",
			"",
			"example.com",
			"table   /key.table",
			"- example.com example.com:202611:/keys/example.com/202611.private",
			"service stop mail, stop signer; rename the table; start signer, start mail",
			expect.stringMatching(/^later   remove the record of 202611 after grace, from 2026-12-06/),
		]);
		expect(world.stateFiles()).toEqual(before);
		expect(await world.store.wishes()).toEqual([]);
		expect(new Set(world.doorRequests.slice(asked).map(({ act }) => act))).toEqual(new Set(["inspect"]));
	});

	test("--dry-run fails in the door's words where that does not say what signs", async () => {
		const world = await addedWorld();
		world.refuse = () => BUSY;
		const { context, terminal } = commandBench(world);
		await expect(remove(context, "example.com", { ...OPTIONS, dryRun: true })).rejects.toMatchObject({
			code: "door.refused",
			message: "the keys in use cannot be read: another request is at work",
			hint: "try again",
		});
		expect(terminal.results).toEqual([]);
	});

	test("is refused for a domain that is not configured", async () => {
		const { context } = commandBench(await addedWorld());
		await expect(remove(context, "example.net", OPTIONS)).rejects.toMatchObject({ code: "usage" });
	});
});
