/** Names the next key: the month of its due date, with a suffix where that name is already used. */

import type { KeySpec } from "../dkim/key-material.ts";
import type { SelectorPattern } from "./policy.ts";
import { localTime } from "./slots.ts";

export interface NamingFacts {
	/** The slot that the key is for, not the moment it is made. */
	readonly dueAt: Date;
	readonly timezone: string;
	readonly host: string;
	readonly algorithm: KeySpec["algorithm"];
}

/** Names to try, in order: `202611`, `202611b` … `202611z`, `202611aa` …; with a host `202611b-mx1`. A ring gives its names. */
export function* selectorNames(pattern: SelectorPattern, facts: NamingFacts): Generator<string> {
	if (pattern.kind === "ring") {
		yield* pattern.names;
		return;
	}
	const [head, tail] = splitAfterDate(pattern.template);
	for (const suffix of suffixes()) yield fill(head, facts) + suffix + fill(tail, facts);
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
