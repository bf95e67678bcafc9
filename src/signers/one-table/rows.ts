/** A table with one row a line: a key in use replaced in its row, a row added or taken out, and every other byte kept. */

import { hashOf } from "../../durable.ts";
import { KeyturnError } from "../../errors.ts";
import type { RenderedFile, SignerChange, SignerFile } from "../../ports/signer.ts";

/** What one line says; the text of lines is Latin-1, one character a byte. */
export interface Row {
	readonly domain: string;
	readonly selector: string;
	readonly path: string;
	/** What other tables call it, where it has a name of its own. */
	readonly label?: string;
	/** Why it cannot be turned by us; null if it can. */
	readonly problem: string | null;
}

/** How a program writes its rows. */
export interface RowFormat {
	/** For messages. */
	readonly name: string;
	/** Null for a line that names no key: a comment, a blank line, one of somebody else's. */
	readonly parse: (line: string) => Row | null;
	/** The line with another key; all else in it stays. */
	readonly turn: (line: string, to: { readonly selector: string; readonly keyPath: string }) => string;
	/** The line of a domain that has none; `label` is what others call it, where rows have labels. */
	readonly first: (
		domain: string,
		to: { readonly selector: string; readonly keyPath: string },
		label?: string,
	) => string;
	/** Whether only the first row of a domain counts. */
	readonly isOneEach: boolean;
}

/** The rows in their order. A row that an earlier one hides says so. */
export function parseRows(bytes: Uint8Array, format: RowFormat): readonly Row[] {
	const seen = new Set<string>();
	return linesOf(bytes).flatMap((line) => {
		const row = format.parse(line);
		if (row === null) return [];
		const name = format.isOneEach ? row.domain : keyName(row.domain, row.selector);
		const isHidden = seen.has(name);
		seen.add(name);
		return [
			isHidden ? { ...row, problem: "an earlier line stands for the same, so this one is never used" } : row,
		];
	});
}

/** Fails with `signer.config` where a key in use has no row, a first key has one, or the result would read otherwise. */
export function renderRows(
	file: SignerFile,
	changes: readonly SignerChange[],
	format: RowFormat,
): readonly RenderedFile[] {
	if (changes.length === 0) return [];
	const bytes = changes.reduce((before, change) => rendered(before, change, format), file.bytes);
	return [{ path: file.path, hashBefore: hashOf(file.bytes), bytes }];
}

function rendered(bytes: Uint8Array, change: SignerChange, format: RowFormat): Uint8Array {
	const { domain, from, to } = change;
	const before = parseRows(bytes, format);
	const place = from === null ? -1 : before.findIndex((row) => isIt(row, domain, from));
	if (from !== null && place === -1)
		throw new KeyturnError(
			"signer.config",
			`${format.name}: expected a line of ${domain} with ${from}, got none`,
		);
	if (to !== null) refuseTaken(before, change, format);
	const after =
		from === null ? appended(bytes, first(change, format)) : edited(bytes, before, place, to, format);
	checkRendered(parseRows(after, format), before, change, place, format);
	return after;
}

function isIt(row: Row, domain: string, selector: string): boolean {
	return row.problem === null && row.domain === domain && row.selector === selector;
}

function refuseTaken(rows: readonly Row[], { domain, from, to }: SignerChange, format: RowFormat): void {
	const taken = rows.some(
		(row) =>
			row.domain === domain && (from === null && format.isOneEach ? true : row.selector === to?.selector),
	);
	if (!taken || from === to?.selector) return;
	throw new KeyturnError(
		"signer.config",
		`${format.name}: expected no line of ${domain} with ${to?.selector ?? "a key"}, got one`,
		{ hint: "Take that line out, or choose another selector." },
	);
}

function first({ domain, to }: SignerChange, format: RowFormat): string {
	if (to === null) throw new KeyturnError("bug", `${domain}: a first key without a key`);
	return format.first(domain, to);
}

/** The rest of a line is kept, be it only a CR at its end. */
function edited(
	bytes: Uint8Array,
	rows: readonly Row[],
	place: number,
	to: SignerChange["to"],
	format: RowFormat,
): Uint8Array {
	const lines = linesOf(bytes);
	let row = -1;
	const index = lines.findIndex((line) => {
		if (format.parse(line) !== null) row += 1;
		return row === place;
	});
	const line = lines[index] ?? "";
	if (rows.length === 0 || index === -1)
		throw new KeyturnError("bug", `${format.name}: a row without its line`);
	lines.splice(index, 1, ...(to === null ? [] : [format.turn(line, to)]));
	return Buffer.from(lines.join("\n"), "latin1");
}

function appended(bytes: Uint8Array, line: string): Uint8Array {
	const text = Buffer.from(bytes).toString("latin1");
	const gap = text === "" || text.endsWith("\n") ? "" : "\n";
	return Buffer.from(`${text}${gap}${line}\n`, "latin1");
}

/** Reads the result as its program would: each row is the one before, or the one asked for, in its place. */
function checkRendered(
	after: readonly Row[],
	before: readonly Row[],
	{ domain, to }: SignerChange,
	place: number,
	format: RowFormat,
): void {
	const wanted = to === null ? [] : [{ domain, selector: to.selector, path: to.keyPath, problem: null }];
	const expected = place === -1 ? [...before, ...wanted] : before.toSpliced(place, 1, ...wanted);
	const isSame = expected.every((row, index) => {
		const now = after[index];
		return now?.domain === row.domain && now.selector === row.selector && now.path === row.path;
	});
	if (isSame && after.length === expected.length) return;
	throw new KeyturnError(
		"signer.config",
		`${format.name}: the line of ${domain} would not be read as it is meant`,
		{
			hint: "A key path with blanks or signs of the table's own cannot stand in it.",
		},
	);
}

function linesOf(bytes: Uint8Array): string[] {
	return Buffer.from(bytes).toString("latin1").split("\n");
}

function keyName(domain: string, selector: string): string {
	return `${domain} ${selector}`;
}
