import { expect, test } from "vitest";
import { compareAlerts, countAlerts, sumOf, trouble } from "./alert-count.ts";
import { alertFaults, alertTable } from "./report.ts";

test("troubles count by start and end, and their repetitions not at all", () => {
	const got = countAlerts([
		{ event: "switched", phase: null },
		{ event: "switched", phase: null },
		{ event: "swap_failed", phase: "start" },
		{ event: "swap_failed", phase: "repeat" },
		{ event: "swap_failed", phase: "end" },
	]);
	expect(got).toEqual({ switched: 2, "swap_failed start": 1, "swap_failed end": 1 });
});

test("what is due by several faults adds up", () => {
	const due = sumOf([{ recovered: 3 }, { recovered: 3, ...trouble("swap_failed", 1) }]);
	expect(due).toEqual({ recovered: 6, "swap_failed start": 1, "swap_failed end": 1 });
});

test("one alert too few, one too many and one that nobody waited for are faults, and marked", () => {
	const comparisons = compareAlerts(
		{ switched: 3, retired: 2, verified: 1 },
		{ switched: 2, retired: 3, verified: 1, recovered: 1 },
	);
	expect(alertFaults(comparisons)).toEqual([
		"recovered: 0 due, 1 told",
		"retired: 2 due, 3 told",
		"switched: 3 due, 2 told",
	]);
	expect(alertTable(comparisons).filter((line) => line.endsWith("DIFFERS"))).toHaveLength(3);
	expect(Math.max(...alertTable(comparisons).map((line) => line.length))).toBeLessThanOrEqual(79);
});
