/**
 * Whether rspamd could give one domain's mail to another's lines in OpenDKIM's tables: before 4.1.2 it takes a name of either table
 * for found wherever it stands in what it asks for (map_helpers.c, rspamd_map_helper_insert_re: globs without anchors).
 */

import { isCaught } from "../one-table/labelled-keys.ts";
import type { Row } from "../one-table/rows.ts";
import { isNamed, type SigningRow } from "../one-table/signing-lines.ts";

/** The lines of a first key. */
export interface FirstLines {
	readonly domain: string;
	/** Its name in the key table. */
	readonly label: string;
}

export interface OtherLines {
	readonly keys: readonly Row[];
	readonly signing: readonly SigningRow[];
}

/** Null where these and the others are apart. */
export function whyMixedUp({ domain, label }: FirstLines, { keys, signing }: OtherLines): string | null {
	const address = `@${domain}`;
	const row = signing.find(({ pattern }) => isIn(pattern, address) || isIn(address, pattern));
	if (row !== undefined) return told(`line *${address}`, row.pattern);
	const labels = [...keys.map((key) => key.label ?? ""), ...signing.map((one) => one.label)];
	const name = labels.find((one) => one !== "" && (isIn(one, label) || isIn(label, one)));
	return name === undefined ? null : told(`name ${label}`, name);
}

/** Of first keys that are to come in this order; half of their own lines is none of another's. */
export function mixedUp(
	domains: readonly string[],
	{ keys, signing }: OtherLines,
): ReadonlyMap<string, string> {
	const faults = new Map<string, string>();
	const before: SigningRow[] = [...signing];
	for (const domain of domains) {
		const others = keys.filter(
			(row) => row.domain !== domain || row.label !== domain || isNamed(signing, row),
		);
		const why = whyMixedUp({ domain, label: domain }, { keys: others, signing: before });
		if (why === null) before.push({ pattern: `*@${domain}`, label: domain });
		else faults.set(domain, why);
	}
	return faults;
}

function isIn(pattern: string, text: string): boolean {
	return isCaught(`*${pattern}*`, text);
}

function told(own: string, other: string): string {
	return `its ${own} and ${other}, of another line, have one in the other: rspamd before 4.1.2 could take the one for the other, and sign with the wrong key; from 4.1.2 on write its lines by hand, and keyturn turns that key, or name its key in domain { } of an rspamd without these tables`;
}
