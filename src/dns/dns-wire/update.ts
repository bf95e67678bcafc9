/** Writes the messages by which we change a zone (RFC 2136), and the plain questions that go with them. */

import { splitTxt } from "../../dkim/txt-strings.ts";
import { CLASS, TYPE } from "./server-message.ts";
import { encodeName } from "./wire-name.ts";
import { encodeRecord, uint } from "./wire-record.ts";

/** RFC 2136 section 2.4. All are checked before anything is changed. */
export type Prerequisite =
	/** No RRset of this type at the name. */
	| { readonly kind: "absent"; readonly name: string; readonly type: "TXT" | "CNAME" }
	/** The TXT RRset at the name is exactly these records: their data as the server gave it, all of them. */
	| { readonly kind: "equals"; readonly name: string; readonly data: readonly Uint8Array[] };

/** RFC 2136 section 2.5. */
export type Update =
	| { readonly kind: "add"; readonly name: string; readonly data: Uint8Array; readonly ttlSeconds: number }
	/** Deletes the one record whose data are equal octet for octet: another chunking is another record. */
	| { readonly kind: "delete"; readonly name: string; readonly data: Uint8Array };

export const UPDATE_OPCODE = 5;

/** Several updates in one message are done all or none. */
export function encodeUpdate(options: {
	readonly id: number;
	readonly zone: string;
	readonly prerequisites: readonly Prerequisite[];
	readonly updates: readonly Update[];
}): Buffer {
	const prerequisites = options.prerequisites.flatMap(encodePrerequisite);
	const updates = options.updates.map(encodeOne);
	return Buffer.concat([
		header(options.id, UPDATE_OPCODE << 11, [1, prerequisites.length, updates.length, 0]),
		encodeName(options.zone),
		uint(TYPE.SOA, 2),
		uint(CLASS.IN, 2),
		...prerequisites,
		...updates,
	]);
}

/** A question to the zone's own server: no recursion, no EDNS, so meant for TCP. */
export function encodeQuery(id: number, name: string, type: "TXT" | "SOA"): Buffer {
	return Buffer.concat([
		header(id, 0, [1, 0, 0, 0]),
		encodeName(name),
		uint(TYPE[type], 2),
		uint(CLASS.IN, 2),
	]);
}

/** TXT data for a value: strings of 255 octets. */
export function encodeTxtData(value: string): Uint8Array {
	return Buffer.concat(
		splitTxt(value).flatMap((octets) => [Buffer.from([octets.length]), Buffer.from(octets)]),
	);
}

function encodePrerequisite(wanted: Prerequisite): readonly Buffer[] {
	const { name } = wanted;
	if (wanted.kind === "equals")
		return wanted.data.map((data) =>
			encodeRecord({ name, type: TYPE.TXT, class: CLASS.IN, ttlSeconds: 0, data }),
		);
	const data = new Uint8Array();
	return [encodeRecord({ name, type: TYPE[wanted.type], class: CLASS.NONE, ttlSeconds: 0, data })];
}

function encodeOne(update: Update): Buffer {
	const { name, data } = update;
	const [dnsClass, ttlSeconds] = update.kind === "add" ? [CLASS.IN, update.ttlSeconds] : [CLASS.NONE, 0];
	return encodeRecord({ name, type: TYPE.TXT, class: dnsClass, ttlSeconds, data });
}

function header(id: number, flags: number, counts: readonly [number, number, number, number]): Buffer {
	return Buffer.concat([id, flags, ...counts].map((value) => uint(value, 2)));
}
