/** A terminal that keeps what it was given, and knows what a real one would show of it. */

import type { Terminal } from "../../src/cli/workbench.ts";

export class FakeTerminal implements Terminal {
	readonly isLive: boolean;
	readonly isShown: boolean;
	readonly columns: number;
	readonly rows: number;
	readonly results: string[] = [];
	readonly said: string[] = [];
	drawn = "";
	readonly unread = new AbortController().signal;

	/** Results go where all else goes, unless it is said otherwise. */
	constructor(given: {
		readonly isLive: boolean;
		readonly isShown?: boolean;
		readonly columns?: number;
		readonly rows?: number;
	}) {
		this.isLive = given.isLive;
		this.isShown = given.isShown ?? given.isLive;
		this.columns = given.columns ?? 80;
		this.rows = given.rows ?? 24;
	}

	result(text: string): void {
		this.results.push(text);
	}

	say(text: string): void {
		this.said.push(text);
	}

	draw(text: string): void {
		this.drawn += text;
	}

	/** The lines left standing, for the sequences that are used: up, to the left, and clear to the end. */
	screen(): readonly string[] {
		const lines = [""];
		let row = 0;
		// oxlint-disable-next-line no-control-regex -- a terminal reads them
		for (const [token, up] of this.drawn.matchAll(/\u001b\[(\d+)A|\u001b\[J|\r|\n|[^\u001b\r\n]+/g)) {
			if (up !== undefined) row -= Number(up);
			else if (token === "\u001b[J") lines.splice(row + 1);
			else if (token === "\n") row += 1;
			else if (token !== "\r") lines[row] = token;
			if (token === "\u001b[J") lines[row] = "";
			lines[row] ??= "";
		}
		return lines.slice(0, row);
	}
}
