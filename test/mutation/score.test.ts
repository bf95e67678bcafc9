import { expect, test } from "vitest";
import { describeScore, scoreOf } from "./score.ts";

const mutants = [
	...Array.from({ length: 6 }, () => ({ status: "Killed" })),
	{ status: "Timeout", statusReason: "Hit limit reached (501/500)" },
	{ status: "Timeout" },
	{ status: "Survived" },
	{ status: "NoCoverage" },
	{ status: "Ignored", statusReason: "the same either way" },
];

test("a change counts as noticed when a test fails or it loops, not when the clock cut the tests off", () => {
	const score = scoreOf([...mutants, ...mutants]);
	expect(score).toEqual({
		percent: 70,
		all: 20,
		killed: 12,
		loops: 2,
		cutOff: 2,
		survived: 2,
		uncovered: 2,
		ignored: 2,
	});
	expect(describeScore(score)).toBe(
		"70.0 % of 20 changes noticed (12 by a test, 2 as endless loops); " +
			"2 survived, 2 are in code that no test runs, 2 were cut off by the clock, 2 are left out",
	);
});

test("a score is never rounded up, and nothing tried is no score", () => {
	const killed = Array.from({ length: 8499 }, () => ({ status: "Killed" }));
	const survived = Array.from({ length: 1501 }, () => ({ status: "Survived" }));
	const score = scoreOf([...killed, ...survived]);
	expect(describeScore(score)).toMatch(/^84\.9 % of 10000 /);
	expect(scoreOf([]).percent).toBe(0);
});
