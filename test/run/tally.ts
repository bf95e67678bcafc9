/** What ran in each suite and how it ended, from vitest's own report. */

export interface Tally {
	readonly passed: number;
	readonly failed: number;
	readonly skipped: number;
}

export interface Ran {
	readonly suite: string;
	readonly tally: Tally;
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

export function summaryOf(runs: readonly Ran[]): string {
	const lines = runs.map(({ suite, tally, leftOut, seconds }) =>
		leftOut === null ? `${suite}: ${words(tally)} in ${seconds} s` : `${suite}: left out: ${leftOut}`,
	);
	return [...lines, words(totalOf(runs))].join("\n");
}

export function totalOf(runs: readonly Ran[]): Tally {
	const sum = (part: keyof Tally): number => runs.reduce((total, { tally }) => total + tally[part], 0);
	return { passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped") };
}

function words({ passed, failed, skipped }: Tally): string {
	return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
