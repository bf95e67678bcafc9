/** A table with one row a line: a key in use replaced in its row, a row added or taken out, and every other byte kept. */

import { hashOf } from "../../durable.ts";
import { KeyturnError } from "../../errors.ts";
import type { RenderedFile, SignerChange, SignerFile } from "../../ports/signer.ts";
import { namesNext } from "../rendered.ts";

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
	/** Which rows of a domain count for the program; of rows with labels, which of those that are called the same. */
	readonly counts: "all" | "first" | "last";
}

/** The rows in their order. One that another hides, or contradicts, says so. */
export function parseRows(bytes: Uint8Array, format: RowFormat): readonly Row[] {
	const rows = linesOf(bytes).flatMap((line) => format.parse(line) ?? []);
	const used = usedRows(rows, format);
	const firsts = new Map<string, Row>();
	return rows.map((row) => {
		const first = firsts.get(keyName(row)) ?? row;
		firsts.set(keyName(row), first);
		const other = format.counts === "last" ? "a later" : "an earlier";
		const hidden = `${other} line stands for the same, so this one is never used`;
		const contrary = first.path === row.path ? null : "an earlier line has another key file for its selector";
		return { ...row, problem: row.problem ?? (used.has(row) ? contrary : hidden) };
	});
}

/** Where all rows of a domain count, of those with the same selector the first. */
function usedRows(rows: readonly Row[], { counts }: RowFormat): ReadonlySet<Row> {
	const used = new Map<string, Row>();
	for (const row of rows) {
		const name = row.label ?? (counts === "all" ? keyName(row) : row.domain);
		if (counts === "last" || !used.has(name)) used.set(name, row);
	}
	return new Set(used.values());
}

/**
 * Every row of a key in use gets the next key, or goes where that has a row already which does as well. Fails with
 * `signer.config` where a key in use has no row, a first key has one, or the result would read otherwise.
 */
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
	const { domain, from } = change;
	const before = parseRows(bytes, format);
	const places = placesOf(before, change, format);
	const to = needsNoRow(before, change) ? null : change.to;
	if (to !== null) refuseTaken(before, change, format);
	const after = from === null ? appended(bytes, first(change, format)) : edited(bytes, places, to, format);
	const wanted = to === null ? [] : [{ domain, selector: to.selector, path: to.keyPath, problem: null }];
	const turned = before.flatMap((row, index) => (places.has(index) ? wanted : [row]));
	checkRendered(parseRows(after, format), from === null ? [...turned, ...wanted] : turned, domain, format);
	return after;
}

/** Where the rows of the key in use stand among all; fails with `signer.config` where there are none. */
function placesOf(
	rows: readonly Row[],
	{ domain, from }: SignerChange,
	format: RowFormat,
): ReadonlySet<number> {
	if (from === null) return new Set();
	const places = rows.flatMap((row, index) => (isIt(row, domain, from) ? [index] : []));
	if (places.length > 0) return new Set(places);
	throw new KeyturnError(
		"signer.config",
		`${format.name}: expected a line of ${domain} with ${from}, got none`,
	);
}

function isIt(row: Row, domain: string, selector: string): boolean {
	return row.problem === null && row.domain === domain && row.selector === selector;
}

/** Where no other table calls rows by a name, one of each key is enough. */
function needsNoRow(rows: readonly Row[], change: SignerChange): boolean {
	const other = rowInUse(rows, change);
	return other !== undefined && other.label === undefined;
}

/** One that names the next key already. */
function rowInUse(rows: readonly Row[], change: SignerChange): Row | undefined {
	const { from, to } = change;
	if (from === null || to === null || from === to.selector) return undefined;
	return rows.find((row) => namesNext(row, change));
}

function refuseTaken(rows: readonly Row[], change: SignerChange, format: RowFormat): void {
	const { domain, from, to } = change;
	if (rowInUse(rows, change) !== undefined) return;
	const taken = rows.some(
		(row) =>
			row.domain === domain &&
			(from === null && format.counts !== "all" && row.label === undefined
				? true
				: row.selector === to?.selector),
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
	places: ReadonlySet<number>,
	to: SignerChange["to"],
	format: RowFormat,
): Uint8Array {
	let row = -1;
	const lines = linesOf(bytes).flatMap((line) => {
		if (format.parse(line) === null) return [line];
		row += 1;
		if (!places.has(row)) return [line];
		return to === null ? [] : [format.turn(line, to)];
	});
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
	expected: readonly Row[],
	domain: string,
	format: RowFormat,
): void {
	const isSame = expected.every((row, index) => {
		const now = after[index];
		return now?.domain === row.domain && now.selector === row.selector && now.path === row.path;
	});
	if (!isSame || after.length !== expected.length)
		throw new KeyturnError(
			"signer.config",
			`${format.name}: the line of ${domain} would not be read as it is meant`,
			{ hint: "A key path with blanks or signs of the table's own cannot stand in it." },
		);
	const uncovered = after.find(({ problem }, index) => problem === null && expected[index]?.problem !== null);
	if (uncovered === undefined) return;
	throw new KeyturnError(
		"signer.config",
		`${format.name}: a line of ${uncovered.domain} with ${uncovered.selector}, which is not used now, would sign from then on`,
		{ hint: "Take that line out." },
	);
}

function linesOf(bytes: Uint8Array): string[] {
	return Buffer.from(bytes).toString("latin1").split("\n");
}

function keyName({ domain, selector }: Row): string {
	return `${domain} ${selector}`;
}
