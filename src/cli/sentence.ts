/** A sentence as whoever reads it needs it: in lines of words at a terminal, in one line for a program. */

import { wrap } from "../report/words.ts";
import type { Terminal } from "./workbench.ts";

export function sentence({ isLive }: Pick<Terminal, "isLive">, text: string): string {
	return isLive ? wrap(text, 79, "", "  ") : text;
}
