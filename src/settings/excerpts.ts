/** Shows lines of keyturn.yaml beside what is wrong with them, without comments and without what may be a secret. */

import type { LineCounter } from "yaml";
import { printable } from "./faults.ts";
import type { Entry } from "./yaml-values.ts";

const LONGEST = 400;

export interface Excerpts {
	/** Comments are left out, since an old password may stand there; null where nothing is left. */
	of(line: number): string | null;
	/** The same, with the values of `hidden` made unreadable. */
	masked(line: number, hidden: readonly Pick<Entry, "value" | "end">[]): string | null;
}

export function createExcerpts(text: string, { lineStarts }: LineCounter): Excerpts {
	function of(line: number): string | null {
		const start = lineStarts[line - 1];
		if (start === undefined) return null;
		const end = text.indexOf("\n", start);
		const whole = text
			.slice(start, end === -1 ? text.length : end)
			.replace(/\r$/, "")
			.replace(/(^|\s)#.*$/s, "$1");
		const shown = printable(whole, LONGEST);
		return shown.trim() === "" ? null : shown;
	}
	return {
		of,
		masked(line, hidden) {
			const start = lineStarts[line - 1] ?? 0;
			let shown = of(line);
			if (shown === null) return null;
			for (const entry of hidden) {
				const from = Math.max(0, entry.value - start);
				const to = Math.min(shown.length, entry.end - start);
				if (from < to) shown = shown.slice(0, from) + "*".repeat(to - from) + shown.slice(to);
			}
			return shown;
		},
	};
}
