/** Domain and selector names: which are safe to put into DNS, tables, paths and messages. */

/** RFC 1123 labels: letters, digits, inner hyphens. Everything that is syntax somewhere (: % * / # _ space) is left out. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Lower case without a final dot, at least two labels, A-labels for international names; null if it is no such name. */
export function parseDomain(text: string): string | null {
	// In lower case the sign for Kelvin is a plain k.
	if (!/^[A-Za-z0-9.-]+$/.test(text)) return null;
	const name = text.toLowerCase().replace(/\.$/, "");
	const labels = name.split(".");
	if (name.length > 253 || labels.length < 2) return null;
	return labels.every((label) => LABEL.test(label)) ? name : null;
}

/** RFC 6376 section 3.1: one or more labels. */
export function isSelector(text: string): boolean {
	return text.length <= 63 && text.split(".").every((label) => LABEL.test(label));
}

/** A selector that somebody else chose: upper case and underscores too, but nothing that is syntax in a table or a path. */
export function isForeignSelector(text: string): boolean {
	return /^(?!\.)[A-Za-z0-9_.-]{1,190}$/.test(text) && !text.includes("..");
}

/** Whether a zone may hold a name: its own, or one below it; both without a dot at the end, in lower case. */
export function isBelow(name: string, zone: string): boolean {
	return name === zone || name.endsWith(`.${zone}`);
}

/** RFC 6376 section 3.6.2.1: where the key record of a selector stands. */
export function keyRecordName(selector: string, domain: string): string {
	return `${selector}._domainkey.${domain}`;
}
