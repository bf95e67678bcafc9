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
	const comment = piece.indexOf("#");
	const end = comment === -1 ? piece.length : comment;
	const keyAt = pass(piece, 0, end, true);
	const keyEnd = pass(piece, keyAt, end, false);
	if (keyEnd === keyAt) return null;
	const valueAt = pass(piece, keyEnd, end, true);
	let valueEnd = end;
	while (valueEnd > valueAt && isBlank(piece, valueEnd - 1)) valueEnd--;
	return {
		key: piece.slice(keyAt, keyEnd),
		value: piece.slice(valueAt, valueEnd),
		valueAt: at + valueAt,
		isIndented: keyAt > 0,
	};
}

/** Where the blanks, or what is between them, end that begin at `from`. */
function pass(text: string, from: number, end: number, areBlanks: boolean): number {
	let at = from;
	while (at < end && isBlank(text, at) === areBlanks) at++;
	return at;
}

/** C's isspace without the end of a line: what separates and is trimmed. */
function isBlank(text: string, at: number): boolean {
	const code = text.charCodeAt(at);
	return code === 0x20 || (code >= 0x09 && code <= 0x0d && code !== 0x0a);
}
