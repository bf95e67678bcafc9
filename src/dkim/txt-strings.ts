/** TXT record data: character-strings of at most 255 octets (RFC 1035 section 3.3), and their forms for people. */

/** The strings of a value, 255 octets each but the last; an empty value is one empty string. */
export function splitTxt(value: string): readonly Uint8Array[] {
	const octets = Buffer.from(value, "utf8");
	const strings: Uint8Array[] = [];
	for (let start = 0; start < octets.length || start === 0; start += 255)
		strings.push(new Uint8Array(octets.subarray(start, start + 255)));
	return strings;
}

/** RFC 6376 section 3.6.2.2: strings of one record are concatenated without anything between. */
export function joinTxt(strings: readonly Uint8Array[]): string {
	return Buffer.concat(strings).toString("utf8");
}

/** The value as a zone file has it (RFC 1035 section 5.1): `"first 255" "rest"`. */
export function quoteTxt(value: string): string {
	return splitTxt(value)
		.map((octets) => `"${[...octets].map(quoteOctet).join("")}"`)
		.join(" ");
}

function quoteOctet(octet: number): string {
	if (octet === 0x22 || octet === 0x5c) return `\\${String.fromCharCode(octet)}`;
	if (octet < 0x20 || octet > 0x7e) return `\\${String(octet).padStart(3, "0")}`;
	return String.fromCharCode(octet);
}

/** The joined text of one or more quoted strings (RFC 1035 section 5.1), with or without blanks between; null if it is none. */
export function unquoteTxt(text: string): string | null {
	const trimmed = text.trim();
	if (!/^"(?:[^"\\]|\\[^])*"(?:\s*"(?:[^"\\]|\\[^])*")*$/.test(trimmed)) return null;
	const octets: number[] = [];
	for (const [, quoted = ""] of trimmed.matchAll(/"((?:[^"\\]|\\[^])*)"/g))
		for (const [, code, character = ""] of quoted.matchAll(/\\(\d{3})|\\?([^])/gu))
			octets.push(...(code === undefined ? Buffer.from(character, "utf8") : [Number(code) & 0xff]));
	return Buffer.from(octets).toString("utf8");
}
