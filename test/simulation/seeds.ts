/** Seeds that once broke a promise, with what was wrong: run for good. */

export const SEEDS: readonly { readonly seed: number; readonly found: string }[] = [
	{ seed: 4, found: "a signer that did not come up after a rollback was never started again" },
	{ seed: 5, found: "domains without a window never turned beside domains with one" },
	{ seed: 9, found: "a new key whose file a power loss took was waited for, for ever" },
	{ seed: 10, found: "a sink that was down made the agent tick every second" },
	...[13, 14, 21, 24, 28, 43].map((seed) => ({ seed, found: "a promise; which one was not written down" })),
];
