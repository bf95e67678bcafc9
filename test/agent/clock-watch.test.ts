import { describe, expect, it } from "vitest";
import { AgentWorld } from "../fakes/agent-world.ts";
import { policyOf, scheduleOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const quick = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 } });
/** No turn comes due in these tests. */
const schedule = scheduleOf("0 3 1 6 *");
const onDemand = { ...quick, schedule };

/** One process per tick, as a timer starts them. */
async function runEvery(world: AgentWorld, days: number, times: number): Promise<void> {
	for (let count = 0; count < times; count += 1) {
		world.pass(days * DAY_MS);
		world.restart();
		await world.tick();
	}
}

describe("without a daemon", () => {
	it("a weekly timer turns keys and removes records, and is no clock that jumped", async () => {
		const world = new AgentWorld([onDemand]);
		await world.wish(["example.com"]);
		await world.tick();
		world.pass(MINUTE_MS);
		await world.wish(["example.com"], "w2");
		await world.tick();
		await runEvery(world, 7, 3);
		expect(await world.states()).toMatchObject({ "202611": "retired", "202611b": "active" });
		expect(world.told("clock_suspect")).toEqual([]);
	});

	it("a monthly timer removes records too, and is no clock that jumped", async () => {
		const world = await withAnOldKey();
		await runEvery(world, 30, 2);
		expect(await world.states()).toMatchObject({ "202611": "retired" });
		expect(world.told("clock_suspect")).toEqual([]);
	});

	it("nor is one whose host was booted meanwhile, and has been up for longer than grace", async () => {
		const world = await withAnOldKey();
		world.boot(0);
		await runEvery(world, 30, 1);
		expect(await world.states()).toMatchObject({ "202611": "retired" });
		expect(world.told("clock_suspect")).toEqual([]);
	});
});

describe("without a daemon, on a host that is booted before each monthly run", () => {
	const soaking = { ...onDemand, verify: { ...quick.verify, soakMs: 60 * MINUTE_MS } };

	async function bootMonthly(world: AgentWorld, times: number): Promise<void> {
		for (let count = 0; count < times; count += 1) {
			world.boot(29 * DAY_MS);
			world.pass(DAY_MS);
			await world.tick();
		}
	}

	it("old records go in the end", async () => {
		const world = await withAnOldKey();
		await bootMonthly(world, 5);
		expect(await world.states()).toMatchObject({ "202611": "retired" });
	});

	it("a new key is put to use", async () => {
		const world = new AgentWorld([soaking]);
		await world.wish(["example.com"]);
		await world.tick();
		expect(await world.states()).toMatchObject({ "202611": "published" });
		await bootMonthly(world, 2);
		expect(await world.states()).toMatchObject({ "202611": "active" });
	});

	it("but not while the clock is moved before the soak is over, time and again", async () => {
		const world = new AgentWorld([soaking]);
		await world.wish(["example.com"]);
		await world.tick();
		for (let day = 0; day < 5; day += 1) {
			world.at = new Date(world.at.getTime() + DAY_MS);
			await world.advance(40 * MINUTE_MS);
		}
		expect(await world.states()).toMatchObject({ "202611": "published" });
		await world.advance(30 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
	});
});

describe("a clock that is set on a little in the middle of a soak", () => {
	const soaking = { ...onDemand, verify: { ...quick.verify, soakMs: 15 * MINUTE_MS } };

	it.each(["by the process that saw it", "by another process"])("begins the soak anew, %s", async (by) => {
		const world = new AgentWorld([soaking]);
		await world.wish(["example.com"]);
		await world.tick();
		world.pass(MINUTE_MS);
		world.at = new Date(world.at.getTime() + 20 * MINUTE_MS);
		if (by === "by another process") world.restart();
		await world.tick();
		expect(await world.states()).toMatchObject({ "202611": "published" });
		expect(world.told("clock_suspect")).toEqual([]);
		await world.advance(10 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "published" });
		await world.advance(10 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
	});
});

it("a clock that was ahead by weeks keeps no soak from ending once it is right", async () => {
	const world = new AgentWorld([{ ...onDemand, verify: { ...quick.verify, soakMs: 15 * MINUTE_MS } }]);
	await world.tick();
	world.pass(MINUTE_MS);
	world.at = new Date(world.at.getTime() + 40 * DAY_MS);
	await world.tick();
	world.pass(MINUTE_MS);
	world.at = new Date(world.at.getTime() - 40 * DAY_MS);
	await world.advance(2 * MINUTE_MS);
	await world.wish(["example.com"]);
	await world.advance(30 * MINUTE_MS);
	expect(Object.values(await world.states())).toContain("active");
	expect(await world.states()).toMatchObject({ "202610": "retiring" });
});

it("a step of the clock that one process saw is known to the next, which counts a soak from there", async () => {
	const world = new AgentWorld([{ ...onDemand, verify: { ...quick.verify, soakMs: 60 * MINUTE_MS } }]);
	await world.wish(["example.com"]);
	await world.tick();
	world.pass(5 * MINUTE_MS);
	world.at = new Date(world.at.getTime() + 50 * MINUTE_MS);
	world.verdict = (selector) => (selector === "202611" ? "unknown" : "right");
	await world.tick();
	world.verdict = () => "right";
	world.pass(6 * MINUTE_MS);
	world.restart();
	await world.tick();
	expect(await world.states()).toMatchObject({ "202611": "published" });
	await world.advance(70 * MINUTE_MS);
	expect(await world.states()).toMatchObject({ "202611": "active" });
});

describe("in a container", () => {
	it("whose start gives it another boot, and not another time since boot, no clock jumped", async () => {
		const world = new AgentWorld([onDemand]);
		world.pass(40 * DAY_MS);
		await world.tick();
		const { uptimeMs } = world;
		world.boot(5 * MINUTE_MS);
		world.uptimeMs = uptimeMs + 5 * MINUTE_MS;
		await world.tick();
		expect(world.told("clock_suspect")).toEqual([]);
	});

	it("whose start gives it another time since boot, and not another boot, no clock jumped", async () => {
		const world = new AgentWorld([onDemand]);
		world.pass(3 * DAY_MS);
		await world.tick();
		world.pass(5 * MINUTE_MS);
		world.uptimeMs = 10_000;
		world.restart();
		await world.tick();
		expect(world.told("clock_suspect")).toEqual([]);
	});
});

describe("a clock that is set on by days between two processes", () => {
	it("is told where the time since boot proves it", async () => {
		const world = new AgentWorld([onDemand]);
		await world.tick();
		world.pass(MINUTE_MS);
		world.at = new Date(world.at.getTime() + 3 * DAY_MS);
		world.restart();
		await world.tick();
		expect(world.told("clock_suspect")).toEqual(["start"]);
	});

	it("is taken for silence where the host was booted meanwhile", async () => {
		const world = new AgentWorld([onDemand]);
		await world.tick();
		world.boot(3 * DAY_MS);
		await world.tick();
		expect(world.told("clock_suspect")).toEqual([]);
	});
});

/** With a key that has just gone out of use. */
async function withAnOldKey(policy = quick): Promise<AgentWorld> {
	const world = new AgentWorld([{ ...policy, schedule }]);
	world.at = new Date(world.at.getTime() - 60 * DAY_MS);
	await world.tick();
	world.pass(60 * DAY_MS);
	await world.wish(["example.com"]);
	await world.tick();
	world.pass(MINUTE_MS);
	await world.wish(["example.com"], "w2");
	await world.tick();
	return world;
}

it.each([
	[7, []],
	[9, ["start"]],
] as const)(
	"a host that was off for %i days may have a clock that jumped where that is more than a week: %j",
	async (days, told) => {
		const world = await withAnOldKey();
		world.boot(days * DAY_MS);
		await world.tick();
		expect(world.told("clock_suspect")).toEqual(told);
	},
);

describe("a host that was off for a month", () => {
	it("may have a clock that jumped: grace counts from when it is up again", async () => {
		const world = await withAnOldKey();
		world.boot(30 * DAY_MS);
		await world.tick();
		expect(world.told("clock_suspect")).toEqual(["start"]);
		await world.advance(quick.retire.graceMs - DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retiring" });
		await world.advance(2 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retired" });
	});

	it("and so may one that was off for hours, whose clock had gone back before and is right again", async () => {
		const world = new AgentWorld([onDemand]);
		await world.wish(["example.com"]);
		await world.tick();
		world.at = new Date(world.at.getTime() - 80 * DAY_MS);
		await world.tick();
		await world.wish(["example.com"], "w2");
		await world.tick();
		const { "202611": old } = await world.states();
		expect(old).toBe("retiring");
		world.boot(180 * MINUTE_MS);
		await world.tick();
		expect(world.told("clock_suspect")).toEqual(["start", "start"]);
		world.boot(180 * MINUTE_MS);
		world.at = new Date(world.at.getTime() + 80 * DAY_MS);
		await world.tick();
		await world.advance(quick.retire.graceMs - DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retiring" });
		await world.advance(2 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retired" });
	});

	it("and then off every night gets its old records removed", async () => {
		const world = await withAnOldKey();
		world.boot(30 * DAY_MS);
		await world.tick();
		const days = Math.ceil((quick.retire.graceMs / DAY_MS) * 1.5);
		for (let day = 0; day < days - 1; day += 1) await dayAndNight(world);
		expect(await world.states()).toMatchObject({ "202611": "retiring" });
		await dayAndNight(world);
		await dayAndNight(world);
		expect(await world.states()).toMatchObject({ "202611": "retired" });
		expect(world.told("clock_suspect").filter((phase) => phase !== "repeat")).toEqual(["start", "end"]);
	});

	it.each([
		[1, "goes on"],
		[1, "starts anew"],
		[2, "goes on"],
		[2, "starts anew"],
	])("is not believed where save %d of what is told fails, and the agent %s", async (save, then) => {
		const world = await withAnOldKey();
		world.boot(30 * DAY_MS);
		await tickFailing(world, save);
		if (then === "starts anew") world.restart();
		await world.advance(quick.retire.graceMs - DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retiring" });
	});

	it("and whose clock then jumps while it is off once more is not believed either", async () => {
		const world = await withAnOldKey();
		world.boot(30 * DAY_MS);
		await world.tick();
		await world.advance(DAY_MS);
		world.boot(40 * DAY_MS);
		await world.tick();
		await world.advance(quick.retire.graceMs - DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retiring" });
		await world.advance(2 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retired" });
	});
});

describe("a key that goes out of use while the clock is in doubt", () => {
	it("has its grace too after the clock jumped ahead once more", async () => {
		const world = await withAnOldKey();
		world.boot(30 * DAY_MS);
		await world.tick();
		await world.advance(quick.retire.graceMs - DAY_MS);
		await world.wish(["example.com"], "w3");
		await world.advance(60 * MINUTE_MS);
		const before = await world.states();
		const [last] = Object.keys(before)
			.filter((selector) => before[selector] === "retiring")
			.toReversed();
		expect(last).toBe("202611b");
		world.boot(40 * DAY_MS);
		await world.tick();
		await world.advance(quick.retire.graceMs - DAY_MS);
		expect(await world.states()).toMatchObject({ "202611b": "retiring" });
		await world.advance(2 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202611b": "retired" });
	});
});

describe("a clock that goes back while the door switches, and is set right while nothing runs", () => {
	const behind = 40 * DAY_MS;

	/** With a key in use that is to go: by a turn, or because its domain leaves. */
	async function withAKeyThatGoes(by: "turn" | "leave"): Promise<AgentWorld> {
		const world = new AgentWorld([onDemand]);
		await world.wish(["example.com"]);
		await world.tick();
		world.pass(60 * MINUTE_MS);
		if (by === "turn") await world.wish(["example.com"], "w2");
		else await world.ask({ kind: "remove", domains: ["example.com"] }, "w2");
		return world;
	}

	async function expectGrace(world: AgentWorld, by: "turn" | "leave"): Promise<void> {
		const beside = by === "turn" ? { "202611b": "active" } : {};
		world.at = new Date(world.at.getTime() + behind);
		world.restart();
		await world.advance(quick.retire.graceMs - DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retiring", ...beside });
		await world.advance(2 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retired", ...beside });
	}

	it.each(
		[1, 2, 3, 4].flatMap((save) => [
			{ save, by: "turn" as const },
			{ save, by: "leave" as const },
		]),
	)("dates no last use by it where save $save of what is told of the $by fails", async ({ save, by }) => {
		const world = await withAKeyThatGoes(by);
		world.commit = (_id, result) => {
			world.at = new Date(world.at.getTime() - behind);
			world.failHostSave = world.hostSaves + save;
			return { act: "commit", result: { ...result, at: world.at.toISOString() } };
		};
		await world.tick().catch(() => undefined);
		expect(world.hostSaves).toBeGreaterThanOrEqual(world.failHostSave ?? Infinity);
		await expectGrace(world, by);
	});

	it.each(["turn", "leave"] as const)(
		"nor where the answer to the %s is lost, and the agent dies",
		async (by) => {
			const world = await withAKeyThatGoes(by);
			const stopped = new AbortController();
			world.commit = (id, result) => {
				stopped.abort();
				return world.loseAnswer(id, {
					...result,
					at: new Date(world.at.getTime() - behind).toISOString(),
				});
			};
			await world.tick(stopped.signal).catch(() => undefined);
			expect(stopped.signal.aborted).toBe(true);
			world.at = new Date(world.at.getTime() - behind);
			await expectGrace(world, by);
		},
	);
});

describe("a clock that was set back while nothing ran", () => {
	it("is found out by the time since boot where keyturn had not run for longer", async () => {
		const world = await withAnOldKey();
		world.pass(10 * DAY_MS);
		world.at = new Date(world.at.getTime() - 7 * DAY_MS);
		world.restart();
		await world.tick();
		expect(world.told("clock_suspect")).toEqual(["start"]);
	});
});

async function tickFailing(world: AgentWorld, save: number): Promise<void> {
	const failing = world.hostSaves + save;
	world.failHostSave = failing;
	await world.tick().catch(() => undefined);
	expect(world.hostSaves).toBeGreaterThanOrEqual(failing);
}

async function dayAndNight(world: AgentWorld): Promise<void> {
	await world.advance(16 * 60 * MINUTE_MS);
	world.boot(8 * 60 * MINUTE_MS);
	await world.tick();
}

describe("a host that was suspended", () => {
	it("for hours has a clock that is right", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		world.pass(31 * MINUTE_MS);
		await world.tick();
		world.suspend(9 * 60 * MINUTE_MS);
		await world.tick();
		expect(world.told("clock_suspect")).toEqual([]);
	});

	it.each([1, 2])("and whose clock jumped is found out, also where save %d fails meanwhile", async (save) => {
		const world = await withAnOldKey();
		world.at = new Date(world.at.getTime() + 30 * DAY_MS);
		await tickFailing(world, save);
		await world.advance(quick.retire.graceMs - DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retiring" });
	});

	it("and whose clock jumped meanwhile is found out", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		world.pass(31 * MINUTE_MS);
		await world.tick();
		world.suspend(9 * 60 * MINUTE_MS);
		world.at = new Date(world.at.getTime() + 2 * 60 * MINUTE_MS);
		await world.tick();
		expect(world.told("clock_suspect")).toEqual(["start"]);
	});
});

describe("a clock that jumps in the middle of a tick", () => {
	it("while the door is asked, takes no record", async () => {
		// Not at the time of the daily look.
		const tombstoneMs = 20 * DAY_MS + 7 * 60 * MINUTE_MS;
		const world = await withAnOldKey({ ...quick, retire: { ...quick.retire, tombstoneMs } });
		await world.advance(quick.retire.graceMs);
		while (!Object.values(await world.states()).includes("revoked")) await world.advance(6 * 60 * MINUTE_MS);
		const waits = (await world.tick()).domains.flatMap((domain) => domain.waits);
		const until = waits.find(({ selector }) => selector === "202611")?.until;
		expect(until).toBeInstanceOf(Date);
		await world.advance((until?.getTime() ?? 0) - 120 * MINUTE_MS - world.at.getTime());
		world.pass(61 * MINUTE_MS);
		const asked: string[] = [];
		world.refuse = ({ act }) => {
			if (asked.length === 0) world.at = new Date(world.at.getTime() + 90 * MINUTE_MS);
			asked.push(act);
			return null;
		};
		await world.tick();
		expect(asked).toContain("inspect");
		expect(await world.states()).toMatchObject({ "202611": "revoked" });
	});
});

describe("a clock that was ahead for a while", () => {
	it("does not put off what comes by as long as it was ahead", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		const ahead = 400 * DAY_MS;
		world.at = new Date(world.at.getTime() + ahead);
		world.sinkFails = true;
		await world.advance(30 * MINUTE_MS);
		expect(Object.values(await world.states())).toEqual(["retiring", "active"]);
		world.at = new Date(world.at.getTime() - ahead);
		world.sinkFails = false;
		await world.advance(10 * MINUTE_MS);
		expect(world.told("clock_suspect").length).toBeGreaterThan(0);
		expect(await world.states()).toMatchObject({ "202611": "active" });
		await world.advance(10 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202612": "active" });
	});

	it("keeps no `rotate --now` from turning a key that signs since a time to come", async () => {
		const world = new AgentWorld([onDemand]);
		await world.tick();
		world.at = new Date(world.at.getTime() + 90 * DAY_MS);
		await world.wish(["example.com"]);
		await world.advance(10 * MINUTE_MS);
		world.at = new Date(world.at.getTime() - 90 * DAY_MS);
		const before = Object.keys(await world.states());
		expect(before).toHaveLength(2);
		await world.wish(["example.com"], "w2");
		await world.advance(10 * MINUTE_MS);
		const active = Object.entries(await world.states()).filter(([, state]) => state === "active");
		expect(active).toHaveLength(1);
		expect(before).not.toContain(active[0]?.[0]);
	});

	it("lets the key in use be looked at, and a new key soak, by the right time", async () => {
		const soaking = { ...onDemand, verify: { ...quick.verify, soakMs: 60 * MINUTE_MS } };
		const world = new AgentWorld([soaking]);
		const ahead = 400 * DAY_MS;
		world.at = new Date(world.at.getTime() + ahead);
		await world.wish(["example.com"]);
		await world.tick();
		world.at = new Date(world.at.getTime() - ahead);
		world.looks.length = 0;
		await world.advance(90 * MINUTE_MS);
		expect(world.looks).toContain("202610");
		expect(Object.values(await world.states())).toEqual(["retiring", "active"]);
	});
});

describe("a clock that was behind, and was set right while nothing ran", () => {
	const behind = 40 * DAY_MS;

	/** With a key that went out of use by the clock that was behind, and the clock right again. */
	async function setRight(afterMs: number): Promise<AgentWorld> {
		const world = new AgentWorld([onDemand]);
		await world.wish(["example.com"]);
		await world.tick();
		world.pass(MINUTE_MS);
		world.at = new Date(world.at.getTime() - behind);
		await world.wish(["example.com"], "w2");
		await world.advance(10 * MINUTE_MS);
		expect(Object.values(await world.states())).toEqual(["retiring", "retiring", "active"]);
		world.boot(afterMs + behind);
		await world.tick();
		return world;
	}

	it.each([3 * 60 * MINUTE_MS, 2 * DAY_MS])("lets grace count from then, %d ms later", async (afterMs) => {
		const world = await setRight(afterMs);
		await world.advance(quick.retire.graceMs - DAY_MS);
		expect(Object.values(await world.states())).toEqual(["retiring", "retiring", "active"]);
		await world.advance(2 * DAY_MS);
		expect(Object.values(await world.states())).toEqual(["retiring", "retired", "active"]);
		const told = world.told("clock_suspect").filter((phase) => phase !== "repeat");
		expect(told).toEqual(["start", "start", "end", "end"]);
	});

	it("and by some days only, is not believed either", async () => {
		const world = new AgentWorld([onDemand]);
		await world.wish(["example.com"]);
		await world.tick();
		world.pass(MINUTE_MS);
		world.at = new Date(world.at.getTime() - 5 * DAY_MS);
		await world.wish(["example.com"], "w2");
		await world.advance(10 * MINUTE_MS);
		world.at = new Date(world.at.getTime() + 5 * DAY_MS);
		world.restart();
		await world.tick();
		await world.advance(quick.retire.graceMs - DAY_MS);
		expect(Object.values(await world.states())).toEqual(["retiring", "retiring", "active"]);
	});

	it("counts for a key, too, that went out of use days after it went back", async () => {
		const world = new AgentWorld([onDemand]);
		await world.wish(["example.com"]);
		await world.tick();
		world.at = new Date(world.at.getTime() - 5 * DAY_MS);
		await world.advance(10 * DAY_MS);
		await world.wish(["example.com"], "w2");
		await world.advance(10 * MINUTE_MS);
		expect(Object.values(await world.states())).toEqual(["retiring", "retiring", "active"]);
		world.boot(5 * DAY_MS);
		await world.tick();
		await world.advance(quick.retire.graceMs - DAY_MS);
		expect(Object.values(await world.states())).toEqual(["retiring", "retiring", "active"]);
	});

	it("does not keep a daily timer from removing records", async () => {
		const world = await setRight(MINUTE_MS);
		await runEvery(world, 1, quick.retire.graceMs / DAY_MS + 3);
		expect(Object.values(await world.states())).toEqual(["retiring", "retired", "active"]);
	});
});
