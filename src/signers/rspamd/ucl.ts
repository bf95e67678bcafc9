/**
 * Reads rspamd's configuration language (UCL) as far as signing needs it, each value with its place in the text, so that
 * single values can be changed and every other byte kept. What is not understood fails; nothing is guessed.
 */

import { KeyturnError } from "../../errors.ts";

export type UclNode =
	| { readonly kind: "object"; readonly entries: readonly UclEntry[]; readonly span: Span }
	| { readonly kind: "array"; readonly items: readonly UclNode[]; readonly span: Span }
	/** `span` is that of the text itself, without quotes. */
	| { readonly kind: "value"; readonly text: string; readonly isQuoted: boolean; readonly span: Span };

export interface UclEntry {
	readonly key: string;
	/** Where the key begins, its quote included. */
	readonly start: number;
	/** Behind the value, with the `;` that ends it. */
	readonly end: number;
	readonly node: UclNode;
}

/** Byte offsets; the text is Latin-1. */
export interface Span {
	readonly start: number;
	readonly end: number;
}

/** The whole file, which is the inside of a section; fails with `signer.config`. */
export function parseUcl(text: string, path: string): readonly UclEntry[] {
	const reader = { text, path, at: 0 };
	const entries = readEntries(reader, 0);
	if (reader.at < text.length) throw notUnderstood(reader, "expected a name or the end");
	return entries;
}

interface Reader {
	readonly text: string;
	readonly path: string;
	at: number;
}

const DEEPEST = 20;

/** Up to a closing brace, which is left standing, or the end. */
function readEntries(reader: Reader, depth: number): readonly UclEntry[] {
	if (depth > DEEPEST) throw notUnderstood(reader, `expected less than ${DEEPEST} levels`);
	const entries: UclEntry[] = [];
	for (;;) {
		skipBetween(reader);
		if (reader.at >= reader.text.length || reader.text.charAt(reader.at) === "}") return entries;
		entries.push(readEntry(reader, depth));
	}
}

function readEntry(reader: Reader, depth: number): UclEntry {
	const start = reader.at;
	const key = readName(reader);
	skipBlanks(reader);
	const isAssigned = /[=:]/.test(reader.text.charAt(reader.at));
	if (isAssigned) reader.at += 1;
	skipSpace(reader);
	const node = isAssigned ? readNode(reader, depth) : readUnassigned(reader, depth);
	skipBlanks(reader);
	if (reader.text.charAt(reader.at) === ";") reader.at += 1;
	return { key, start, end: reader.at, node };
}

/** `name { … }`, `name inner { … }`, or `name value`. */
function readUnassigned(reader: Reader, depth: number): UclNode {
	const first = reader.text.charAt(reader.at);
	if (first === "{" || first === "[") return readNode(reader, depth);
	const start = reader.at;
	const nested = /^(?:"[^"\\\n]*"|[^\s"'{};,=:[\]#]+)[ \t]*(?=\{)/.exec(
		reader.text.slice(start, start + 1000),
	);
	if (nested === null) return readNode(reader, depth);
	const key = readName(reader);
	skipBlanks(reader);
	const node = readNode(reader, depth + 1);
	const span = { start, end: reader.at };
	return { kind: "object", entries: [{ key, start, end: reader.at, node }], span };
}

function readName(reader: Reader): string {
	const rest = reader.text.slice(reader.at, reader.at + 1000);
	const quoted = /^"([^"\\\n]*)"|^'([^'\\\n]*)'/.exec(rest);
	if (quoted !== null) {
		reader.at += quoted[0].length;
		return quoted[1] ?? quoted[2] ?? "";
	}
	const plain = /^[A-Za-z0-9_][^\s"'{};,=:[\]#]*/.exec(rest);
	if (plain === null)
		throw notUnderstood(
			reader,
			rest.startsWith(".") ? "expected no macro" : "expected the name of an option",
		);
	reader.at += plain[0].length;
	return plain[0];
}

function readNode(reader: Reader, depth: number): UclNode {
	switch (reader.text.charAt(reader.at)) {
		case "{":
			return readObject(reader, depth);
		case "[":
			return readArray(reader, depth);
		case '"':
		case "'":
			return readQuoted(reader, reader.text.charAt(reader.at));
		default:
			return readPlain(reader);
	}
}

function readObject(reader: Reader, depth: number): UclNode {
	const start = reader.at;
	reader.at += 1;
	const entries = readEntries(reader, depth + 1);
	if (reader.text.charAt(reader.at) !== "}") throw notUnderstood(reader, "expected a closing brace");
	reader.at += 1;
	return { kind: "object", entries, span: { start, end: reader.at } };
}

function readArray(reader: Reader, depth: number): UclNode {
	if (depth > DEEPEST) throw notUnderstood(reader, `expected less than ${DEEPEST} levels`);
	const start = reader.at;
	reader.at += 1;
	const items: UclNode[] = [];
	for (;;) {
		skipBetween(reader);
		if (reader.at >= reader.text.length) throw notUnderstood(reader, "expected a closing bracket");
		if (reader.text.charAt(reader.at) === "]") break;
		items.push(readNode(reader, depth + 1));
	}
	reader.at += 1;
	return { kind: "array", items, span: { start, end: reader.at } };
}

function readQuoted(reader: Reader, quote: string): UclNode {
	const start = reader.at + 1;
	const end = reader.text.indexOf(quote, start);
	const text = reader.text.slice(start, end);
	if (end === -1 || text.includes("\\")) throw notUnderstood(reader, "expected a string without backslashes");
	reader.at = end + 1;
	return { kind: "value", text, isQuoted: true, span: { start, end } };
}

/** Up to what ends an unquoted value (ucl_lex_is_atom_end), blanks in front of that cut off. */
function readPlain(reader: Reader): UclNode {
	const { text, at: start } = reader;
	let end = start;
	while (end < text.length && !/[\n\r;,\]}#{[]/.test(text.charAt(end)) && !text.startsWith("/*", end))
		end += 1;
	while (end > start && /[ \t]/.test(text.charAt(end - 1))) end -= 1;
	if (end === start || text.startsWith("<<", start)) throw notUnderstood(reader, "expected a value");
	reader.at = end;
	return { kind: "value", text: text.slice(start, end), isQuoted: false, span: { start, end } };
}

function skipBlanks(reader: Reader): void {
	while (/[ \t]/.test(reader.text.charAt(reader.at))) reader.at += 1;
}

/** Space and comments, and what separates values. */
function skipBetween(reader: Reader): void {
	for (;;) {
		skipSpace(reader);
		if (!/[;,]/.test(reader.text.charAt(reader.at))) return;
		reader.at += 1;
	}
}

function skipSpace(reader: Reader): void {
	for (;;) {
		while (/\s/.test(reader.text.charAt(reader.at))) reader.at += 1;
		if (reader.text.charAt(reader.at) === "#") {
			const end = reader.text.indexOf("\n", reader.at);
			reader.at = end === -1 ? reader.text.length : end;
		} else if (reader.text.startsWith("/*", reader.at)) skipComment(reader);
		else return;
	}
}

/** They may stand in each other. */
function skipComment(reader: Reader): void {
	const marks = /\/\*|\*\//g;
	marks.lastIndex = reader.at;
	let depth = 0;
	do {
		const mark = marks.exec(reader.text);
		if (mark === null) throw notUnderstood(reader, "expected the end of a comment");
		depth += mark[0] === "/*" ? 1 : -1;
	} while (depth > 0);
	reader.at = marks.lastIndex;
}

function notUnderstood({ text, path, at }: Reader, expected: string): KeyturnError {
	const line = text.slice(0, at).split("\n").length;
	return new KeyturnError(
		"signer.config",
		`${path}: line ${line} is not understood: ${expected}, got ${JSON.stringify(text.slice(at, at + 20))}`,
		{
			hint: "Write this part plainly: names, values, braces; macros, variables and backslashes are not followed.",
		},
	);
}
