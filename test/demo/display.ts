/** What the demo shows: a line for each thing that happened, on a terminal with the moment of the story below them. */

import { styleText } from "node:util";
import { duration } from "../../src/report/words.ts";

export interface DemoTerminal {
	write(text: string): void;
	/** A terminal that can redraw its last line. */
	readonly isLive: boolean;
	readonly hasColors: boolean;
	readonly columns: number;
}

export interface Display {
	/** As it is. */
	readonly text: (lines: string) => void;
	chapter(title: string): void;
	/** One event, at a moment of the demo's clock. */
	event(at: Date, words: string): void;
	/** How a chapter ended. */
	closing(words: string, isGood: boolean): void;
	/** Redrawn in place; nothing in a pipe. */
	moment(at: Date, words: string): void;
	/** A state in its colour, padded. */
	state(name: string): string;
	/** Takes the redrawn line away. */
	end(): void;
	readonly colors: Colors;
}

const HOUR_MS = 3_600_000;
const STATE_WIDTH = 9;

export function createDisplay(terminal: DemoTerminal): Display {
	const colors = createColors(terminal.hasColors);
	let below = "";
	let last: Date | null = null;
	const clear = (): void => {
		if (below !== "") terminal.write("\r\u001b[2K");
	};
	const text = (lines: string): void => {
		clear();
		terminal.write(`${lines}\n${below}`);
	};
	const shades: Readonly<Record<string, (text: string) => string>> = {
		pending: colors.cyan,
		published: colors.cyan,
		verified: colors.cyan,
		active: colors.green,
		retiring: colors.yellow,
		retired: colors.dim,
		dropped: colors.dim,
	};
	return {
		colors,
		text,
		chapter: (title) => text(`\n${colors.bold(title)}`),
		event(at, words) {
			const passedMs = last === null ? 0 : at.getTime() - last.getTime();
			if (passedMs >= HOUR_MS) text(colors.dim(`  ... ${duration(passedMs)} later`));
			last = at;
			text(`${colors.dim(minute(at))}  ${words}`);
		},
		closing: (words, isGood) => text(isGood ? colors.dim(`  ${words}`) : colors.red(`  ${words}`)),
		moment(at, words) {
			if (!terminal.isLive) return;
			clear();
			below = colors.dim(`${minute(at)}  ${words}`.slice(0, terminal.columns - 1));
			terminal.write(below);
		},
		state: (name) => (shades[name] ?? ((same: string) => same))(name.padEnd(STATE_WIDTH)),
		end() {
			clear();
			below = "";
		},
	};
}

/** `2026-11-01 03:00` */
export function minute(at: Date): string {
	return at.toISOString().slice(0, 16).replace("T", " ");
}

const COLORS = ["cyan", "green", "yellow", "dim", "bold", "red"] as const;

type Colors = Readonly<Record<(typeof COLORS)[number], (words: string) => string>>;

/** Each marks words on a terminal that has colours, and leaves them alone elsewhere. */
function createColors(hasColors: boolean): Colors {
	const entries = COLORS.map((color) => [
		color,
		(words: string) => (hasColors ? styleText(color, words) : words),
	]);
	return Object.fromEntries(entries) as Colors;
}
