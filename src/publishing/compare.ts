/** Compares TXT values as DNS has them, whatever form a provider's interface gives them back in. */

import { unquoteTxt } from "../dkim/txt-strings.ts";

/** The joined text: `"first 255" "rest"` becomes `first 255rest`; a text without quotes around it is taken as it is. */
export function canonicalTxt(value: string): string {
	return unquoteTxt(value) ?? value;
}

export function equalTxt(one: string, other: string): boolean {
	return canonicalTxt(one) === canonicalTxt(other);
}

export function hasTxt(values: readonly string[], value: string): boolean {
	return values.some((held) => equalTxt(held, value));
}

/** What a provider made of a value: for the words when the read-back differs. */
export function describeDifference(sent: string, held: string): string {
	const got = canonicalTxt(held);
	let same = 0;
	while (same < got.length && same < sent.length && got[same] === sent[same]) same++;
	const cut = same === got.length ? ", cut short" : "";
	return `${octets(got)} octets instead of ${octets(sent)}, the first ${same} of them alike${cut}`;
}

export function octets(value: string): number {
	return Buffer.byteLength(value, "utf8");
}
