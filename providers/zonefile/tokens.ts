/** The lines of a master file (RFC 1035 section 5.1), with the place of every word, so that all others can stay as they are. */

export interface Token {
	/** Escapes resolved; of a text in quotes what is between them. */
	readonly text: string;
	/** As it stands in the file. */
	readonly raw: string;
	readonly start: number;
}

/** Several lines of the file, where parentheses join them. */
export interface Line {
	/** Offsets: the first character, and the one after the line feed. */
	readonly start: number;
	readonly end: number;
	/** A record whose owner is the one before it. */
	readonly isIndented: boolean;
	readonly tokens: readonly Token[];
}

/** Says why a file cannot be read, or not be edited for sure; the hint says what to do instead. */
export class NotUnderstood extends Error {
	readonly hint: string | null;

	constructor(why: string, hint: string | null = null) {
		super(why);
		this.hint = hint;
	}
}

/** For a zone that somebody else writes too. */
export const BY_UPDATES =
	"let the server take dynamic updates for keyturn, and use a provider of type rfc2136 for the zone";

/** One pattern for whatever stands next, in the order in which it is tried. */
const NEXT =
	/(?<blank>[ \t\r]+|;[^\n]*)|(?<feed>\n)|(?<bracket>[()])|(?<quoted>"(?:[^"\\\n]|\\[^\n])*")|(?<word>(?:[^\s;()"\\]|\\[^\n])+)/y;

/** `text` is Latin-1, one character an octet. Throws NotUnderstood. */
export function linesOf(text: string): readonly Line[] {
	const lines: Line[] = [];
	let tokens: Token[] = [];
	let start = 0;
	let depth = 0;
	const end = (at: number): void => {
		if (at > start) lines.push({ start, end: at, isIndented: /[ \t]/.test(text[start] ?? ""), tokens });
		tokens = [];
		start = at;
	};
	for (let at = 0; at < text.length; at = NEXT.lastIndex) {
		NEXT.lastIndex = at;
		const found = NEXT.exec(text)?.groups;
		if (found === undefined) throw new NotUnderstood(`line ${numberOf(text, at)} cannot be read`);
		const { feed, bracket, quoted, word } = found;
		if (bracket !== undefined) depth += bracket === "(" ? 1 : -1;
		if (depth < 0 || depth > 1) throw new NotUnderstood(`line ${numberOf(text, at)}: a parenthesis too many`);
		if (feed !== undefined && depth === 0) end(at + 1);
		const raw = quoted ?? word;
		if (raw !== undefined)
			tokens.push({ text: resolved(quoted === undefined ? raw : raw.slice(1, -1)), raw, start: at });
	}
	if (depth !== 0) throw new NotUnderstood("a parenthesis is not closed");
	end(text.length);
	return lines;
}

function resolved(text: string): string {
	return text.replace(/\\(?:(\d{3})|([^]))/g, (_, code: string | undefined, character: string) =>
		code === undefined ? character : String.fromCharCode(Number(code) & 0xff),
	);
}

function numberOf(text: string, at: number): number {
	return text.slice(0, at).split("\n").length;
}
