/** Makes the bytes of one question to a DNS server (RFC 1035 section 4, EDNS by RFC 6891). */

import { DNSSEC_OK, encode, RECURSION_DESIRED, type RecordType } from "dns-packet";
import type { Question } from "../../ports/resolver.ts";

/** Fits every path without fragments (DNS flag day 2020). */
const UDP_PAYLOAD = 1232;

export interface QueryOptions {
	/** 0 to 65,535, random. */
	readonly id: number;
	/** Servers that answer FORMERR to it are asked again without. */
	readonly edns: boolean;
	/** How long an answer by UDP may be; what fits every path without fragments by default. */
	readonly payloadOctets?: number;
}

/** The message; null if the name is none that DNS can carry (dns-packet would write a label of any length). */
export function encodeQuery(question: Question, options: QueryOptions): Uint8Array | null {
	if (!isAskable(question.name)) return null;
	return encode({
		type: "query",
		id: options.id,
		flags: question.recursive ? RECURSION_DESIRED : 0,
		questions: [
			{ name: question.name === "" ? "." : question.name, type: question.type as RecordType, class: "IN" },
		],
		additionals: options.edns
			? [
					{
						type: "OPT",
						name: ".",
						udpPayloadSize: options.payloadOctets ?? UDP_PAYLOAD,
						extendedRcode: 0,
						ednsVersion: 0,
						flags: question.dnssec ? DNSSEC_OK : 0,
						flag_do: question.dnssec,
						options: [],
					},
				]
			: [],
	});
}

/** The root is the empty name. A backslash stands for an octet that we write no name with. */
function isAskable(name: string): boolean {
	if (name === "") return true;
	return name.length <= 253 && name.split(".").every((label) => /^[\x21-\x5b\x5d-\x7e]{1,63}$/.test(label));
}
