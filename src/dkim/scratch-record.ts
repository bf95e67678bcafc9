/** A key record that no key signs with, for finding out what a provider makes of a long value. */

import { createHash, createPublicKey } from "node:crypto";

/** As long as the record of an RSA key of 4096 bits, or of 2048 bits. */
export type ScratchOctets = 754 | 410;

/** Modulus lengths in octets that fill the record up. */
const MODULUS_OCTETS = { 754: 510, 410: 252 } as const satisfies Record<ScratchOctets, number>;
/** `t=y:s`: even a verifier that meets it is told that it is a test. */
const START = "v=DKIM1;k=rsa;t=y:s;p=";

/** Always the same for a selector, and like no other's; nobody has the factors of its modulus. */
export function scratchRecord(selector: string, octets: ScratchOctets): string {
	const modulus = filled(selector, MODULUS_OCTETS[octets]);
	const jwk = { kty: "RSA", n: modulus.toString("base64url"), e: "AQAB" };
	const key = createPublicKey({ key: jwk, format: "jwk" }).export({ format: "der", type: "spki" });
	return `${START}${key.toString("base64")}`;
}

function filled(seed: string, octets: number): Buffer {
	const blocks: Buffer[] = [];
	for (let length = 0; length < octets; length += 64)
		blocks.push(createHash("sha512").update(`${seed} ${length}`).digest());
	const modulus = Buffer.concat(blocks).subarray(0, octets);
	modulus[0] = 0xc5;
	return modulus;
}
