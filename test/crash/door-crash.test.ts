/** The door killed, or the power lost, before every single call that it makes: what is found then, and that it can go on. */

import { describe, expect, it } from "vitest";
import { SCENARIOS, scenarioNamed, tryCalls, tryDiskFaults, tryTwice } from "../swap/crashes.ts";

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

describe("a crash in the recovery from a crash", () => {
	it.each(["turn by restart", "add by reload", "turn by restart with one bad key"])("%s", async (name) => {
		const { faults, deaths } = await tryTwice(scenarioNamed(name), { from: 100, every: 9 });
		expect(faults).toEqual([]);
		expect(deaths).toBeGreaterThan(100);
	});
});

describe("a disk that fails at any call", () => {
	it.each([
		["turn by restart", "ENOSPC", false],
		["turn by restart", "ENOSPC", true],
		["turn by restart", "EIO", false],
		["turn by restart", "EIO", true],
		["add by reload", "ENOSPC", true],
		["add by restart", "EIO", true],
		["turn by restart with one bad key", "ENOSPC", true],
	] as const)("%s: %s, lasting: %s", async (name, errno, isLasting) => {
		const { faults, struck } = await tryDiskFaults(scenarioNamed(name), { errno, isLasting, every: 1 });
		expect(faults).toEqual([]);
		expect(struck).toBeGreaterThan(10);
	});
});
