import { describe, expect, it } from "vitest";
import { runSimulation } from "./run.ts";
import { SEEDS } from "./seeds.ts";

const TURNS = 2000;

describe("the shipped code on simulated ports", () => {
	it("keeps its promises over two thousand turns with trouble of every kind", async () => {
		let turns = 0;
		for (let seed = 1; turns < TURNS; seed += 1) {
			const outcome = await runSimulation({ seed, stopAtBreach: true });
			expect(outcome.breaches, `seed ${seed}\n${outcome.history.slice(-100).join("\n")}`).toEqual([]);
			turns += outcome.turns;
		}
		expect(turns).toBeGreaterThanOrEqual(TURNS);
	});

	it.each(SEEDS)("keeps them with seed $seed ($found)", async ({ seed }) => {
		const outcome = await runSimulation({ seed });
		expect(outcome.breaches, outcome.history.slice(-100).join("\n")).toEqual([]);
	});

	it("gives the same history for the same seed", async () => {
		const [first, second] = [await runSimulation({ seed: 7 }), await runSimulation({ seed: 7 })];
		expect(second).toEqual(first);
		expect(first.history.length).toBeGreaterThan(100);
		expect((await runSimulation({ seed: 8 })).historyHash).not.toBe(first.historyHash);
	});
});
