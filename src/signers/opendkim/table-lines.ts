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
	/** Blanks stand before the key: a table of the kind `refile` has no such record (dkimf_db_open). */
	readonly isIndented: boolean;
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

function parseRecord(
	piece: string,
	at: number,
): Pick<TableRecord, "key" | "value" | "valueAt" | "isIndented"> | null {
	const text = /^[^#]*/.exec(piece)?.[0] ?? "";
	// Each step takes what it can and gives nothing back, so that a line of blanks costs no more than its length.
	const before = /^[ \t\r\v\f]*/.exec(text)?.[0] ?? "";
	const key = /^[^ \t\r\v\f]*/.exec(text.slice(before.length))?.[0] ?? "";
	if (key === "") return null;
	const behind = text.slice(before.length + key.length);
	const gap = /^[ \t\r\v\f]*/.exec(behind)?.[0] ?? "";
	const value = trimEnd(behind.slice(gap.length));
	const isIndented = before !== "";
	return { key, value, valueAt: at + before.length + key.length + gap.length, isIndented };
}

/** C's isspace: what separates and is trimmed. */
const BLANKS = " \t\r\v\f";

function trimEnd(text: string): string {
	let end = text.length;
	while (end > 0 && BLANKS.includes(text.charAt(end - 1))) end--;
	return text.slice(0, end);
}
