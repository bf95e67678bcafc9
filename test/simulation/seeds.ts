/** Seeds that once broke a promise, with what was wrong: run for good. */

export const SEEDS: readonly { readonly seed: number; readonly found: string }[] = [
	{ seed: 4, found: "before a run was of many turns: a signer that was never started again" },
	{ seed: 5, found: "before a run was of many turns: domains without a window that never turned" },
];
