/** Cuts a table file into records exactly as OpenDKIM's reader does, each with its place in the bytes. */

/** OpenDKIM reads with fgets into 1024 bytes: what is longer becomes further records. */
export const LINE_LIMIT = 1023;

/** Positions are byte offsets into the file; the text is Latin-1, one character a byte. */
export interface TableRecord {
	readonly key: string;
	readonly value: string;
	/** Where the value begins. */
	readonly valueAt: number;
	/** Where the line begins and ends, without its LF. */
	readonly line: { readonly start: number; readonly end: number };
	/** Part of a line that OpenDKIM reads in pieces. */
	readonly cut: boolean;
}

/** The records in order; blank lines and comments (`#` ends a line anywhere) are none. */
export function parseTable(text: string): readonly TableRecord[] {
	const records: TableRecord[] = [];
	for (let start = 0; start < text.length; ) {
		const newline = text.indexOf("\n", start);
		const end = newline === -1 ? text.length : newline;
		const cut = end - start > LINE_LIMIT;
		for (let from = start; from < end; from += LINE_LIMIT) {
			const record = parseRecord(text.slice(from, Math.min(end, from + LINE_LIMIT)), from);
			if (record !== null) records.push({ ...record, line: { start, end }, cut });
		}
		start = end + 1;
	}
	return records;
}

/** C's isspace: what separates and is trimmed. */
const RECORD = /^[ \t\r\v\f]*([^ \t\r\v\f]+)(?:([ \t\r\v\f]+)([^]*?))?[ \t\r\v\f]*$/;

function parseRecord(piece: string, at: number): Pick<TableRecord, "key" | "value" | "valueAt"> | null {
	const text = /^[^#]*/.exec(piece)?.[0] ?? "";
	const match = RECORD.exec(text);
	if (match === null) return null;
	const [, key = "", gap = "", value = ""] = match;
	return { key, value, valueAt: at + text.indexOf(key) + key.length + gap.length };
}
