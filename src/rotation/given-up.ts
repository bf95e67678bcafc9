/** How many keys were given up one after the other: a turn that gets nowhere must not use up name after name. */

import type { DomainState, KeyEntry } from "./domain-state.ts";

/** Of those made right before this one, how many in a row never came to stand in DNS. */
export function givenUpBefore(state: DomainState, key: KeyEntry): number {
	const before = state.keys.slice(
		0,
		state.keys.findIndex(({ selector }) => selector === key.selector),
	);
	const last = before.findLastIndex((one) => !isGivenUp(one));
	return before.length - 1 - last;
}

function isGivenUp({ origin, state, uses, lookingSince }: KeyEntry): boolean {
	const isOver = state === "retiring" || state === "retired";
	return origin === "made" && isOver && uses.length === 0 && lookingSince === null;
}
