/** Refuses text that no YAML parser should be given: too long, too deep, or with what no terminal should be shown. */

const LIMIT_BYTES = 1024 * 1024;

export interface RefusedText {
	readonly rule: string;
	readonly offset: number;
}

export function refuseText(text: string): RefusedText | null {
	if (text.length > LIMIT_BYTES) return { rule: "must be at most 1 MiB", offset: 0 };
	const deep = tooDeep(text);
	if (deep !== null) return { rule: "must not be nested this deeply", offset: deep };
	const blank = oddBlank(text);
	if (blank !== -1)
		return {
			rule: `must be laid out with plain blanks, got ${named(text, blank)}, which looks like one or like nothing: was it pasted from a page?`,
			offset: blank,
		};
	const odd = text.search(
		/[^\t\n\r\u0020-\u007e\u0085\u00a0-\u2029\u202f-\u2065\u206a-\ufffc\u{10000}-\u{10ffff}]/u,
	);
	if (odd === -1) return null;
	return { rule: `must be text in UTF-8 without control characters, got ${named(text, odd)}`, offset: odd };
}

function named(text: string, at: number): string {
	return `U+${(text.codePointAt(at) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

const ODD_BLANK = "[\\u00a0\\u1680\\u2000-\\u200b\\u202f\\u205f\\u3000\\ufeff]";
/** Before a line's first word, and behind its key. */
const ODD_LAYOUT = new RegExp(`^(?:[ -]*${ODD_BLANK}| *(?:- +)*[A-Za-z_]\\w*:${ODD_BLANK})`, "m");

/** Where what no YAML parser takes for a blank stands in the place of one; its own faults would be of what cannot be seen. -1 if nowhere. */
function oddBlank(text: string): number {
	// A file may begin with a mark.
	const start = text.startsWith("\ufeff") ? 1 : 0;
	const found = ODD_LAYOUT.exec(text.slice(start));
	return found === null ? -1 : start + found.index + found[0].length - 1;
}

/** Looked for before parsing: the parser answers deep nesting by ending the process (out of memory). */
function tooDeep(text: string): number | null {
	const indented = text.search(/^ {400}|^ *(?:[?-][ \t]+){40}/m);
	if (indented !== -1) return indented;
	let depth = 0;
	for (let offset = 0; offset < text.length; offset++) {
		const letter = text[offset];
		if (letter === "[" || letter === "{") depth++;
		else if ((letter === "]" || letter === "}") && depth > 0) depth--;
		if (depth > 200) return offset;
	}
	return null;
}
