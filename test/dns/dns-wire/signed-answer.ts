/** What a server answers that holds the same TSIG key. */

import { signMessage, type TsigKey } from "../../../src/dns/dns-wire/tsig.ts";

/**
 * The request's MAC goes before the answer's digest with its length (RFC 8945 section 4.3.1): that of a message which begins
 * with it, put in place of the answer's own.
 */
export function signedAnswer(answer: Buffer, requestMac: Buffer, key: TsigKey, atSeconds: number): Buffer {
	const prefix = Buffer.alloc(2);
	prefix.writeUInt16BE(requestMac.length);
	const { mac } = signMessage(Buffer.concat([prefix, requestMac, answer]), key, atSeconds);
	const { bytes, mac: own } = signMessage(answer, key, atSeconds);
	mac.copy(bytes, bytes.indexOf(own));
	return bytes;
}
