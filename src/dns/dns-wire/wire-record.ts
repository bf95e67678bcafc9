/** Resource records as octets (RFC 1035 section 4.1.3), for the messages that we write ourselves. */

import { KeyturnError } from "../../errors.ts";
import { encodeName } from "./wire-name.ts";

export interface RecordToWrite {
	readonly name: string;
	readonly type: number;
	readonly class: number;
	readonly ttlSeconds: number;
	readonly data: Uint8Array;
}

export function encodeRecord(record: RecordToWrite): Buffer {
	if (record.data.length > 65_535)
		throw new KeyturnError("bug", `a record's data has ${record.data.length} octets, more than 65,535`);
	return Buffer.concat([
		encodeName(record.name),
		uint(record.type, 2),
		uint(record.class, 2),
		uint(record.ttlSeconds, 4),
		uint(record.data.length, 2),
		record.data,
	]);
}

/** An unsigned number in network order. */
export function uint(value: number, octets: 2 | 4 | 6): Buffer {
	const buffer = Buffer.alloc(octets);
	buffer.writeUIntBE(value, 0, octets);
	return buffer;
}
