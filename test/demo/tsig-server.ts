/** The server's half of TSIG (RFC 8945): whether a message comes from who holds the key, and the answer signed for him. */

import { createHmac } from "node:crypto";
import { CLASS, readServerMessage, TYPE } from "../../src/dns/dns-wire/server-message.ts";
import { FUDGE_SECONDS, signMessage, type TsigKey } from "../../src/dns/dns-wire/tsig.ts";
import { encodeName, readName } from "../../src/dns/dns-wire/wire-name.ts";
import { encodeRecord, uint } from "../../src/dns/dns-wire/wire-record.ts";

export type Signature =
	| { readonly kind: "unsigned" }
	/** `plain` is the message without its TSIG record. */
	| { readonly kind: "signed"; readonly plain: Buffer; readonly mac: Buffer }
	| { readonly kind: "refused" };

/** Signs the message anew as its sender must have, and compares every octet. */
export function checkSignature(bytes: Buffer, key: TsigKey, nowSeconds: number): Signature {
	const found = readServerMessage(bytes)?.additional.at(-1);
	if (found?.type !== TYPE.TSIG) return { kind: "unsigned" };
	const plain = Buffer.from(bytes.subarray(0, found.start));
	plain.writeUInt16BE(plain.readUInt16BE(10) - 1, 10);
	const { next } = readName(bytes, found.dataStart);
	const signedAtSeconds = bytes.readUIntBE(next, 6);
	const expected = signMessage(plain, key, signedAtSeconds);
	const isFresh = Math.abs(nowSeconds - signedAtSeconds) <= FUDGE_SECONDS;
	return isFresh && expected.bytes.equals(bytes)
		? { kind: "signed", plain, mac: expected.mac }
		: { kind: "refused" };
}

/** RFC 8945 section 5.3: the answer's MAC covers that of the request. */
export function signAnswer(answer: Buffer, key: TsigKey, requestMac: Buffer, nowSeconds: number): Buffer {
	const when = Buffer.concat([uint(nowSeconds, 6), uint(FUDGE_SECONDS, 2)]);
	const algorithm = encodeName(key.algorithm);
	const noError = uint(0, 4);
	const mac = createHmac(key.algorithm.replace("hmac-", ""), key.secret)
		.update(Buffer.concat([uint(requestMac.length, 2), requestMac, answer]))
		.update(Buffer.concat([encodeName(key.name), uint(CLASS.ANY, 2), uint(0, 4), algorithm, when, noError]))
		.digest();
	const id = answer.subarray(0, 2);
	const data = Buffer.concat([algorithm, when, uint(mac.length, 2), mac, id, noError]);
	const record = { name: key.name, type: TYPE.TSIG, class: CLASS.ANY, ttlSeconds: 0, data };
	const signed = Buffer.concat([answer, encodeRecord(record)]);
	signed.writeUInt16BE(signed.readUInt16BE(10) + 1, 10);
	return signed;
}
