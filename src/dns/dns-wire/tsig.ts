/** Signs our messages to a zone's server and checks that its answers come from who holds the same key (RFC 8945). */

import { createHmac, timingSafeEqual } from "node:crypto";
import { CLASS, readServerMessage, TYPE, type WireRecord } from "./server-message.ts";
import type { TsigAlgorithm } from "./tsig-algorithms.ts";
import { encodeName, readName } from "./wire-name.ts";
import { encodeRecord, uint } from "./wire-record.ts";

export interface TsigKey {
	readonly name: string;
	readonly algorithm: TsigAlgorithm;
	readonly secret: Uint8Array;
}

export interface SignedMessage {
	readonly bytes: Buffer;
	/** What the answer's signature covers too. */
	readonly mac: Buffer;
}

/** Seconds by which the two clocks may differ: what RFC 8945 section 10 recommends. */
export const FUDGE_SECONDS = 300;

const BADSIG = 16;
const BADKEY = 17;
const BADTIME = 18;

export type TsigError =
	/** The server does not know the key's name, or not for this use. */
	| { readonly kind: "badkey" }
	/** The secrets differ. */
	| { readonly kind: "badsig" }
	/** The clocks differ; `serverSeconds` since 1970, null if the server did not tell. */
	| { readonly kind: "badtime"; readonly serverSeconds: number | null }
	| { readonly kind: "other"; readonly code: number };

export type TsigVerdict =
	/** From the holder of the key, and about our message. */
	| { readonly kind: "signed" }
	/** What the server says against our signature; only BADTIME can be signed itself. */
	| { readonly kind: "error"; readonly error: TsigError; readonly signed: boolean }
	| { readonly kind: "unsigned" }
	| { readonly kind: "forged"; readonly why: string };

/** Appends the TSIG record to a message that has none. */
export function signMessage(message: Uint8Array, key: TsigKey, signedAtSeconds: number): SignedMessage {
	const plain = Buffer.from(message);
	const variables = { timeSigned: signedAtSeconds, fudge: FUDGE_SECONDS, error: 0, other: Buffer.alloc(0) };
	const mac = createHmac(hashOf(key), key.secret).update(plain).update(digested(key, variables)).digest();
	const data = tsigData(key, variables, mac, plain.readUInt16BE(0));
	const signed = Buffer.concat([
		plain,
		encodeRecord({ name: key.name, type: TYPE.TSIG, class: CLASS.ANY, ttlSeconds: 0, data }),
	]);
	signed.writeUInt16BE(signed.readUInt16BE(10) + 1, 10);
	return { bytes: signed, mac };
}

/** RFC 8945 section 5.3 and 5.4: the answer to a message that was signed with `requestMac`. */
export function verifyAnswer(
	answer: Uint8Array,
	key: TsigKey,
	requestMac: Uint8Array,
	nowSeconds: number,
): TsigVerdict {
	const last = readServerMessage(answer)?.additional.at(-1);
	if (last === undefined || last.type !== TYPE.TSIG) return { kind: "unsigned" };
	const tsig = last.class === CLASS.ANY && last.ttlSeconds === 0 ? readTsig(answer, last) : null;
	if (tsig === null) return { kind: "forged", why: "its TSIG record cannot be read" };
	const error = errorOf(tsig);
	// A server that cannot check our signature cannot sign for us either (RFC 8945 section 5.3.2).
	if (error !== null && tsig.mac.length === 0) return { kind: "error", error, signed: false };
	const why = mismatch(answer, last, tsig, { key, requestMac, nowSeconds });
	if (why !== null) return { kind: "forged", why };
	return error === null ? { kind: "signed" } : { kind: "error", error, signed: true };
}

interface Variables {
	readonly timeSigned: number;
	readonly fudge: number;
	readonly error: number;
	readonly other: Buffer;
}

interface ReadTsig extends Variables {
	readonly name: string;
	readonly algorithm: string;
	readonly mac: Buffer;
	readonly originalId: number;
}

function hashOf(key: TsigKey): string {
	return key.algorithm.replace("hmac-", "");
}

/** RFC 8945 section 4.3.3: the TSIG variables in the order in which they are digested. */
function digested(key: TsigKey, variables: Variables): Buffer {
	return Buffer.concat([
		encodeName(key.name),
		Buffer.from([0, CLASS.ANY, 0, 0, 0, 0]),
		encodeName(key.algorithm),
		uint(variables.timeSigned, 6),
		uint(variables.fudge, 2),
		uint(variables.error, 2),
		uint(variables.other.length, 2),
		variables.other,
	]);
}

function tsigData(key: TsigKey, variables: Variables, mac: Buffer, originalId: number): Buffer {
	return Buffer.concat([
		encodeName(key.algorithm),
		uint(variables.timeSigned, 6),
		uint(variables.fudge, 2),
		uint(mac.length, 2),
		mac,
		uint(originalId, 2),
		uint(variables.error, 2),
		uint(variables.other.length, 2),
		variables.other,
	]);
}

function readTsig(answer: Uint8Array, found: WireRecord): ReadTsig | null {
	const message = Buffer.from(answer);
	const end = found.dataStart + found.data.length;
	try {
		const { name: algorithm, next } = readName(message, found.dataStart);
		const macStart = next + 10;
		const macEnd = macStart + message.readUInt16BE(next + 8);
		const otherStart = macEnd + 6;
		const otherEnd = otherStart + message.readUInt16BE(macEnd + 4);
		if (otherEnd !== end) return null;
		return {
			name: found.name,
			algorithm,
			timeSigned: message.readUIntBE(next, 6),
			fudge: message.readUInt16BE(next + 6),
			mac: message.subarray(macStart, macEnd),
			originalId: message.readUInt16BE(macEnd),
			error: message.readUInt16BE(macEnd + 2),
			other: message.subarray(otherStart, otherEnd),
		};
	} catch (thrown) {
		if (thrown instanceof RangeError) return null;
		throw thrown;
	}
}

function errorOf(tsig: ReadTsig): TsigError | null {
	switch (tsig.error) {
		case 0:
			return null;
		case BADSIG:
			return { kind: "badsig" };
		case BADKEY:
			return { kind: "badkey" };
		case BADTIME:
			return {
				kind: "badtime",
				serverSeconds: tsig.other.length === 6 ? tsig.other.readUIntBE(0, 6) : null,
			};
		default:
			return { kind: "other", code: tsig.error };
	}
}

function mismatch(
	answer: Uint8Array,
	found: WireRecord,
	tsig: ReadTsig,
	expected: { readonly key: TsigKey; readonly requestMac: Uint8Array; readonly nowSeconds: number },
): string | null {
	const { key, requestMac, nowSeconds } = expected;
	if (tsig.name !== key.name.toLowerCase()) return "it is signed with another key";
	if (tsig.algorithm !== key.algorithm) return `it is signed with ${tsig.algorithm}`;
	const plain = Buffer.from(answer.subarray(0, found.start));
	plain.writeUInt16BE(tsig.originalId, 0);
	plain.writeUInt16BE(plain.readUInt16BE(10) - 1, 10);
	const mac = createHmac(hashOf(key), key.secret)
		.update(uint(requestMac.length, 2))
		.update(requestMac)
		.update(plain)
		.update(digested(key, tsig))
		.digest();
	// A MAC cut short is not taken: no server asks for it, and a forger would.
	if (tsig.mac.length !== mac.length || !timingSafeEqual(tsig.mac, mac)) return "its signature is wrong";
	// BADTIME bears a time that cannot agree, by its nature.
	if (tsig.error !== BADTIME && Math.abs(nowSeconds - tsig.timeSigned) > tsig.fudge)
		return "its signature is too old";
	return null;
}
