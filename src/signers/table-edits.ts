/** Changes single places of a table file, so that every other byte stays as it is. */

export interface Edit {
	/** Byte offsets of what is replaced; equal ones insert. */
	readonly start: number;
	readonly end: number;
	/** UTF-8. */
	readonly text: string;
}

/** The bytes after edits that do not overlap, in any order. */
export function applyEdits(bytes: Uint8Array, edits: readonly Edit[]): Uint8Array {
	const pieces: Uint8Array[] = [];
	let at = 0;
	for (const edit of edits.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
		pieces.push(bytes.subarray(at, edit.start), Buffer.from(edit.text, "utf8"));
		at = edit.end;
	}
	return new Uint8Array(Buffer.concat([...pieces, bytes.subarray(at)]));
}

/** Puts lines behind the last one, which may lack its line end. */
export function appendLines(bytes: Uint8Array, lines: readonly string[]): Edit {
	const isOpen = bytes.length > 0 && bytes.at(-1) !== LINE_FEED;
	const text = lines.map((line) => `${line}\n`).join("");
	return { start: bytes.length, end: bytes.length, text: isOpen && text !== "" ? `\n${text}` : text };
}

/** Takes a line out with its line end. */
export function removeLine(bytes: Uint8Array, line: { readonly start: number; readonly end: number }): Edit {
	return { start: line.start, end: Math.min(line.end + 1, bytes.length), text: "" };
}

const LINE_FEED = 10;
