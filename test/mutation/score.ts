/** What the results of Stryker come to. */

/** As much of a result as the score needs. */
export interface Mutant {
	readonly status: string;
	readonly statusReason?: string;
}

export interface Score {
	readonly percent: number;
	readonly all: number;
	readonly killed: number;
	readonly loops: number;
	readonly cutOff: number;
	readonly survived: number;
	readonly uncovered: number;
	readonly ignored: number;
}

/**
 * An endless loop is told by how often the changed code runs, on however slow a machine, and counts as noticed. What the clock
 * cut off does not: it may have been the machine.
 */
export function scoreOf(mutants: readonly Mutant[]): Score {
	const count = (status: string) => mutants.filter((mutant) => mutant.status === status).length;
	const killed = count("Killed");
	const loops = mutants.filter(isLoop).length;
	const cutOff = count("Timeout") - loops;
	const survived = count("Survived");
	const uncovered = count("NoCoverage");
	const all = killed + loops + cutOff + survived + uncovered;
	const percent = all === 0 ? 0 : (100 * (killed + loops)) / all;
	return { percent, all, killed, loops, cutOff, survived, uncovered, ignored: count("Ignored") };
}

export function describeScore(score: Score): string {
	const percent = (Math.floor(score.percent * 10) / 10).toFixed(1);
	return (
		`${percent} % of ${score.all} changes noticed (${score.killed} by a test, ${score.loops} as endless loops); ` +
		`${score.survived} survived, ${score.uncovered} are in code that no test runs, ` +
		`${score.cutOff} were cut off by the clock, ${score.ignored} are left out`
	);
}

function isLoop({ status, statusReason }: Mutant): boolean {
	return status === "Timeout" && statusReason?.startsWith("Hit limit") === true;
}
