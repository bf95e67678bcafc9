/** How much a fuzz test tries: a little in the unit suite, as much as FUZZ_RUNS says otherwise. */

import type { Parameters } from "fast-check";

const { FUZZ_RUNS, FUZZ_SEED, FUZZ_PATH } = process.env;

/** What fast-check prints of a failure (seed and path) repeats it as FUZZ_SEED and FUZZ_PATH. */
export function fuzzed<Ts>(unitRuns: number): Parameters<Ts> {
	return {
		numRuns: FUZZ_RUNS === undefined ? unitRuns : Number(FUZZ_RUNS),
		...(FUZZ_SEED === undefined ? {} : { seed: Number(FUZZ_SEED) }),
		...(FUZZ_PATH === undefined ? {} : { path: FUZZ_PATH }),
	};
}

/** A loaded machine takes its time, and hundreds of thousands of inputs theirs. */
export const PATIENCE = { timeout: FUZZ_RUNS === undefined ? 60_000 : 7_200_000 };
