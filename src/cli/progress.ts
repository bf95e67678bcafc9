/** Live progress on a terminal, one line a change in a pipe; both on standard error. */

import type { Terminal } from "./workbench.ts";
import { plain } from "./words.ts";

export interface Progress {
	/** The lines as they stand now, the same number each time. */
	show(lines: readonly string[]): void;
	/** Leaves the last lines standing. */
	end(): void;
}

export function createProgress(terminal: Terminal): Progress {
	let shown: readonly string[] = [];
	return {
		show(lines) {
			const next = lines.map((line) => cut(plain(line).replaceAll("\n", " "), terminal));
			if (terminal.isLive) redraw(terminal, shown, next);
			else for (const line of next) if (!shown.includes(line)) terminal.say(line);
			shown = next;
		},
		end() {
			shown = [];
		},
	};
}

function redraw(terminal: Terminal, before: readonly string[], now: readonly string[]): void {
	const up = before.length === 0 ? "" : `\u001b[${before.length}A`;
	terminal.say(up + now.map((line) => `\r\u001b[2K${line}`).join("\n"));
}

/** A live line must not wrap: the cursor would lose its place. */
function cut(line: string, terminal: Terminal): string {
	const width = terminal.columns - 1;
	return !terminal.isLive || line.length <= width ? line : `${line.slice(0, width - 1)}…`;
}
