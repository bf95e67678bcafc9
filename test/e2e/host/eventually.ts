/** Waits in tests for a state of the real world: polls it, and fails at a deadline saying what did not come true. */

import { setTimeout as sleep } from "node:timers/promises";

export interface Patience {
	readonly seconds?: number;
	/** What to add to the failure. */
	readonly explain?: () => Promise<string>;
}

export async function eventually(
	what: string,
	isTrue: () => Promise<boolean>,
	{ seconds = 30, explain }: Patience = {},
): Promise<void> {
	const deadline = Date.now() + seconds * 1000;
	while (!(await isTrue())) {
		if (Date.now() > deadline)
			throw new Error(
				`not within ${seconds} s: ${what}${explain === undefined ? "" : `\n${await explain()}`}`,
			);
		await sleep(100);
	}
}
