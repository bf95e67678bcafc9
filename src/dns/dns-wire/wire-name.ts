/** Domain names as octets (RFC 1035 section 3.1), for the messages that we write ourselves. */

import { KeyturnError } from "../../errors.ts";

const MAX_OCTETS = 255;
/** Each leads to a label of its own at most; servers use one or two. */
const MAX_POINTERS = 16;

/** Uncompressed and in lower case, the canonical form that TSIG digests (RFC 8945 section 4.3.3); "" is the root. */
export function encodeName(name: string): Buffer {
	const labels = name === "" ? [] : name.toLowerCase().replace(/\.$/, "").split(".");
	const parts = labels.map((label) => {
		if (!/^[\x21-\x5b\x5d-\x7e]{1,63}$/.test(label)) throw unfit(name);
		return Buffer.from([label.length, ...Buffer.from(label, "latin1")]);
	});
	const encoded = Buffer.concat([...parts, Buffer.from([0])]);
	if (encoded.length > MAX_OCTETS) throw unfit(name);
	return encoded;
}

function unfit(name: string): KeyturnError {
	return new KeyturnError("name.invalid", `${JSON.stringify(name.slice(0, 300))} cannot be a name in DNS`);
}

/** The name at `offset`, in lower case without the final dot, and where the next field begins; fails on any nonsense. */
export function readName(message: Buffer, offset: number): { readonly name: string; readonly next: number } {
	const labels: string[] = [];
	let at = offset;
	let next = -1;
	// A pointer may only lead back (RFC 1035 section 4.1.4), which also ends every loop.
	let before = offset;
	let octets = 1;
	let pointers = 0;
	for (;;) {
		const length = octet(message, at);
		if (length === 0) return { name: labels.join("."), next: next === -1 ? at + 1 : next };
		if (length >= 0xc0) {
			const target = ((length & 0x3f) << 8) | octet(message, at + 1);
			if (target >= before) throw new RangeError("a compressed name leads forward");
			pointers += 1;
			if (pointers > MAX_POINTERS) throw new RangeError("a compressed name has too many pointers");
			if (next === -1) next = at + 2;
			before = target;
			at = target;
			continue;
		}
		if (length > 63 || at + 1 + length > message.length) throw new RangeError("a label runs over the end");
		octets += 1 + length;
		// Thousands of records can lead to one name: each costs at most what a name may have.
		if (octets > MAX_OCTETS) throw new RangeError("a name is too long");
		labels.push(labelText(message.subarray(at + 1, at + 1 + length)));
		at += 1 + length;
	}
}

/** A label with a dot or an unprintable octet in it comes out escaped (RFC 4343 section 2.1), so that it equals no name of ours. */
function labelText(label: Buffer): string {
	return [...label]
		.map((value) => {
			const character = String.fromCharCode(value);
			if (character === "." || character === "\\") return `\\${character}`;
			if (value < 0x21 || value > 0x7e) return `\\${String(value).padStart(3, "0")}`;
			return character.toLowerCase();
		})
		.join("");
}

function octet(message: Buffer, offset: number): number {
	const value = message[offset];
	if (value === undefined) throw new RangeError("a name runs over the end");
	return value;
}
