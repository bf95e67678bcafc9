/** What the table and the page say alike. */

import type { DomainStatus, Status } from "./status.ts";
import { duration } from "./words.ts";

const DAY_MS = 86_400_000;

/** A domain in a word or two. */
export function stateWords({ active, leaving, next, keys, damaged, isLeft }: DomainStatus): string {
	if (damaged !== null) return isLeft === true ? "not read" : "damaged";
	if (leaving) return keys.every(({ state }) => state === "retired") ? "has left" : "leaving";
	if (next !== null) return next.state;
	if (active !== null) return "well";
	return keys.length === 0 ? "not seen yet" : "not signed";
}

/** Why the state of a domain cannot be read, and what becomes of it. */
export function damageWords(why: string, { isLeft }: Pick<DomainStatus, "isLeft">): string {
	return isLeft === true
		? `${why}; nothing is done with it until it can be read`
		: `${why}; the next tick keeps it aside, and begins anew from what signs`;
}

/** Is it well: every domain signs, nothing is told, and nothing keeps the daemon from telling. */
export function verdictOf(status: Status): { readonly isWell: boolean; readonly sentence: string } {
	const { domains, troubles } = status;
	const signing = domains.filter(({ active, damaged }) => active !== null && damaged === null).length;
	const count =
		troubles.length === 0 ? "no trouble" : `${troubles.length} ${plural("trouble", troubles.length)}`;
	return {
		isWell:
			troubles.length === 0 &&
			stuckMs(status) === null &&
			domains.every(({ active, leaving }) => active !== null || leaving),
		sentence: `${signing} of ${domains.length} ${plural("domain", domains.length)} signing, ${count}`,
	};
}

export function daemonWords(status: Status): string {
	if (!status.daemon) return "the daemon is not running";
	const ms = stuckMs(status);
	if (ms === null) return "the daemon is running";
	return `the daemon is running, but has got on with nothing for ${duration(ms)}`;
}

/** For how long no tick of a daemon that runs has gone through: a full disk keeps it from noting a trouble, too. Null while they do. */
export function stuckMs({ daemon, lastTickAt, at }: Status): number | null {
	const ms = lastTickAt === null ? 0 : new Date(at).getTime() - new Date(lastTickAt).getTime();
	return daemon && ms > DAY_MS ? ms : null;
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
