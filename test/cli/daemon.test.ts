import { describe, expect, test } from "vitest";
import { runDaemon } from "../../src/cli/daemon.ts";
import { rotate } from "../../src/cli/rotate.ts";
import type { CommandContext, Workbench } from "../../src/cli/workbench.ts";
import { KeyturnError } from "../../src/errors.ts";
import type { Settings } from "../../src/settings/settings.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { commandBench } from "../fakes/command-bench.ts";
import { policyOf } from "../fakes/policies.ts";

/** A daemon that is told to stop when so many ticks have begun. */
function daemonOf(
	world: AgentWorld,
	ticks: number,
	changes: Partial<Workbench> = {},
	onReload: CommandContext["onReload"] = () => undefined,
) {
	const stopping = new AbortController();
	let begun = 0;
	const agent: Workbench["agent"] = async () =>
		Promise.resolve({
			...world.agent,
			tick: async (signal, options) => {
				begun += 1;
				try {
					return await world.agent.tick(signal, options);
				} finally {
					if (begun === ticks) stopping.abort();
				}
			},
		});
	const said: string[] = [];
	const notify = async (words: readonly string[]) => Promise.resolve(void said.push(...words));
	const { context, workbench, terminal } = commandBench(world, { changes: { agent, notify, ...changes } });
	const given: CommandContext = {
		...context,
		signal: stopping.signal,
		open: async () => Promise.resolve(workbench),
		onReload,
	};
	return { run: async () => runDaemon(given), said, begun: () => begun, terminal };
}

/** When each tick began, which all find the lock with another. */
function heldTicks(world: AgentWorld): readonly number[] {
	const begunAt: number[] = [];
	world.agent.tick = async () => {
		begunAt.push(world.uptimeMs);
		return Promise.resolve("held");
	};
	return begunAt;
}

test("says when it is ready, how it stands, and that it stops", async () => {
	const daemon = daemonOf(new AgentWorld(), 2);
	expect(await daemon.run()).toBe(0);
	expect(daemon.said.slice(0, 2)).toEqual(["READY=1", "STATUS=looking at all domains for the first time"]);
	expect(daemon.said.slice(2).filter((word) => word.startsWith("STATUS="))).toHaveLength(2);
	expect(daemon.said.at(-1)).toBe("STOPPING=1");
});

test("beside another it does nothing, and ends with 75", async () => {
	const daemon = daemonOf(new AgentWorld(), 1, { becomeDaemon: async () => Promise.resolve("held") });
	expect(await daemon.run()).toBe(75);
	expect([daemon.begun(), daemon.said]).toEqual([0, []]);
	expect(daemon.terminal.said).toEqual(["another keyturn daemon is running"]);
});

test("vouches for itself to the manager's watchdog from when it is ready", async () => {
	const world = new AgentWorld();
	const { clock, watchdog } = commandBench(world).workbench;
	const daemon = daemonOf(world, 2, {
		watchdog: { ...watchdog, patienceMs: 600_000 },
		clock: {
			...clock,
			// The other one of the two who sleep by it goes on meanwhile.
			sleep: async (ms, signal) => {
				await new Promise((resolve) => void setImmediate(resolve));
				return clock.sleep(ms, signal);
			},
		},
	});
	expect(await daemon.run()).toBe(0);
	expect(daemon.said.slice(0, 3)).toEqual([
		"READY=1",
		"STATUS=looking at all domains for the first time",
		"WATCHDOG=1",
	]);
	expect(daemon.said.at(-1)).toBe("STOPPING=1");
});

test("a slot of the schedule wakes it at once", async () => {
	const world = new AgentWorld();
	const begunAt = heldTicks(world);
	const { clock } = commandBench(world).workbench;
	let slot: () => void = () => undefined;
	const daemon = daemonOf(world, 2, {
		wakeOnSchedule: (_, onWake) => {
			slot = onWake;
		},
		clock: {
			...clock,
			sleep: async (ms, signal) => {
				slot();
				return clock.sleep(ms, signal);
			},
		},
	});
	expect(await daemon.run()).toBe(0);
	const [first = 0, second = Infinity] = begunAt;
	expect(second - first).toBeLessThanOrEqual(1000);
});

test("a lock that another has keeps no wish waiting for longer", async () => {
	const world = new AgentWorld();
	await world.wish(["example.com"]);
	const begunAt = heldTicks(world);
	expect(await daemonOf(world, 2).run()).toBe(0);
	const [first = 0, second = Infinity] = begunAt;
	expect(second - first).toBeLessThanOrEqual(1000);
});

test("says no word to its service manager that somebody else has said", async () => {
	const world = new AgentWorld();
	const said = `opendkim: no\nWATCHDOG=trigger\n${"x".repeat(10_000)}`;
	world.refuse = () => ({ act: "refused", why: "failed", domains: [], message: said, hint: null });
	const daemon = daemonOf(world, 2);
	expect(await daemon.run()).toBe(0);
	const told = daemon.said.filter((word) => word.startsWith("STATUS="));
	expect(told.some((word) => word.includes("WATCHDOG"))).toBe(true);
	for (const word of told) expect(word).not.toContain("\n");
	for (const word of told) expect(word.length).toBeLessThan(400);
});

test("says again that it is ready: who says it first may be gone before systemd looks who it was", async () => {
	const daemon = daemonOf(new AgentWorld(), 2);
	await daemon.run();
	const after = daemon.said.slice(2);
	expect(after.filter((word) => word === "READY=1")).toHaveLength(2);
});

test("wishes that cannot be read for a while do not end it", async () => {
	const world = new AgentWorld();
	let asked = 0;
	const store: Workbench["store"] = {
		...world.store,
		wishes: async () => {
			asked += 1;
			if (asked > 1 && asked < 20) throw new KeyturnError("disk.failed", "wishes: EIO", { errno: "EIO" });
			return world.store.wishes();
		},
	};
	const daemon = daemonOf(world, 3, { store });
	expect(await daemon.run()).toBe(0);
	expect(daemon.begun()).toBe(3);
	expect(asked).toBeGreaterThan(20);
});

test("a wish that waits does not have it tick on and on while ticks fail, and a new one does at once", async () => {
	const world = new AgentWorld();
	await world.wish(["example.com"], "first");
	const begunAt: number[] = [];
	world.agent.tick = async () => {
		begunAt.push(world.uptimeMs);
		if (begunAt.length === 2) await world.wish(["example.com"], "second");
		return Promise.reject(new KeyturnError("disk.failed", "epoch: no space", { errno: "ENOSPC" }));
	};
	expect(await daemonOf(world, 3).run()).toBe(0);
	const [first = 0, second = 0, third = 0] = begunAt;
	expect(second - first).toBeGreaterThanOrEqual(5 * 60_000);
	expect(third - second).toBeLessThanOrEqual(1000);
});

test("what keeps it from working at all ends it before it is ready", async () => {
	const daemon = daemonOf(new AgentWorld(), 1, {
		agent: async () =>
			Promise.reject(new KeyturnError("config.unreadable", "the secret file /x is not there")),
	});
	await expect(daemon.run()).rejects.toMatchObject({ code: "config.unreadable" });
	expect(daemon.said).toEqual([]);
});

test.each([
	["go through", 200],
	["fail", 503],
] as const)("whoever asks for its health while ticks %s is answered %i", async (how, status) => {
	const world = new AgentWorld();
	if (how === "fail") world.agent.tick = async () => Promise.reject(new KeyturnError("disk.failed", "EIO"));
	const answers: (number | undefined)[] = [];
	const bench = commandBench(world);
	const { settings } = bench.workbench;
	const daemon = daemonOf(world, 2, {
		settings: { ...settings, metrics: { textfile: null, listen: { address: "127.0.0.1", port: 9710 } } },
		serveLocally: (answerFor) => ({
			listen: async () => Promise.resolve(void answers.push(answerFor("/healthz")?.status)),
		}),
	});
	expect(await daemon.run()).toBe(0);
	expect(answers.at(-1)).toBe(status);
});

test("a wish for a domain that was put into the file by hand has the file read again", async () => {
	const world = new AgentWorld();
	const other = policyOf({ domain: "example.org", publishAheadMs: 0 });
	await world.wish(["example.org"]);
	const daemon = daemonOf(world, 2, {
		reload: async () => {
			const policies = [...world.policies, other];
			world.signWith("example.org", "202610");
			world.reconfigure(policies);
			return Promise.resolve({ settings: { ...commandBench(world).workbench.settings, policies } });
		},
	});
	expect(await daemon.run()).toBe(0);
	expect((await world.state("example.org")).wants.rotate).not.toBeNull();
	expect(await world.store.wishes()).toEqual([]);
});

describe("a configuration that is rejected", () => {
	interface Scheduled {
		readonly wake: Settings["wake"];
		/** Whether the one before had ended. */
		readonly isAlone: boolean;
	}

	/**
	 * A daemon that reads its configuration anew in each of so many ticks; null is a good one. Answers the words to its service
	 * manager, and by which schedules it had itself woken.
	 */
	async function reloading(world: AgentWorld, ...faults: readonly (string | null)[]) {
		let read = 0;
		let reload: () => void = () => undefined;
		const said: string[] = [];
		const scheduled: Scheduled[] = [];
		let before: AbortSignal | null = null;
		const daemon = daemonOf(
			world,
			faults.length + 1,
			{
				reload: async () => {
					const fault = faults[read++] ?? null;
					const { settings } = commandBench(world).workbench;
					const anew = { ...settings, wake: [{ expression: "0 4 1 * *", timezone: "UTC" }] };
					return Promise.resolve(fault === null ? { settings: anew } : { fault });
				},
				notify: async (words) => {
					said.push(...words);
					if (words[0]?.startsWith("STATUS=") === true) reload();
					return Promise.resolve();
				},
				wakeOnSchedule: ({ wake }, _, signal) => {
					scheduled.push({ wake, isAlone: before?.aborted ?? true });
					before = signal;
				},
			},
			(listener) => {
				reload = listener;
			},
		);
		expect(await daemon.run()).toBe(0);
		expect(read).toBe(faults.length);
		return { said, scheduled };
	}

	test.each([
		["as a bad one", "a: is no key here"],
		["as a good one is", null],
	])("is read between two words to the service manager, %s", async (_, fault) => {
		const { said } = await reloading(new AgentWorld(), fault);
		const from = said.indexOf("RELOADING=1");
		expect(said.slice(from, from + 2)).toEqual(["RELOADING=1", "READY=1"]);
	});

	test("leaves it to the schedule before, and a good one puts its own in place of that", async () => {
		const before = { wake: [], isAlone: true };
		expect((await reloading(new AgentWorld(), "a: is no key here")).scheduled).toEqual([before]);
		expect((await reloading(new AgentWorld(), null)).scheduled).toEqual([
			before,
			{ wake: [{ expression: "0 4 1 * *", timezone: "UTC" }], isAlone: true },
		]);
	});

	test("is a trouble that lasts until a good one is read", async () => {
		const world = new AgentWorld();
		await reloading(world, "keyturn.yaml:1:1 a: is no key here", "b: is no key here", null);
		expect(world.told("config_rejected")).toEqual(["start", "end"]);
		expect(world.events.find(({ event }) => event === "config_rejected")?.detail).toContain("a: is no key");
	});

	test("is over when the daemon starts with a good one, and by no command beside it", async () => {
		const world = new AgentWorld();
		await reloading(world, "a: is no key here");
		const once = { wait: false, waitMaxMs: null, soak: true, json: false, now: false, dryRun: false };
		const beside = (isAlive: boolean) => {
			world.restart();
			return commandBench(world, { changes: { daemonAlive: async () => Promise.resolve(isAlive) } });
		};
		expect(await rotate(beside(true).context, [], once)).toBe(0);
		expect(world.told("config_rejected")).toEqual(["start"]);
		world.restart();
		await reloading(world);
		expect(world.told("config_rejected")).toEqual(["start", "end"]);
		await reloading(world, "a: is no key here");
		expect(await rotate(beside(false).context, [], once)).toBe(0);
		expect(world.told("config_rejected")).toEqual(["start", "end", "start", "end"]);
	});
});

test("that the one before was ended by the watchdog is told first, and forgotten after a good tick", async () => {
	const world = new AgentWorld();
	let endedAt: Date | null = new Date("2026-11-22T11:00:00Z");
	const daemon = daemonOf(world, 2, {
		watchdog: {
			patienceMs: null,
			silentMs: () => 0,
			endedAt: async () => Promise.resolve(endedAt),
			forget: async () => {
				endedAt = null;
				return Promise.resolve();
			},
		},
	});
	await daemon.run();
	const told = world.events.filter(({ trouble }) => trouble === "tick");
	expect(told.map(({ event, phase }) => [event, phase])).toEqual([
		["state_damaged", "start"],
		["state_damaged", "end"],
	]);
	expect(told[0]?.detail).toContain("2026-11-22T11:00:00.000Z");
	expect(endedAt).toBeNull();
});
