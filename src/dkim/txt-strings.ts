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
