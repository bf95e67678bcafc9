import { describe, expect, it } from "vitest";
import { PLANTED_FAULTS } from "./planted-faults.ts";
import { runSimulation } from "./run.ts";
import type { Scenario } from "./scenario.ts";
import { HONEST } from "./wrappers.ts";

/** Seeds that a planted fault may take to show itself. */
const TRIES = 12;

describe("a planted fault is caught", () => {
	it.each(PLANTED_FAULTS)("$name", async ({ breaks, wrappers, adjust }) => {
		const found = new Set<string>();
		for (let seed = 1; seed <= TRIES && !breaks.some((promise) => found.has(promise)); seed += 1)
			for (const breach of (await runSimulation({ seed, wrappers, adjust, stopAtBreach: true })).breaches)
				found.add(breach.promise);
		expect(breaks.filter((promise) => found.has(promise))).not.toEqual([]);
	});

	it.each(PLANTED_FAULTS)("$name: the same weather without it is clean", async ({ adjust }) => {
		const brief = (scenario: Scenario) => ({ ...adjust(scenario), days: 0.5, calmDays: 0.5 });
		const outcome = await runSimulation({ seed: 1, wrappers: HONEST, adjust: brief });
		expect(outcome.breaches).toEqual([]);
		expect(outcome.turns).toBeGreaterThan(4);
	});
});
