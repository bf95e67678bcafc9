/** What ran in each suite and how it ended, from vitest's own report. */

export interface Tally {
	readonly passed: number;
	readonly failed: number;
	readonly skipped: number;
}

export interface Ran {
	readonly suite: string;
	readonly tally: Tally;
	/** Each test that failed, with what it said. */
	readonly failures: readonly string[];
	/** Why it was left out; null if it ran. */
	readonly leftOut: string | null;
	readonly seconds: number;
}

/** Vitest's report as JSON; a run that failed beside its tests (a file that does not load) is one failure more. */
export function tallyOf(report: string | null, exitStatus: number): Tally {
	const read = report === null ? {} : (JSON.parse(report) as Record<string, unknown>);
	const count = (name: string): number => (typeof read[name] === "number" ? read[name] : 0);
	const [passed, failed] = [count("numPassedTests"), count("numFailedTests")];
	const skipped = count("numPendingTests") + count("numTodoTests");
	const isUnexplained = failed === 0 && (exitStatus !== 0 || passed + skipped === 0);
	return { passed, failed: isUnexplained ? 1 : failed, skipped };
}

interface FileReport {
	readonly name: string;
	/** Why the file itself did not run. */
	readonly message: string;
	readonly assertionResults: readonly {
		readonly fullName: string;
		readonly status: string;
		readonly failureMessages: readonly string[];
	}[];
}

/** What is needed to tell a failure from a log of which only the end is kept. */
const MOST_LINES = 30;

/** The failed tests of a report with what they said, `root` taken off the names of files. */
export function failuresOf(report: string | null, root: string): readonly string[] {
	const read =
		report === null ? {} : (JSON.parse(report) as { readonly testResults?: readonly FileReport[] });
	return (read.testResults ?? []).flatMap(({ name, message, assertionResults }) => {
		const file = name.replace(`${root}/`, "");
		const failed = assertionResults.filter(({ status }) => status === "failed");
		const told = failed.map((one) => ({
			what: `${file}: ${one.fullName}`,
			why: one.failureMessages.join("\n"),
		}));
		return [...(message === "" ? [] : [{ what: file, why: message }]), ...told].map(
			({ what, why }) => `${what}\n${beginningOf(why)}`,
		);
	});
}

/** Without the places in the packages that ran the test. */
function beginningOf(said: string): string {
	const lines = said.split("\n").filter((line) => !/^\s+at .*(?:node_modules|<anonymous>)/.test(line));
	return lines.slice(0, MOST_LINES).join("\n");
}

/** What failed, how each suite ended, and last the sum over all. */
export function summaryOf(runs: readonly Ran[]): string {
	const failures = runs.flatMap((ran) =>
		ran.failures.map((failure) => `FAILED in ${ran.suite}: ${failure}\n`),
	);
	const lines = runs.map(({ suite, tally, leftOut, seconds }) =>
		leftOut === null ? `${suite}: ${words(tally)} in ${seconds} s` : `${suite}: left out: ${leftOut}`,
	);
	return [...failures, ...lines, words(totalOf(runs))].join("\n");
}

export function totalOf(runs: readonly Ran[]): Tally {
	const sum = (part: keyof Tally): number => runs.reduce((total, { tally }) => total + tally[part], 0);
	return { passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped") };
}

function words({ passed, failed, skipped }: Tally): string {
	return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
