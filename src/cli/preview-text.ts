/** What `--dry-run` found, as it is printed. */

import { wrap } from "../report/words.ts";

/** Records and lines of files: they are compared and copied. */
const AS_IT_STANDS = /^ {2}(?:dns {5}|domains | {8}[+-] )/;

/** At a terminal its words are wrapped; what it says of records and lines of files stays whole. */
export function previewText(isTerminal: boolean, lines: readonly string[]): string {
	const printed = isTerminal
		? lines.map((line) => (AS_IT_STANDS.test(line) ? line : wrap(line, 79, "", " ".repeat(10))))
		: lines;
	return printed.join("\n");
}
