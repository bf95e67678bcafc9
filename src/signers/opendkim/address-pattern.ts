/**
 * Reads the patterns of a `refile` SigningTable as OpenDKIM does (dkimf_mkregexp): `*` is any text, `.` and `+` are themselves,
 * the rest is an extended regular expression. Of those only sets in brackets are understood: any of the others could be built to
 * be tried for ever.
 */

export type Matches = (address: string) => boolean;

/** Null for a pattern that is more of a regular expression: what it matches is not known. */
export function readPattern(pattern: string): Matches | null {
	const pieces: Piece[] = [];
	for (const [text, set] of pattern.matchAll(/\[(\^?[A-Za-z0-9_@-]+)\]|[^]/g)) {
		if (set !== undefined) pieces.push(readSet(set));
		else if (text === "*") pieces.push("any");
		else if (/[[\](){}^$|?\\]/.test(text)) return null;
		else pieces.push((letter) => letter === lower(text));
	}
	return (address) => matches(pieces, lower(address));
}

/** "any": text of any length, none too; else one letter, in lower case. */
export type Piece = "any" | ((letter: string) => boolean);

/** POSIX 1003.1 section 9.3.5: a hyphen is a range but at the ends. */
function readSet(text: string): Piece {
	const isNegated = text.startsWith("^");
	const ranges = [...text.slice(isNegated ? 1 : 0).matchAll(/([^])-([^])|[^]/g)].map(
		([letter, from = letter, to = letter]) => ({ from, to }),
	);
	return (letter) => {
		const isIn = [letter, letter.toUpperCase()].some((one) =>
			ranges.some(({ from, to }) => from <= one && one <= to),
		);
		return isIn !== isNegated;
	};
}

/**
 * Whether the pieces are the whole of an address in lower case. Only the last "any" has ever to be tried again, so that the work
 * is at most the product of the two lengths.
 */
export function matches(pieces: readonly Piece[], address: string): boolean {
	let piece = 0;
	let at = 0;
	let lastAny = -1;
	let triedFrom = 0;
	while (at < address.length) {
		const wanted = pieces[piece];
		if (wanted === "any") {
			lastAny = piece;
			triedFrom = at;
			piece++;
		} else if (wanted?.(address.charAt(at)) === true) {
			piece++;
			at++;
		} else if (lastAny >= 0) {
			triedFrom++;
			at = triedFrom;
			piece = lastAny + 1;
		} else return false;
	}
	return pieces.slice(piece).every((left) => left === "any");
}

/** Of ASCII only: no other letter is another case of one of these to OpenDKIM. */
function lower(text: string): string {
	return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
