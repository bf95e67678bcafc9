/** What the table and the page say alike. */

import type { DomainStatus, Status } from "./status.ts";

/** A domain in a word or two. */
export function stateWords({ active, leaving, next, keys, damaged }: DomainStatus): string {
	if (damaged !== null) return "damaged";
	if (leaving) return keys.every(({ state }) => state === "retired") ? "has left" : "leaving";
	if (next !== null) return next.state;
	if (active !== null) return "well";
	return keys.length === 0 ? "not seen yet" : "not signed";
}

/** Is it well: every domain signs, and nothing is told. */
export function verdictOf({ domains, troubles }: Status): {
	readonly isWell: boolean;
	readonly sentence: string;
} {
	const signing = domains.filter(({ active, damaged }) => active !== null && damaged === null).length;
	const staying = domains.filter(({ leaving }) => !leaving).length;
	const count =
		troubles.length === 0 ? "no trouble" : `${troubles.length} ${plural("trouble", troubles.length)}`;
	return {
		isWell: troubles.length === 0 && signing >= staying,
		sentence: `${signing} of ${domains.length} ${plural("domain", domains.length)} signing, ${count}`,
	};
}

export function plural(word: string, count: number): string {
	return count === 1 ? word : `${word}s`;
}

/** The selectors that sign: several where each message is signed with keys of several algorithms. */
export function signingWith({ keys }: DomainStatus): string {
	return keys
		.filter(({ state }) => state === "active")
		.map(({ selector }) => selector)
		.join(", ");
}
