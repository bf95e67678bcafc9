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
	const odd = text.search(
		/[^\t\n\r\u0020-\u007e\u0085\u00a0-\u2029\u202f-\u2065\u206a-\ufffc\u{10000}-\u{10ffff}]/u,
	);
	if (odd === -1) return null;
	const point = (text.codePointAt(odd) ?? 0).toString(16).toUpperCase().padStart(4, "0");
	return { rule: `must be text in UTF-8 without control characters, got U+${point}`, offset: odd };
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
