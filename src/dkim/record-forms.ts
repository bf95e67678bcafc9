/** A TXT record in the forms in which people enter one. */

import { inOneLine } from "./foreign-text.ts";
import { quoteTxt } from "./txt-strings.ts";

export interface RecordToEnter {
	/** Absolute, without the final dot. */
	readonly owner: string;
	readonly value: string;
	readonly ttlSeconds: number;
}

/** For a zone file (RFC 1035 section 5.1), a string a line. */
export function zoneFileForm({ owner, value, ttlSeconds }: RecordToEnter): string {
	// An adopted key's record may stand where somebody else's alias leads.
	const name = owner.replace(/["$();@]/g, "\\$&");
	return `${name}. ${ttlSeconds} IN TXT ( ${quoteTxt(value).replaceAll('" "', '"\n\t"')} )`;
}

/** For a web form: name, then value in one line. */
export function webForm({ owner, value }: RecordToEnter): string {
	return `${owner}\n${inOneLine(value)}`;
}

/** All of them, for a message: which one a provider's page wants is for whoever enters it. */
export function formsToEnter(record: RecordToEnter): string {
	return [
		`for a web form, type TXT, TTL ${record.ttlSeconds}: name, then value in one line`,
		webForm(record),
		"the value in quotes, where the form wants strings of 255 at most",
		quoteTxt(record.value),
		"for a zone file",
		zoneFileForm(record),
	].join("\n");
}
