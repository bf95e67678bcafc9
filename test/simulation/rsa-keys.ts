/**
 * RSA private keys of 2048 bits made from a number, at once: whoever reads one takes its modulus for what it is, and nobody in
 * the simulation computes with it, so that its factors need not be primes.
 */

import { createHash } from "node:crypto";

/** PKCS 8 in base64 (RFC 5208, RFC 8017 appendix A.1.2). */
export function rsaKeyOf(number: number): string {
	const odd = (name: string, octets: number) => oddNumber(`${name} of simulated key ${number}`, octets);
	const [p, q] = [odd("p", 128), odd("q", 128)];
	const modulus = (BigInt(`0x${p.toString("hex")}`) * BigInt(`0x${q.toString("hex")}`)).toString(16);
	const key = sequence(
		integer(Buffer.from([0])),
		integer(Buffer.from(modulus, "hex")),
		integer(Buffer.from([1, 0, 1])),
		integer(odd("d", 255)),
		integer(p),
		integer(q),
		...["dp", "dq", "qinv"].map((name) => integer(odd(name, 127))),
	);
	return sequence(integer(Buffer.from([0])), RSA_ENCRYPTION, element(0x04, key)).toString("base64");
}

const RSA_ENCRYPTION = Buffer.from("300d06092a864886f70d0101010500", "hex");

/** Of so many octets, with the two highest bits set. */
function oddNumber(name: string, octets: number): Buffer {
	const blocks = Array.from({ length: Math.ceil(octets / 64) }, (_, index) =>
		createHash("sha512").update(`${name} ${index}`).digest(),
	);
	const bytes = Buffer.concat(blocks).subarray(0, octets);
	bytes.writeUInt8(bytes.readUInt8(0) | 0xc0, 0);
	bytes.writeUInt8(bytes.readUInt8(octets - 1) | 1, octets - 1);
	return bytes;
}

function sequence(...elements: readonly Buffer[]): Buffer {
	return element(0x30, Buffer.concat(elements));
}

/** Never negative. */
function integer(bytes: Buffer): Buffer {
	return element(0x02, bytes.readUInt8(0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

function element(tag: number, content: Buffer): Buffer {
	const { length } = content;
	const size =
		length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
	return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
