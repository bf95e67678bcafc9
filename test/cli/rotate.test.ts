import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { TickOptions } from "../../src/agent/agent.ts";
import { rotate, type RotateOptions } from "../../src/cli/rotate.ts";
import { KeyturnError } from "../../src/errors.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { commandBench } from "../fakes/command-bench.ts";
import { newHalf, policyOf } from "../fakes/policies.ts";

const PLAIN: RotateOptions = {
	now: false,
	dryRun: false,
	wait: true,
	waitMaxMs: null,
	soak: true,
	json: false,
};
const NOW: RotateOptions = { ...PLAIN, now: true };
const MINUTE_MS = 60_000;
const quick = { publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 as const } };

describe("rotate", () => {
	test("ends with 1 where the signer's configuration cannot be read, or the door gives no answer", async () => {
		const unread = new AgentWorld([policyOf(quick)]);
		await unread.tick();
		unread.signerProblem = "KeyTable: no such file";
		unread.restart();
		const told = commandBench(unread);
		expect(await rotate(told.context, [], PLAIN)).toBe(1);
		expect(told.terminal.results.join()).toContain("cannot be read: KeyTable: no such file");
		const silent = new AgentWorld([policyOf(quick)]);
		await silent.tick();
		silent.restart();
		silent.refuse = () => {
			throw new KeyturnError("door.unreachable", "the door: no answer");
		};
		const { context, terminal } = commandBench(silent);
		expect(await rotate(context, [], PLAIN)).toBe(1);
		expect(terminal.results.join()).toContain("the door: no answer");
	});

	test("ends with 1 and says so where the key was switched and the mail server did not start again", async () => {
		const world = new AgentWorld([policyOf(quick)]);
		world.commit = (_id, result) => {
			world.pending = { reason: "postfix did not start again", hint: "see its log", services: ["postfix"] };
			return { act: "commit", result: { ...result, owed: ["postfix"] } };
		};
		const { context, terminal } = commandBench(world);
		expect(await rotate(context, [], NOW)).toBe(1);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(terminal.said.join("\n")).toMatch(/^critical: postfix does not run: .*keyturn recover/m);
		expect(await rotate(context, [], PLAIN)).toBe(1);
		expect(terminal.results.at(-1)).toContain("postfix did not start again");
		world.pending = null;
		world.pass(MINUTE_MS);
		terminal.said.length = 0;
		expect(await rotate(context, [], PLAIN)).toBe(0);
		expect(terminal.said.join()).not.toContain("postfix");
	});

	test("turns a key that signs since a time to come, as a clock that was ahead had it", async () => {
		const world = new AgentWorld([policyOf(quick)]);
		const { context, terminal } = commandBench(world);
		expect(await rotate(context, [], NOW)).toBe(0);
		const [key] = (await world.state()).keys.filter(({ state }) => state === "active");
		world.pass(-2 * 24 * 60 * MINUTE_MS);
		expect(await rotate(context, [], NOW)).toBe(0);
		const active = (await world.state()).keys.filter(({ state }) => state === "active");
		expect(active).toHaveLength(1);
		expect(active[0]?.selector).not.toBe(key?.selector);
		expect(terminal.results.at(-1)).toContain(`signs with ${active[0]?.selector} since`);
	});

	test("ends with 75 when the lock stays with another, having waited half a minute", async () => {
		const world = new AgentWorld();
		const waits: number[] = [];
		const agent = {
			...world.agent,
			tick: async (_: AbortSignal, { lockWaitMs }: TickOptions) => {
				waits.push(lockWaitMs);
				return Promise.resolve("held" as const);
			},
		};
		const { context, terminal } = commandBench(world, {
			changes: { agent: async () => Promise.resolve(agent) },
		});
		expect(await rotate(context, [], PLAIN)).toBe(75);
		expect(waits).toEqual([1000, 29_000]);
		expect(terminal.said).toEqual([
			"another keyturn is at work; waiting for it",
			"another keyturn holds the lock; nothing was done",
		]);
		expect(await rotate(context, [], NOW)).toBe(75);
		expect(await world.store.wishes()).toHaveLength(1);
	});

	test("waits half an hour at a terminal, and verify.timeout elsewhere", async () => {
		for (const [isLive, minutes] of [
			[true, 30],
			[false, 24 * 60],
		] as const) {
			const world = new AgentWorld([policyOf(quick)]);
			world.verdict = (selector) => (selector === "202610" ? "right" : "absent");
			const { context } = commandBench(world, { isLive });
			expect(await rotate(context, [], NOW)).toBe(3);
			const waited = world.uptimeMs / MINUTE_MS;
			expect(waited).toBeGreaterThanOrEqual(minutes);
			expect(waited).toBeLessThan(minutes + 11);
		}
	});

	test.each([
		["verify.soak", 45 * MINUTE_MS, 60],
		["the zone's negative TTL", "auto", 3600],
	] as const)(
		"waits for the soak at a terminal, however long %s has it, of a key that is yet to be made",
		async (_, soakMs, negativeTtlSeconds) => {
			const policy = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs } });
			const world = new AgentWorld([policy]);
			world.negativeTtlSeconds = negativeTtlSeconds;
			const { context, terminal } = commandBench(world, { isLive: true });
			expect(await rotate(context, [], NOW)).toBe(0);
			expect(world.uptimeMs).toBeGreaterThanOrEqual(44 * MINUTE_MS);
			expect(terminal.drawn).toMatch(/served everywhere; switch in [45]\d min, when what/);
			expect(terminal.screen()).toEqual([]);
			expect(terminal.results).toHaveLength(1);
		},
	);

	test("--no-soak does not wait", async () => {
		const world = new AgentWorld([policyOf({ publishAheadMs: 0 })]);
		const { context } = commandBench(world);
		expect(await rotate(context, [], { ...NOW, soak: false })).toBe(0);
		expect(world.uptimeMs).toBeLessThan(MINUTE_MS);
	});

	describe("while a domain is leaving", () => {
		async function leavingWorld(): Promise<AgentWorld> {
			const world = new AgentWorld([policyOf(quick), policyOf({ ...quick, domain: "leaving.test" })]);
			await world.tick();
			await world.ask({ kind: "remove", domains: ["leaving.test"] });
			await world.tick();
			return world;
		}

		test("turns the others, and says so of it", async () => {
			const world = await leavingWorld();
			const { context, terminal } = commandBench(world);
			expect(await rotate(context, [], NOW)).toBe(0);
			expect(terminal.results).toEqual([
				expect.stringMatching(/^example.com: signs with 202611 since /),
				"leaving.test: no new key: it is leaving (keyturn remove)",
			]);
			expect((await world.state("leaving.test")).wants.rotate).toBeNull();
		});

		test("watches a daemon no longer than the others need", async () => {
			const world = await leavingWorld();
			const daemonAlive = async (): Promise<true> => {
				await world.tick();
				return true;
			};
			const { context, terminal } = commandBench(world, { changes: { daemonAlive } });
			expect(await rotate(context, [], NOW)).toBe(0);
			expect(terminal.results[1]).toBe("leaving.test: no new key: it is leaving (keyturn remove)");
		});

		test("asks for nothing where no other is configured", async () => {
			const world = new AgentWorld([policyOf(quick)]);
			await world.tick();
			await world.ask({ kind: "remove", domains: ["example.com"] });
			await world.tick();
			const { context, terminal } = commandBench(world);
			expect(await rotate(context, [], NOW)).toBe(0);
			expect(terminal.results).toEqual(["example.com: no new key: it is leaving (keyturn remove)"]);
			expect(await world.store.wishes()).toEqual([]);
		});

		test.each([NOW, { ...NOW, dryRun: true }])(
			"is refused by its name, and nothing is done",
			async (options) => {
				const world = await leavingWorld();
				const { context } = commandBench(world);
				await expect(rotate(context, ["example.com", "leaving.test"], options)).rejects.toMatchObject({
					code: "usage",
					message: "leaving.test: no new key: it is leaving (keyturn remove)",
					hint: "keyturn add leaving.test keeps it",
				});
				expect(await world.store.wishes()).toEqual([]);
			},
		);

		test("--dry-run makes no key for it", async () => {
			const { context, terminal } = commandBench(await leavingWorld());
			expect(await rotate(context, [], { ...PLAIN, dryRun: true })).toBe(0);
			expect(terminal.results.join("\n").split("\n").slice(-2)).toEqual([
				"leaving.test",
				"  no new key: it is leaving (keyturn remove)",
			]);
		});
	});

	test.each([false, true])(
		"says that the state of a domain cannot be read, and keeps the wish for it",
		async (isLive) => {
			const world = new AgentWorld([policyOf(quick)]);
			await world.tick();
			await world.damage("domains/example.com");
			const { context, terminal } = commandBench(world, { isLive });
			expect(await rotate(context, [], NOW)).toBe(1);
			expect(terminal.results.join("\n")).toContain("example.com: failed: its state cannot be read");
			expect(await world.store.wishes()).toHaveLength(1);
		},
	);

	test("counts where the domains are too many for a screen", async () => {
		const policies = Array.from({ length: 40 }, (_, index) =>
			policyOf({ ...quick, domain: `d${index}.test` }),
		);
		const world = new AgentWorld(policies);
		world.verdict = (selector) => (selector === "202610" ? "right" : "absent");
		const { context, terminal } = commandBench(world, { isLive: true });
		expect(await rotate(context, [], { ...NOW, waitMaxMs: 5000 })).toBe(3);
		expect(terminal.drawn).toContain("40 domains: 40 waiting for name servers");
		expect(terminal.drawn).not.toContain("d0.test:");
		expect(terminal.results).toHaveLength(40);
	});

	test("as JSON names the key that signs, also where nothing was due", async () => {
		const world = new AgentWorld([policyOf(quick)]);
		await world.tick();
		const { context, terminal } = commandBench(world);
		expect(await rotate(context, [], { ...PLAIN, json: true })).toBe(0);
		expect(JSON.parse(terminal.results.join())).toMatchObject({
			schema: 1,
			domains: [{ domain: "example.com", code: 0, selector: "202610" }],
		});
	});

	test("--dry-run changes nothing", async () => {
		const world = new AgentWorld([policyOf(quick)]);
		await world.tick();
		const before = world.stateFiles();
		expect(before.size).toBeGreaterThan(2);
		const { context, terminal } = commandBench(world);
		expect(await rotate(context, [], { ...NOW, dryRun: true })).toBe(0);
		expect(world.stateFiles()).toEqual(before);
		expect([await world.store.wishes(), world.changes, world.requested("stage")]).toEqual([[], [], 0]);
		expect(terminal.results.join("\n").split("\n")).toEqual([
			"nothing is changed by --dry-run",
			"",
			"example.com",
			"  when    now",
			"  key     make an Ed25519 key as 202611",
			'  dns     add 202611._domainkey.example.com. 3600 TXT "v=DKIM1;k=ed25519;p=…"',
			"          through home",
			"  table   /key.table",
			"          - example.com example.com:202610:/keys/example.com/202610.private",
			"          + example.com example.com:202611:/keys/example.com/202611.private",
			"  service stop mail, stop signer; rename the table; start signer, start mail",
			"  later   remove the record of 202610 only if retire.adopted is set",
		]);
	});

	describe("a domain with a signer for each key", () => {
		const RSA = { algorithm: "rsa", bits: 2048 } as const;
		const RSA_PUBLIC = generateKeyPairSync("rsa", { modulusLength: 1024 })
			.publicKey.export({ format: "der", type: "spki" })
			.toString("base64");

		function worldOfTwo(keys: readonly (readonly [string, string])[]): AgentWorld {
			const world = new AgentWorld([
				{
					...policyOf(quick),
					key: RSA,
					keys: [RSA, { algorithm: "ed25519" }],
					signers: [
						{ signer: "main", swap: "restart" },
						{ signer: "second", swap: "restart" },
					],
				},
			]);
			world.ed25519Signer = "second";
			world.signNothing();
			world.signWithBoth("example.com", keys);
			return world;
		}

		test("is done when both have turned, also where one of them is the first", async () => {
			const world = worldOfTwo([["r1", RSA_PUBLIC]]);
			let looks = 0;
			world.verdict = (selector) => (selector === "202611" && (looks += 1) < 4 ? "absent" : "right");
			const { context, terminal } = commandBench(world);
			expect(await rotate(context, [], NOW)).toBe(0);
			expect(terminal.results.join()).toMatch(/: signs with 202611b? and 202611b? since /);
			expect(looks).toBeGreaterThan(3);
		});

		test("says which has turned where the other one's signer refuses", async () => {
			const world = worldOfTwo([
				["r1", RSA_PUBLIC],
				["e1", newHalf().publicKey],
			]);
			world.refuse = (request) =>
				request.act === "stage" && request.changes.some(({ signer }) => signer === "second")
					? {
							act: "refused",
							why: "preflight",
							domains: [],
							signer: "second",
							message: "opendkim -n: no",
							hint: null,
						}
					: null;
			const { context, terminal } = commandBench(world);
			expect(await rotate(context, [], NOW)).toBe(1);
			expect(terminal.results.join()).toContain(
				"example.com: failed, e1 still signs beside the new 202611: opendkim -n: no",
			);
		});

		test("--dry-run of a domain with a signer for each key says what becomes of each", async () => {
			const world = worldOfTwo([["e1", newHalf().publicKey]]);
			const { context, terminal } = commandBench(world);
			expect(await rotate(context, [], { ...NOW, dryRun: true })).toBe(0);
			const lines = terminal.results.join("\n").split("\n");
			expect(lines.filter((line) => /^\S|key  |[-+] /.test(line))).toEqual([
				"nothing is changed by --dry-run",
				"example.com: an RSA key of 2048 bits, by main",
				"  key     make an RSA key of 2048 bits as 202611",
				"          + example.com example.com:202611:/keys/example.com/202611.private",
				"example.com: an Ed25519 key, by second",
				"  key     make an Ed25519 key as 202611b",
				"          - example.com example.com:e1:/keys/example.com/e1.private",
				"          + example.com example.com:202611b:/keys/example.com/202611b.private",
			]);
		});
	});

	test("--dry-run of a domain that shares its key says when the first of those turns", async () => {
		const names = ["a.example", "b.example"];
		const spread = { publishAheadMs: 0, spreadMs: 6 * 60 * MINUTE_MS };
		const world = new AgentWorld(names.map((domain) => policyOf({ ...spread, domain })));
		world.shareKey(names);
		await world.tick();
		const { context, terminal } = commandBench(world);
		await rotate(context, [], { ...PLAIN, dryRun: true });
		const told = terminal.results.join("\n").match(/due \d{4}-\d\d-\d\d \d\d:\d\d/g) ?? [];
		expect(told).toHaveLength(2);
		expect(new Set(told).size).toBe(1);
	});

	test("--dry-run of what is not due says when it is, and of a key under way what is done already", async () => {
		const world = new AgentWorld([policyOf({ timezone: "Europe/Berlin" })]);
		await world.tick();
		const { context, terminal } = commandBench(world);
		await rotate(context, [], { ...PLAIN, dryRun: true });
		expect(terminal.results.join("\n")).toContain(
			"when    the next key, due 2026-12-01 03:00 +01:00, is made (2026-11-28 03:00 +01:00)",
		);
		await world.advance(6 * 24 * 60 * MINUTE_MS);
		await rotate(context, [], { ...PLAIN, dryRun: true });
		expect(terminal.results[1]).toContain("key     202612 is made already");
		expect(terminal.results[1]).toContain("202612._domainkey.example.com. is published already");
	});

	test("of a domain that is not configured says which are", async () => {
		const { context } = commandBench(new AgentWorld());
		await expect(rotate(context, ["other.test"], NOW)).rejects.toMatchObject({
			code: "usage",
			hint: "configured: example.com",
		});
	});
});
