/** Reads what came back for a question, and refuses whatever is no acceptable answer to it. */

import { decode, type DecodedPacket, type Answer as PacketRecord } from "dns-packet";
import type { Answer, Question, RecordData, ResourceRecord } from "../../ports/resolver.ts";
import { checkBounds } from "./bounds.ts";

export interface Asked {
	readonly id: number;
	readonly question: Question;
	readonly transport: "udp" | "tcp";
}

/** What the types of dns-packet leave out. */
interface Header {
	readonly opcode: string;
	readonly rcode: string;
}

/** In the third octet: QR set, OPCODE of a query, TC set (RFC 1035 section 4.1.1). */
const QUERY_ANSWER_TRUNCATED = { mask: 0xfa, bits: 0x82 };
const REFUSALS = new Set(["FORMERR", "SERVFAIL", "NOTIMP", "REFUSED"]);
const RCODE_NAMES: Readonly<Record<number, string>> = { 16: "BADVERS", 22: "BADTRUNC", 23: "BADCOOKIE" };

/** Never fails; a message with TC set is `truncated`, whatever else it holds. */
export function decodeAnswer(bytes: Uint8Array, asked: Asked): Answer {
	if (isTruncated(bytes, asked)) return { kind: "truncated" };
	const bounds = checkBounds(bytes, asked.transport);
	if (bounds.kind === "refused") return malformed(bounds.why);
	let packet: DecodedPacket;
	try {
		packet = decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
		if (decode.bytes !== bounds.end) return malformed("its records differ from their lengths");
	} catch (thrown) {
		return malformed(thrown instanceof Error ? thrown.message : "it cannot be decoded");
	}
	const header: Header = packet as unknown as Header;
	return refusal(packet, header, asked) ?? readAnswer(packet, rcodeOf(packet, header, bytes), asked);
}

/** RFC 2181 section 9: whatever came with it is passed over; there are servers that cut it in the middle of a record. */
function isTruncated(bytes: Uint8Array, { id }: Asked): boolean {
	const [high = 0, low = 0, flags = 0] = bytes;
	return high * 256 + low === id && (flags & QUERY_ANSWER_TRUNCATED.mask) === QUERY_ANSWER_TRUNCATED.bits;
}

/** RFC 5452 section 4: an answer has our id and our question. A refusal may leave the question out. */
function refusal(packet: DecodedPacket, header: Header, asked: Asked): Answer | null {
	if (packet.type !== "response") return malformed("it is no answer but a question");
	if (packet.id !== asked.id) return malformed("it has another id");
	if (header.opcode !== "QUERY") return malformed(`it answers ${header.opcode}`);
	const question = packet.questions?.[0];
	if (question === undefined)
		return REFUSALS.has(header.rcode) ? null : malformed("it does not say what it answers");
	if (
		canonical(question.name) !== asked.question.name ||
		question.type !== asked.question.type ||
		question.class !== "IN"
	)
		return malformed(
			`it answers ${canonical(question.name)} ${question.type} instead of ${asked.question.name} ${asked.question.type}`,
		);
	return null;
}

function readAnswer(packet: DecodedPacket, rcode: string, asked: Asked): Answer {
	if (rcode === "SERVFAIL") return { kind: "servfail" };
	if (rcode === "REFUSED") return { kind: "refused" };
	if (rcode !== "NOERROR" && rcode !== "NXDOMAIN") return { kind: "rcode", rcode };
	return {
		kind: "message",
		rcode,
		authoritative: packet.flag_aa,
		authenticated: packet.flag_ad,
		answers: readRecords(packet.answers),
		authority: readRecords(packet.authorities),
		additional: readRecords(packet.additionals),
		transport: asked.transport,
	};
}

/** RFC 6891 section 6.1.3: the upper eight bits stand in the OPT record. */
function rcodeOf(packet: DecodedPacket, header: Header, bytes: Uint8Array): string {
	const high = packet.additionals?.find((record) => record.type === "OPT")?.extendedRcode ?? 0;
	if (high === 0) return header.rcode;
	const code = high * 16 + ((bytes[3] ?? 0) & 0x0f);
	return RCODE_NAMES[code] ?? `RCODE_${code}`;
}

function readRecords(records: readonly PacketRecord[] | undefined): readonly ResourceRecord[] {
	return (records ?? []).flatMap((record) => {
		if (record.type === "OPT" || ("class" in record && record.class !== "IN")) return [];
		return [
			{
				name: canonical(record.name),
				type: record.type.replace(/^UNKNOWN_/, "TYPE"),
				// RFC 2181 section 8: a TTL with the top bit set counts as zero.
				ttlSeconds: (record.ttl ?? 0) > 0x7fffffff ? 0 : (record.ttl ?? 0),
				data: readData(record),
			},
		];
	});
}

function readData(record: Exclude<PacketRecord, { type: "OPT" }>): RecordData {
	switch (record.type) {
		case "TXT":
			return { kind: "txt", strings: textStrings(record.data) };
		case "NS":
		case "CNAME":
		case "DNAME":
		case "PTR":
			return { kind: "name", target: canonical(record.data) };
		case "A":
		case "AAAA":
			return { kind: "address", address: record.data };
		case "MX":
			return {
				kind: "mail_exchange",
				target: canonical(record.data.exchange),
				preference: record.data.preference ?? 0,
			};
		case "SOA":
			return {
				kind: "soa",
				primary: canonical(record.data.mname),
				serial: record.data.serial ?? 0,
				minimumSeconds: record.data.minimum ?? 0,
			};
		case "RRSIG":
			return {
				kind: "rrsig",
				covers: record.data.typeCovered,
				expiresAt: new Date((record.data.expiration ?? 0) * 1000),
				validFrom: new Date((record.data.inception ?? 0) * 1000),
			};
		default:
			return { kind: "other" };
	}
}

function textStrings(data: string | Buffer | (string | Buffer)[]): readonly Uint8Array[] {
	const parts = Array.isArray(data) ? data : [data];
	return parts.map((part) => new Uint8Array(typeof part === "string" ? Buffer.from(part) : part));
}

/**
 * Lower case, without the final dot; the root is the empty name. What is not plain ASCII comes out escaped (RFC 4343 section
 * 2.1): such a name equals none of ours, and is no command to a terminal or a log.
 */
function canonical(name: string): string {
	return name
		.replace(/\.$/, "")
		.replace(/[^\x21-\x5b\x5d-\x7e]/gu, escapeCharacter)
		.toLowerCase();
}

function escapeCharacter(character: string): string {
	if (character === "\\") return "\\\\";
	return [...Buffer.from(character)].map((octet) => `\\${String(octet).padStart(3, "0")}`).join("");
}

function malformed(why: string): Answer {
	return { kind: "malformed", why };
}
