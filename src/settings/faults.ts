/** What is wrong with keyturn.yaml: each fault with its place, the rule, what stands there and what it would lead to. */

export type Path = readonly (string | number)[];

export interface Fault {
	readonly file: string;
	/** From 1. */
	readonly line: number;
	/** From 1. */
	readonly column: number;
	/** `domains[0].provider`; empty for the whole file. */
	readonly path: string;
	/** What has to be, or what is not allowed. */
	readonly rule: string;
	/** What stands there; null where nothing does, or where it may be a secret. */
	readonly value: string | null;
	/** What would come of it. */
	readonly consequence: string;
	/** What to write instead; null where the rule says it. */
	readonly hint: string | null;
	/** The line of the file with everything that may be a secret masked; null where there is none. */
	readonly excerpt: string | null;
}

const WIDTH = 80;

/** For terminals: place, line with a caret, rule, consequence; at most 80 columns, no control characters. */
export function formatFaults(faults: readonly Fault[]): string {
	return faults.map(formatFault).join("\n\n");
}

/** One fault in one line, for logs and alerts. */
export function faultSentence(fault: Fault): string {
	const where = fault.path === "" ? "" : ` ${fault.path}`;
	return `${fault.file}:${fault.line}:${fault.column}${where}: ${ruleSentence(fault)}: ${fault.consequence}`;
}

/** A path as people write it; a name with a dot or bracket in it is quoted. */
export function formatPath(path: Path): string {
	return path
		.map((part, index) => {
			if (typeof part === "number") return `[${part}]`;
			const name = /^[\w-]+$/.test(part) ? part : JSON.stringify(printable(part));
			return index === 0 ? name : `.${name}`;
		})
		.join("");
}

/** The text without anything that a terminal or a log would take as a command, and not too long. */
export function printable(text: string, limit = 60): string {
	const clean = text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "?");
	return clean.length > limit ? `${between(clean, 0, limit - 1)}…` : clean;
}

function formatFault(fault: Fault): string {
	const head = `${fault.file}:${fault.line}:${fault.column}`;
	return [
		...wrap(fault.path === "" ? head : `${head} ${fault.path}`, ""),
		...(fault.excerpt === null ? [] : caretLines(fault.excerpt, fault.column)),
		...wrap(ruleSentence(fault), "  "),
		...wrap(`otherwise: ${fault.consequence}`, "  "),
	].join("\n");
}

function ruleSentence(fault: Fault): string {
	const got = fault.value === null ? "" : `, got ${fault.value}`;
	return `${fault.rule}${got}${fault.hint === null ? "" : ` (${fault.hint})`}`;
}

/** The part of the line around the column, so that line and caret fit the width. */
function caretLines(excerpt: string, column: number): readonly string[] {
	const room = WIDTH - 4;
	const start = column <= room - 10 ? 0 : column - Math.floor(room / 2);
	const shown = between(excerpt, start, start + room);
	return [`  | ${shown}`.trimEnd(), `  | ${" ".repeat(Math.max(0, column - 1 - start))}^`];
}

function wrap(text: string, indent: string): readonly string[] {
	const lines: string[] = [];
	let line = indent;
	for (const word of text.split(" ").flatMap((word) => pieces(word, WIDTH - indent.length))) {
		const longer = line === indent ? indent + word : `${line} ${word}`;
		if (longer.length > WIDTH && line !== indent) {
			lines.push(line);
			line = indent + word;
		} else line = longer;
	}
	return [...lines, line];
}

function pieces(word: string, size: number): readonly string[] {
	const found: string[] = [];
	for (let start = 0; start < word.length || start === 0; start += size)
		found.push(between(word, start, start + size));
	return found;
}

/** Cut where a character ends: half of one is none that a terminal knows. */
function between(text: string, start: number, end: number): string {
	const whole = (at: number): number => (/^[\uDC00-\uDFFF]/.test(text.slice(at)) ? at - 1 : at);
	return text.slice(Math.max(0, whole(start)), whole(end));
}
