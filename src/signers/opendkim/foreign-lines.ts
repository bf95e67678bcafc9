/** Tells, of several keys that sign for one domain, which are not the one to be turned: a newsletter's selector, say. */

import { groupBy } from "../group-by.ts";
import type { KeyTableEntry } from "./key-table.ts";
import type { KeyNaming } from "./live-configuration.ts";
import { entriesFor, isNamed, ordinaryAddress } from "./signing-table.ts";

/** By `lineName`, why an entry is left alone; the key that signs a domain's ordinary mail is not among them. */
export function findForeign({
	entries,
	signing,
}: Pick<KeyNaming, "entries" | "signing">): ReadonlyMap<string, string> {
	const signs = entries.filter(
		(entry) => entry.problem === null && entry.isUsed && isNamed(signing, entry.name),
	);
	const foreign = new Map<string, string>();
	for (const [domain, own] of groupBy(signs, (entry) => entry.domain)) {
		if (own.every((entry) => entry.selector === own[0]?.selector)) continue;
		const { selector } = ordinaryOf(own, entriesFor(signing, ordinaryAddress(domain)));
		for (const entry of own)
			if (entry.selector !== selector)
				foreign.set(
					lineName(entry),
					`${selector} signs the ordinary mail of ${domain}, and is the key that keyturn turns; this one is left alone`,
				);
	}
	return foreign;
}

/** An entry with `%` has one for each domain. */
export function lineName({ name, domain }: Pick<KeyTableEntry, "name" | "domain">): string {
	return `${name} ${domain}`;
}

/** Where no address is ordinary, the first in the table. */
function ordinaryOf(
	own: readonly KeyTableEntry[],
	names: readonly string[],
): Pick<KeyTableEntry, "selector"> {
	const first = names.flatMap((name) => own.find((entry) => entry.name === name) ?? []);
	return first[0] ?? own[0] ?? { selector: "" };
}
