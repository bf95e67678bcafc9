import { describe, expect, it } from "vitest";
import { createChance } from "./chance.ts";
import { createScheduler } from "./scheduler.ts";
import { createSimTime } from "./sim-time.ts";

function world(seed: number, onStep: (name: string, call: string) => "die" | void = () => {}) {
	const time = createSimTime(new Date(0));
	const scheduler = createScheduler({
		chance: createChance(seed),
		time,
		onStep: (running, call) => onStep(running.name, call),
	});
	return { time, scheduler };
}

/** Two processes that each take five steps; answers the order in which they were taken. */
async function race(seed: number): Promise<string> {
	const taken: string[] = [];
	const { scheduler } = world(seed);
	let ended = 0;
	for (const name of ["a", "b"]) {
		const running = scheduler.start(name, "command");
		const port = scheduler.guard(running, "port", { act: async () => taken.push(name) });
		const work = async () => {
			for (let count = 0; count < 5; count += 1) await port.act();
			ended += 1;
			running.end();
		};
		void work();
	}
	await scheduler.run(() => ended === 2);
	return taken.join("");
}

describe("the scheduler", () => {
	it("interleaves processes as the seed says, and the same seed says the same", async () => {
		const orders = await Promise.all([1, 2, 3, 4, 5, 6].map((seed) => race(seed)));
		expect(new Set(orders).size).toBeGreaterThan(3);
		expect(await race(3)).toBe(orders[2]);
	});

	it("lets none of a dead process's later calls happen", async () => {
		const { time, scheduler } = world(1, (_, call) => (call === "port.third" ? "die" : undefined));
		const done: string[] = [];
		const running = scheduler.start("a", "daemon");
		const port = scheduler.guard(running, "port", {
			first: async () => done.push("first"),
			third: async () => done.push("third"),
		});
		let death = "";
		running.onEnd((why) => {
			death = why;
		});
		const work = async () => {
			await port.first();
			await port.third();
			done.push("after");
		};
		void work();
		let isOver = false;
		time.after(1000, () => {
			isOver = true;
		});
		await scheduler.run(() => isOver);
		expect(done).toEqual(["first"]);
		expect(death).toBe("died before port.third");
		expect(scheduler.living()).toEqual([]);
	});

	it("moves time only when all wait", async () => {
		const { time, scheduler } = world(1);
		const seen: number[] = [];
		time.after(5000, () => seen.push(time.elapsedMs()));
		time.after(1000, () => seen.push(time.elapsedMs()));
		await scheduler.run(() => seen.length === 2);
		expect(seen).toEqual([1000, 5000]);
	});

	it("has a suspended host do late what it had planned", () => {
		const time = createSimTime(new Date(0));
		const seen: number[] = [];
		time.after(1000, () => seen.push(time.elapsedMs()));
		time.suspend(50_000);
		time.advance();
		expect(seen).toEqual([50_000]);
		expect(time.suspendedMs()).toBe(50_000);
		expect(time.wall()).toEqual(new Date(50_000));
	});
});
