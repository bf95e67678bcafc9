/** One-time codes by time (RFC 6238, with HMAC-SHA-1, six digits, thirty seconds). */

import { createHmac } from "node:crypto";
import { KeyturnError } from "../../src/errors.ts";

export const TOTP_STEP_MS = 30_000;

/** The code of the step that `at` is in; `secret` is base32 (RFC 4648) as apps take it. */
export function totpCode(secret: string, at: Date): string {
	const counter = Buffer.alloc(8);
	counter.writeBigUInt64BE(BigInt(Math.floor(at.getTime() / TOTP_STEP_MS)));
	const digest = createHmac("sha1", decodeBase32(secret)).update(counter).digest();
	const offset = digest.readUInt8(digest.length - 1) & 0xf;
	const number = digest.readUInt32BE(offset) & 0x7fff_ffff;
	return String(number % 1_000_000).padStart(6, "0");
}

function decodeBase32(text: string): Uint8Array {
	const letters = text.replaceAll(/[\s=-]/g, "").toUpperCase();
	if (!/^[A-Z2-7]+$/.test(letters))
		throw new KeyturnError("provider.denied", "the secret of the second factor is not base32", {
			hint: "it is the text that is shown beside the QR code when the second factor is set up",
		});
	const bits = Array.from(letters)
		.map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0"))
		.join("");
	return Uint8Array.from(bits.match(/.{8}/g) ?? [], (octet) => Number.parseInt(octet, 2));
}
