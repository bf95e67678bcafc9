/** Changes records and serial of a master file, and no other octet of it. */

import { quoteTxt } from "../../src/dkim/txt-strings.ts";
import type { WantedRecord } from "../../src/publishing/api/record-api.ts";
import type { FileRecord } from "./records.ts";
import { nextSerial } from "./serial.ts";
import { NotUnderstood } from "./tokens.ts";

export interface FileEdit {
	readonly gone: readonly FileRecord[];
	readonly come: readonly WantedRecord[];
}

interface Splice {
	readonly start: number;
	readonly end: number;
	readonly text: string;
}

/** Throws NotUnderstood where the file cannot be changed without changing more. */
export function edited(
	text: string,
	records: readonly FileRecord[],
	{ gone, come }: FileEdit,
	now: Date,
): string {
	const splices = [serialSplice(records, now), ...gone.flatMap((record) => removal(record, records))];
	const cut = splices
		.toSorted((one, other) => other.start - one.start || other.end - one.end)
		.reduce((left, { start, end, text: by }) => left.slice(0, start) + by + left.slice(end), text);
	const lines = come.map(
		({ name, value, ttlSeconds }) => `${name}. ${ttlSeconds} IN TXT ${quoteTxt(value)}\n`,
	);
	const feed = cut === "" || cut.endsWith("\n") || lines.length === 0 ? "" : "\n";
	return `${cut}${feed}${lines.join("")}`;
}

/** What a file says, to be compared before and after: all but the serial. */
export function meaning(records: readonly FileRecord[]): readonly string[] {
	return records
		.map(({ owner, ttl, type, data }) => {
			const words = data.map(({ text }, index) => (type === "SOA" && index === 2 ? "serial" : text));
			return JSON.stringify([owner, ttl, type, ...words]);
		})
		.toSorted();
}

function serialSplice(records: readonly FileRecord[], now: Date): Splice {
	const [soa, another] = records.filter(({ type }) => type === "SOA");
	const serial = soa?.data[2];
	if (soa === undefined || another !== undefined || serial === undefined || !/^\d{1,10}$/.test(serial.raw))
		throw new NotUnderstood("its SOA with the serial is not found");
	if (soa.isIncluded) throw new NotUnderstood("its SOA stands in an included file");
	const { start, raw } = serial;
	return { start, end: start + raw.length, text: String(nextSerial(Number(raw), now)) };
}

/** The line goes; the next, if it has the owner of the line before it, gets its own. */
function removal(record: FileRecord, records: readonly FileRecord[]): readonly Splice[] {
	const { line, owner, isIncluded } = record;
	if (isIncluded) throw new NotUnderstood(`the record at ${owner} stands in an included file`);
	const cut = { start: line.start, end: line.end, text: "" };
	const next = records.find((one) => !one.isIncluded && one.line.start >= line.end);
	const isOwnerless = !line.isIndented && next?.line.isIndented === true && next.owner === owner;
	return isOwnerless ? [cut, { start: next.line.start, end: next.line.start, text: `${owner}.` }] : [cut];
}
