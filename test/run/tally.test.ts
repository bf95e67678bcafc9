import { expect, test } from "vitest";
import { packagesRemoved } from "./install.ts";
import { failuresOf, summaryOf, tallyOf } from "./tally.ts";

const report = (numbers: Record<string, number>): string => JSON.stringify(numbers);

test("counts what vitest reports", () => {
	const text = report({ numPassedTests: 5, numFailedTests: 1, numPendingTests: 2, numTodoTests: 1 });
	expect(tallyOf(text, 1)).toEqual({ passed: 5, failed: 1, skipped: 3 });
});

test("a file that does not load is a failure although no test of it failed", () => {
	expect(tallyOf(report({ numPassedTests: 5, numFailedTests: 0 }), 1)).toMatchObject({ failed: 1 });
});

test("no report, or a report of nothing, is a failure", () => {
	expect(tallyOf(null, 0)).toMatchObject({ failed: 1 });
	expect(tallyOf(report({ numPassedTests: 0, numFailedTests: 0 }), 0)).toMatchObject({ failed: 1 });
});

test("tells each test that failed, and each file that does not load, with the beginning of what it said", () => {
	const said = Array.from({ length: 40 }, (_, line) => `line ${line}`).join("\n");
	const text = JSON.stringify({
		testResults: [
			{
				name: "/clone/test/a.test.ts",
				message: "",
				assertionResults: [
					{ fullName: "a holds", status: "passed", failureMessages: [] },
					{
						fullName: "b holds",
						status: "failed",
						failureMessages: [`    at /clone/node_modules/x.js:1:1\n${said}`],
					},
				],
			},
			{ name: "/clone/test/b.test.ts", message: "no such module", assertionResults: [] },
		],
	});
	expect(failuresOf(text, "/clone")).toEqual([
		`test/a.test.ts: b holds\n${said.split("\n").slice(0, 30).join("\n")}`,
		"test/b.test.ts\nno such module",
	]);
	expect(failuresOf(null, "/clone")).toEqual([]);
});

test("closes with the sum over the suites, and names what was left out", () => {
	const summary = summaryOf([
		{ suite: "unit", tally: { passed: 3, failed: 0, skipped: 1 }, failures: [], leftOut: null, seconds: 2 },
		{
			suite: "servers",
			tally: { passed: 4, failed: 1, skipped: 0 },
			failures: ["a.test.ts: b\nno"],
			leftOut: null,
			seconds: 9,
		},
		{
			suite: "e2e",
			tally: { passed: 0, failed: 0, skipped: 0 },
			failures: [],
			leftOut: "it must be run as root",
			seconds: 0,
		},
	]);
	expect(summary.split("\n")).toEqual([
		"FAILED in servers: a.test.ts: b",
		"no",
		"",
		"unit: 3 passed, 0 failed, 1 skipped in 2 s",
		"servers: 4 passed, 1 failed, 0 skipped in 9 s",
		"e2e: left out: it must be run as root",
		"7 passed, 1 failed, 1 skipped",
	]);
});

test("sees what apt-get would take away", () => {
	const rehearsal = "Inst postfix (3.7.11 Debian)\nRemv exim4-base [4.96-15]\nPurg exim4-config [4.96-15]\n";
	expect(packagesRemoved(rehearsal)).toEqual(["exim4-base", "exim4-config"]);
	expect(packagesRemoved("Inst postfix (3.7.11 Debian)\nConf postfix (3.7.11 Debian)\n")).toEqual([]);
});
