/** The door killed, or the power lost, before every single call that it makes: what is found then, and that it can go on. */

import { describe, expect, it } from "vitest";
import { SCENARIOS, tryCalls } from "../swap/crashes.ts";

describe("a crash at every call of the door", () => {
	it.each(SCENARIOS)("$name: the door dies", async (scenario) => {
		const { faults, deaths } = await tryCalls(scenario, { kind: "death" });
		expect(faults).toEqual([]);
		expect(deaths).toBeGreaterThan(80);
	});

	it.each(SCENARIOS)("$name: the power goes", async (scenario) => {
		const { faults, deaths } = await tryCalls(scenario, { kind: "power", seeds: 4 });
		expect(faults).toEqual([]);
		expect(deaths).toBeGreaterThan(300);
	});
});
