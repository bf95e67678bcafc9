import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { createChance } from "./chance.ts";
import { PLANTED_FAULTS } from "./planted-faults.ts";
import type { PlantedFault } from "./planting.ts";
import { runSimulation } from "./run.ts";
import { createScenario, type Scenario } from "./scenario.ts";
import { HONEST } from "./wrappers.ts";

/** Seeds that a planted fault may take to show itself. */
const TRIES = 12;

describe("a planted fault is caught", () => {
	it.each(PLANTED_FAULTS)("$name", async ({ breaks, wrappers, adjust, from = 1 }) => {
		const found = new Set<string>();
		for (let seed = from; seed < from + TRIES && !breaks.some((promise) => found.has(promise)); seed += 1)
			for (const breach of (await runSimulation({ seed, wrappers, adjust, stopAtBreach: true })).breaches)
				found.add(breach.promise);
		expect(breaks.filter((promise) => found.has(promise))).not.toEqual([]);
	});

	it.each(weathers())("$names: the same weather without it is clean", async ({ adjust }) => {
		const outcome = await runSimulation({ seed: 1, wrappers: HONEST, adjust });
		expect(outcome.breaches).toEqual([]);
		expect(outcome.turns).toBeGreaterThan(4);
	});
});

/** The weathers in which the faults show, each once. */
function weathers(): readonly { readonly names: string; readonly adjust: PlantedFault["adjust"] }[] {
	const found = new Map<string, { names: string; readonly adjust: PlantedFault["adjust"] }>();
	for (const { name, adjust } of PLANTED_FAULTS) {
		const brief = (scenario: Scenario) => ({ ...adjust(scenario), days: 0.5, calmDays: 0.5 });
		const weather = brief(createScenario(createChance(1, "scenario"), "usual"));
		const key = inspect(weather, { depth: null, maxArrayLength: null });
		const known = found.get(key);
		if (known === undefined) found.set(key, { names: name, adjust: brief });
		else known.names += `, ${name}`;
	}
	return [...found.values()];
}
