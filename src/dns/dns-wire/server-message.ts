/** Reads what a zone's own server answers to a query or an update, every record with its place in the message. */

import { readName } from "./wire-name.ts";

export const TYPE = { NS: 2, CNAME: 5, SOA: 6, TXT: 16, DNAME: 39, TSIG: 250, ANY: 255 } as const;
export const CLASS = { IN: 1, NONE: 254, ANY: 255 } as const;

export interface WireRecord {
	readonly name: string;
	readonly type: number;
	readonly class: number;
	readonly ttlSeconds: number;
	/** Where the record begins in the message, and where its data do. */
	readonly start: number;
	readonly dataStart: number;
	readonly data: Buffer;
	/** Where a CNAME leads to, in lower case; null for all others. */
	readonly target: string | null;
}

export interface ServerMessage {
	readonly id: number;
	readonly isAnswer: boolean;
	readonly opcode: number;
	/** The four bits of the header. */
	readonly rcode: number;
	readonly authoritative: boolean;
	readonly truncated: boolean;
	readonly questions: readonly { readonly name: string; readonly type: number }[];
	readonly answers: readonly WireRecord[];
	readonly authority: readonly WireRecord[];
	readonly additional: readonly WireRecord[];
}

/** Null if the octets are no whole DNS message, or if anything follows it. */
export function readServerMessage(bytes: Uint8Array): ServerMessage | null {
	try {
		return readSections(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
	} catch (thrown) {
		if (thrown instanceof RangeError) return null;
		throw thrown;
	}
}

function readSections(message: Buffer): ServerMessage | null {
	const flags = message.readUInt16BE(2);
	let offset = 12;
	const questions: { name: string; type: number }[] = [];
	for (let left = message.readUInt16BE(4); left > 0; left--) {
		const { name, next } = readName(message, offset);
		questions.push({ name, type: message.readUInt16BE(next) });
		offset = next + 4;
	}
	const section = (countAt: number): readonly WireRecord[] => {
		const records: WireRecord[] = [];
		for (let left = message.readUInt16BE(countAt); left > 0; left--) {
			const record = readRecord(message, offset);
			records.push(record);
			offset = record.dataStart + record.data.length;
		}
		return records;
	};
	const answers = section(6);
	const authority = section(8);
	const additional = section(10);
	if (offset !== message.length) return null;
	return {
		id: message.readUInt16BE(0),
		isAnswer: (flags & 0x8000) !== 0,
		opcode: (flags >> 11) & 0xf,
		rcode: flags & 0xf,
		authoritative: (flags & 0x0400) !== 0,
		truncated: (flags & 0x0200) !== 0,
		questions,
		answers,
		authority,
		additional,
	};
}

function readRecord(message: Buffer, start: number): WireRecord {
	const { name, next } = readName(message, start);
	const dataStart = next + 10;
	const end = dataStart + message.readUInt16BE(next + 8);
	if (end > message.length) throw new RangeError("a record runs over the end");
	const type = message.readUInt16BE(next);
	return {
		name,
		type,
		class: message.readUInt16BE(next + 2),
		ttlSeconds: message.readUInt32BE(next + 4),
		start,
		dataStart,
		data: message.subarray(dataStart, end),
		target: type === TYPE.CNAME ? readName(message, dataStart).name : null,
	};
}

/** The character-strings of TXT data, cut as the server holds them; null if they do not fill the data exactly. */
export function readTxtData(data: Uint8Array): readonly Uint8Array[] | null {
	const strings: Uint8Array[] = [];
	let offset = 0;
	while (offset < data.length) {
		const end = offset + 1 + (data[offset] ?? 0);
		if (end > data.length) return null;
		strings.push(data.slice(offset + 1, end));
		offset = end;
	}
	return strings.length === 0 ? null : strings;
}
