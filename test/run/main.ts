/**
 * `npm test`: every suite that this machine can run, or those named as arguments. A suite that cannot run is left out with
 * its reason; under CI=true that is a failure.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants, setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { installPackages, makeUsers, unpackPackages } from "./install.ts";
import { areRecordingsThere } from "./recordings.ts";
import { missingBeside, missingPackages, SUITES, type Suite, UNPACKED, whyNot } from "./suites.ts";
import { failuresOf, type Ran, summaryOf, tallyOf, totalOf } from "./tally.ts";

const root = join(import.meta.dirname, "../..");
const isCi = process.env["CI"] === "true";
const wanted = suitesNamed(process.argv.slice(2));
const missing = missingPackages(wanted);
if (isCi || process.env["KEYTURN_TEST_INSTALL"] === "1") {
	if (missing.length > 0) installPackages(missing);
	const beside = missingBeside(wanted);
	unpackPackages(beside.packages, UNPACKED);
	makeUsers(beside.users);
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
const beside = wanted.filter(({ isBeside }) => isBeside === true).map(async (suite) => run(suite, "pipe"));
const runs: Ran[] = [];
for (const suite of wanted.filter(({ isBeside }) => isBeside !== true)) runs.push(await runSuite(suite));
for (const { ran, output } of await Promise.all(beside)) {
	console.log(`\n== ${ran.suite}, beside the others\n${output}`);
	runs.push(ran);
}
const isComplete = runs.every(({ leftOut }) => leftOut === null);
if (isCi && !isComplete) console.log("\nUnder CI=true a suite left out is a failure.");
if (!areRecordingsThere())
	console.log(
		"\nleft out of unit: the comparison of providers' fakes with recorded exchanges, which are not there",
	);
console.log(`\n${summaryOf(runs)}`);
if (totalOf(runs).failed > 0 || (isCi && !isComplete)) process.exitCode = 1;

function suitesNamed(names: readonly string[]): readonly Suite[] {
	const unknown = names.find((name) => !SUITES.some((suite) => suite.name === name));
	if (unknown !== undefined) {
		console.error(`no suite ${unknown}: there are ${SUITES.map(({ name }) => name).join(", ")}`);
		process.exit(2);
	}
	return SUITES.filter(({ name }) => names.length === 0 || names.includes(name));
}

async function runSuite(suite: Suite): Promise<Ran> {
	if (whyNot(suite) === null) console.log(`\n== ${suite.name}`);
	return (await run(suite, "inherit")).ran;
}

async function run(
	suite: Suite,
	stdio: "inherit" | "pipe",
): Promise<{ readonly ran: Ran; readonly output: string }> {
	const leftOut = whyNot(suite);
	if (leftOut !== null)
		return {
			ran: {
				suite: suite.name,
				tally: { passed: 0, failed: 0, skipped: 0 },
				failures: [],
				leftOut,
				seconds: 0,
			},
			output: "",
		};
	const directory = mkdtempSync(join(tmpdir(), "keyturn-test-"));
	const report = join(directory, "report.json");
	const startedAt = Date.now();
	try {
		const vitest = join(root, "node_modules/vitest/vitest.mjs");
		const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
		const argv = [vitest, "run", "--project", suite.name, ...reporters];
		const isBeside = suite.isBeside === true;
		const child = spawn(process.execPath, argv, {
			cwd: root,
			stdio: ["inherit", stdio, stdio],
			detached: isBeside,
		});
		if (isBeside) giveWay(child);
		let output = "";
		for (const stream of [child.stdout, child.stderr])
			stream?.setEncoding("utf8").on("data", (text: string) => {
				output += text;
			});
		const [status] = (await once(child, "close")) as [number | null];
		const text = existsSync(report) ? readFileSync(report, "utf8") : null;
		const seconds = Math.round((Date.now() - startedAt) / 1000);
		const [tally, failures] = [tallyOf(text, status ?? 1), failuresOf(text, root)];
		return { ran: { suite: suite.name, tally, failures, leftOut: null, seconds }, output };
	} finally {
		rmSync(directory, { recursive: true });
	}
}

/** A session of its own, which gets the time that others leave; it ends with them. */
function giveWay({ pid }: ChildProcess): void {
	if (pid === undefined) return;
	setPriority(pid, constants.priority.PRIORITY_LOW);
	// sched(7), autogroup: between sessions it is this that counts. Not every kernel has it.
	ifPossible(() => writeFileSync(`/proc/${pid}/autogroup`, String(constants.priority.PRIORITY_LOW)));
	process.once("exit", () => ifPossible(() => process.kill(-pid)));
}

function ifPossible(act: () => void): void {
	try {
		act();
	} catch {
		// Then all goes on more slowly, or there is nothing left to end.
	}
}
