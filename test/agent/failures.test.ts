import { describe, expect, it } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import type { AlertSink } from "../../src/ports/alert-sink.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { policyOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const quick = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 } });

describe("a tick that fails as a whole", () => {
	it("is told though nothing can be written, once per interval, and its end", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		world.diskIsFull = true;
		for (let count = 0; count < 30; count += 1) {
			await expect(world.tick()).rejects.toThrow("no space");
			world.pass(15 * MINUTE_MS);
		}
		const told = world.events.filter((event) => event.event === "state_damaged");
		expect(told.map((event) => event.phase)).toEqual(["start", "repeat"]);
		expect(told[0]?.detail).toContain("no space");
		world.diskIsFull = false;
		await world.tick();
		expect(world.told("state_damaged")).toEqual(["start", "repeat", "end"]);
	});

	it("that comes and goes is told as one, which is over once it has stayed away for an hour", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		for (let count = 0; count < 40; count += 1) {
			world.diskIsFull = true;
			await expect(world.tick()).rejects.toThrow("no space");
			world.diskIsFull = false;
			world.pass(MINUTE_MS);
			await world.tick();
			world.pass(MINUTE_MS);
		}
		expect(world.told("state_damaged")).toEqual(["start", "end", "start"]);
		await world.advance(50 * MINUTE_MS);
		expect(world.told("state_damaged").filter((phase) => phase === "end")).toHaveLength(1);
		await world.advance(20 * MINUTE_MS);
		expect(world.told("state_damaged").at(-1)).toBe("end");
		world.pass(2 * HOUR_MS);
		world.diskIsFull = true;
		await expect(world.tick()).rejects.toThrow("no space");
		world.diskIsFull = false;
		world.pass(MINUTE_MS);
		await world.tick();
		expect(world.told("state_damaged").slice(-2)).toEqual(["start", "end"]);
	});

	it("is told when the sink works again", async () => {
		const world = new AgentWorld([quick]);
		world.diskIsFull = true;
		world.sinkFails = true;
		await expect(world.tick()).rejects.toThrow("no space");
		world.sinkFails = false;
		world.pass(HOUR_MS);
		await expect(world.tick()).rejects.toThrow("no space");
		expect(world.told("state_damaged")).toEqual(["start"]);
	});

	it("is not told when it was told to stop", async () => {
		const world = new AgentWorld([quick]);
		world.diskIsFull = true;
		await expect(world.tick(AbortSignal.abort())).rejects.toThrow();
		expect(world.events).toEqual([]);
	});
});

describe("a lock that another keyturn does not let go", () => {
	/** A tick with a pause after it, as the daemon's; gives what was told of its end to whoever waits for a sign of life. */
	async function worldWithBeats() {
		const world = new AgentWorld([quick]);
		const ends: string[] = [];
		const beat: AlertSink["beat"] = async ({ phase }) =>
			Promise.resolve(phase === "start" ? undefined : void ends.push(phase));
		const { providers, pre, sinks } = world.ports;
		world.agent.configure(
			{ host: "mx1", policies: [quick], signers: [], providers: [] },
			{ providers, pre, sinks: sinks.map((sink) => ({ ...sink, beat })).slice(0, 1) },
		);
		const tick = async (times: number): Promise<void> => {
			for (let count = 0; count < times; count += 1) {
				await world.agent.tick(new AbortController().signal, { lockWaitMs: 0 });
				world.pass(5 * MINUTE_MS);
			}
		};
		return { world, ends, tick };
	}

	it("is told after twenty minutes without a break, and its end", async () => {
		const { world, ends, tick } = await worldWithBeats();
		world.isHeldByAnother = true;
		await tick(4);
		expect([world.events, ends]).toEqual([[], ["success", "success", "success", "success"]]);
		await tick(2);
		expect(ends.slice(4)).toEqual(["fail", "fail"]);
		expect(world.told("state_damaged")).toEqual(["start"]);
		expect(world.events[0]?.detail).toContain("another keyturn has held the lock");
		await tick(72);
		expect(world.told("state_damaged")).toEqual(["start", "repeat"]);
		world.isHeldByAnother = false;
		await tick(1);
		expect(world.told("state_damaged")).toEqual(["start", "repeat", "end"]);
		expect(ends.at(-1)).toBe("success");
	});

	it("is none where it is let go meanwhile, nor after a sleep of the host", async () => {
		const { world, ends, tick } = await worldWithBeats();
		for (const isHeld of [true, false, true, false, true]) {
			world.isHeldByAnother = isHeld;
			await tick(3);
		}
		world.suspend(HOUR_MS);
		await tick(1);
		expect(world.events).toEqual([]);
		expect(ends).not.toContain("fail");
	});
});

describe("what kept the agent before this one from its work", () => {
	const hang = { summary: "it hung", detail: "since noon", hint: null };
	const never = new AbortController().signal;

	it("is told before any tick, and over with the first that goes through", async () => {
		const world = new AgentWorld([quick]);
		await world.agent.distress(hang, never);
		expect(world.events).toMatchObject([
			{
				event: "state_damaged",
				phase: "start",
				severity: "critical",
				summary: "it hung",
				detail: "since noon",
			},
		]);
		await world.tick();
		expect(world.told("state_damaged")).toEqual(["start", "end"]);
		await world.tick();
		expect(world.told("state_damaged")).toEqual(["start", "end"]);
	});

	it("is told by the first good tick where the sink failed", async () => {
		const world = new AgentWorld([quick]);
		world.sinkFails = true;
		await world.agent.distress(hang, never);
		world.sinkFails = false;
		await world.tick();
		world.pass(HOUR_MS);
		await world.tick();
		expect(world.told("state_damaged")).toEqual(["start", "end"]);
	});
});

describe("a door that cannot be reached", () => {
	it("is a trouble with a start and an end", async () => {
		const world = new AgentWorld([quick]);
		world.refuse = () => {
			throw new KeyturnError("door.unreachable", "no answer", { retry: true });
		};
		await world.tick();
		world.pass(MINUTE_MS);
		await world.tick();
		expect(world.told("swap_failed")).toEqual(["start"]);
		world.refuse = null;
		await world.tick();
		expect(world.told("swap_failed")).toEqual(["start", "end"]);
	});

	it("is none while another switch is under way", async () => {
		const world = new AgentWorld([quick]);
		world.refuse = () => ({
			act: "refused",
			why: "busy",
			domains: [],
			message: "another switch",
			hint: null,
		});
		await world.tick();
		expect(world.events).toEqual([]);
	});
});

describe("a failure after the switch, before the copy of the key is removed", () => {
	it("leaves no copy once all works again", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		await world.wish(["example.com"]);
		world.failRemove = true;
		await world.tick();
		expect(await world.states()).toMatchObject({ "202611": "active" });
		expect(world.copies).toHaveLength(1);
		world.failRemove = false;
		await world.tick();
		expect(world.copies).toEqual([]);
	});

	it("leaves no copy behind a crash", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		await world.wish(["example.com"]);
		world.failRemove = true;
		await world.tick();
		world.failRemove = false;
		world.restart();
		await world.tick();
		expect(world.copies).toEqual([]);
	});

	it("keeps the copy of a key that has yet to be switched to", async () => {
		const world = new AgentWorld([quick]);
		await world.tick();
		await world.wish(["example.com"]);
		world.verdict = () => "wrong";
		await world.tick();
		world.restart();
		await world.tick();
		expect(world.copies).toHaveLength(1);
	});
});
