/** Live progress on a terminal, a line for each change in a pipe; both on standard error. */

import type { Terminal } from "./workbench.ts";
import { oneLine, wrap } from "../report/words.ts";

export interface Progress {
	/** The lines as they stand now. */
	show(lines: readonly string[]): void;
	/** Something said once, above the lines. */
	note(text: string): void;
	/** Takes the live lines away: what follows says how it ended. */
	end(): void;
}

export function createProgress(terminal: Terminal): Progress {
	return terminal.isLive ? createLive(terminal) : createLines(terminal);
}

/** Each line once: what stood there the last time is not said again. */
function createLines(terminal: Terminal): Progress {
	let shown: readonly string[] = [];
	return {
		show(lines) {
			const next = lines.map(oneLine);
			for (const line of next) if (!shown.includes(line)) terminal.say(line);
			shown = next;
		},
		note: (text) => terminal.say(text),
		end: () => undefined,
	};
}

function createLive(terminal: Terminal): Progress {
	let shown: readonly string[] = [];
	const clear = (): string => (shown.length === 0 ? "" : `\u001b[${shown.length}A\r\u001b[J`);
	const draw = (above: readonly string[], lines: readonly string[]): void => {
		const text = [...above, ...lines].map((line) => `${line}\n`).join("");
		if (clear() !== "" || text !== "") terminal.draw(clear() + text);
		shown = lines;
	};
	return {
		show: (lines) => draw([], fitting(lines, terminal)),
		note: (text) => draw([wrap(text, terminal.columns - 1, "", "  ")], shown),
		end: () => draw([], []),
	};
}

/** A live line must not wrap, and the first must not leave the screen: the cursor would lose its place. */
function fitting(lines: readonly string[], { columns, rows }: Terminal): readonly string[] {
	const most = Math.max(rows - 2, 1);
	const kept = lines.length <= most ? lines : lines.slice(0, most);
	return kept.map((line) => cut(oneLine(line), columns - 1));
}

function cut(line: string, width: number): string {
	// Half a character would be shown as one that nobody wrote.
	return line.length <= width ? line : `${line.slice(0, width - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}
