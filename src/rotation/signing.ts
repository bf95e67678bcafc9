/** What the keys that sign need, and those whose end of signing is not known yet. */

import { isRevokedRecord } from "../dkim/key-record.ts";
import { activeKey, type DomainState, type KeyEntry, keyOf } from "./domain-state.ts";
import { type Facts, isUnderWay, type LineInUse, type Step, type Wanted } from "./step.ts";

/** How a switch ended whose answer is missing is found out before anything else. */
export function settling({ state }: Facts): readonly Wanted[] {
	return state.keys.filter(isUnderWay).map((key) => ({ kind: "settle", selector: key.selector }));
}

/** What the live tables name is taken into the state, with all that it still lacks. */
export function inUse({ state, seen }: Facts): readonly Wanted[] {
	const lines = (seen.inUse ?? []).filter((line) => line.problem === null && line.publicKey !== null);
	const wanted: Wanted[] = [];
	const unknown = lines.filter((line) => keyOf(state, line.selector) === null);
	if (unknown.length > 0 && isReplaced(state, seen.inUse ?? []))
		wanted.push({ kind: "adopt", selectors: unknown.map((line) => line.selector) });
	for (const line of lines) {
		const key = keyOf(state, line.selector);
		if (key !== null && key.publicKey === line.publicKey && !isUnderWay(key)) wanted.push(...lacking(key));
	}
	return wanted;
}

/** What a key that signs already still needs, whoever put it into the tables. */
function lacking({ selector, state, record }: KeyEntry): readonly Step[] {
	switch (state) {
		case "pending":
			return [{ kind: "publish", selector }];
		case "published":
			return [{ kind: "look", selector }];
		case "verified":
			return [{ kind: "takeOver", selector }];
		case "retired":
			return isRevokedRecord(record.value) ? [] : [{ kind: "revive", selector }];
		default:
			return [];
	}
}

/**
 * Nothing is known to sign, or the tables were changed by other hands: the state is older than they, or an administrator did.
 * Lines that were foreign while a key of ours signed stay foreign once the domain is leaving.
 */
function isReplaced(state: DomainState, lines: readonly LineInUse[]): boolean {
	if (state.wants.remove !== null && state.keys.length > 0) return false;
	const active = activeKey(state);
	if (active === null) return true;
	// How a switch under way ended is found out first.
	return !state.keys.some(isUnderWay) && !lines.some((line) => keyOf(state, line.selector) !== null);
}

/** A key that is to sign no more goes from the tables before anything else happens to it. */
export function takingOut({ state }: Facts): readonly Wanted[] {
	const { remove, revoke } = state.wants;
	const goes = ({ selector }: KeyEntry): boolean =>
		remove !== null || revoke.some((wish) => wish.unsigned && wish.selector === selector);
	return state.keys
		.filter((key) => key.state === "active" && !isUnderWay(key) && goes(key))
		.map(({ selector }) => ({ kind: "takeOut", selector }));
}
