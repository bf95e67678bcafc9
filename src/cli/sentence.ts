/** A sentence as whoever reads it needs it: in lines of words at a terminal, in one line for a program. */

import { wrap } from "../report/words.ts";

/** `isTerminal` says it of the stream that it is written to. */
export function sentence(isTerminal: boolean, text: string): string {
	return isTerminal ? wrap(text, 79, "", "  ") : text;
}
