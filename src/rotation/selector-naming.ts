/** Names the next key: the month of its due date, with a suffix where that name is already used. */

import type { KeySpec } from "../dkim/key-material.ts";
import { activeKey, type DomainState, type KeyEntry } from "./domain-state.ts";
import type { Policy, SelectorPattern } from "./policy.ts";
import { localTime } from "./slots.ts";
import { ANSWER_SOAK_MS } from "./timing.ts";

export interface NamingFacts {
	/** The slot that the key is for, not the moment it is made. */
	readonly dueAt: Date;
	readonly timezone: string;
	readonly host: string;
	readonly algorithm: KeySpec["algorithm"];
	/** The selector in use; null if there is none. */
	readonly inUse: string | null;
}

/** What names the key that a domain gets for the slot at `dueAt`. */
export function namingFacts({ timezone, host, key }: Policy, state: DomainState, dueAt: Date): NamingFacts {
	return { dueAt, timezone, host, algorithm: key.algorithm, inUse: activeKey(state)?.selector ?? null };
}

/**
 * Names to try, in order: `202611`, `202611b` … `202611z`, `202611aa` …; with a host `202611b-mx1`. A ring gives its names
 * from the one after that in use.
 */
export function* selectorNames(pattern: SelectorPattern, facts: NamingFacts): Generator<string> {
	if (pattern.kind === "ring") {
		const next = pattern.names.indexOf(facts.inUse ?? "") + 1;
		yield* [...pattern.names.slice(next), ...pattern.names.slice(0, next)];
		return;
	}
	const [head, tail] = splitAfterDate(pattern.template);
	for (const suffix of suffixes()) yield fill(head, facts) + suffix + fill(tail, facts);
}

/**
 * From when a name of a ring may stand for another key: once nobody can remember the record before, nor meet mail signed
 * with it. Null while its record stands, and for ever where the name is no ring's: a selector is never used twice.
 * `steadySince`: where the clock is in doubt, since when it has been steady; how long the record was gone by then is not known.
 */
export function freeAgainAt(key: KeyEntry, policy: Policy, steadySince: Date | null): Date | null {
	if (policy.selector.kind !== "ring" || key.state !== "retired") return null;
	const { ttlSeconds, negativeTtlSeconds, wildcardTtlSeconds = 0 } = key.record;
	const rememberedMs = Math.min(Math.max(negativeTtlSeconds, wildcardTtlSeconds) * 1000, ANSWER_SOAK_MS);
	const waitMs = policy.retire.graceMs + ttlSeconds * 1000 + rememberedMs;
	return new Date(Math.max(Date.parse(key.since), steadySince?.getTime() ?? 0) + waitMs);
}

/** The suffix follows the date, so that names of a month sort together; without a date it ends the name. */
function splitAfterDate(template: string): readonly [string, string] {
	const end = Math.max(
		...["{yyyy}", "{mm}", "{dd}"].map((part) => {
			const at = template.lastIndexOf(part);
			return at < 0 ? -1 : at + part.length;
		}),
	);
	return end < 0 ? [template, ""] : [template.slice(0, end), template.slice(end)];
}

function fill(template: string, facts: NamingFacts): string {
	const local = localTime(facts.dueAt, facts.timezone);
	return template
		.replaceAll("{yyyy}", String(local.year))
		.replaceAll("{mm}", String(local.month).padStart(2, "0"))
		.replaceAll("{dd}", String(local.day).padStart(2, "0"))
		.replaceAll("{host}", facts.host)
		.replaceAll("{alg}", facts.algorithm);
}

function* suffixes(): Generator<string> {
	yield "";
	const letters = "abcdefghijklmnopqrstuvwxyz";
	for (const letter of letters.slice(1)) yield letter;
	for (const first of letters) for (const second of letters) yield first + second;
}
