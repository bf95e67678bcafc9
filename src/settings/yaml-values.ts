/** Takes plain values out of parsed YAML and notes where each stands; refuses whatever else YAML can say. */

import { isAlias, isMap, isScalar, isSeq, type Node, type Pair } from "yaml";
import type { Path } from "./faults.ts";

const LIMIT_DEPTH = 24;
const GUESSED = "what is meant would be a guess, and keyturn guesses nothing";

/** Where a value stands, in offsets of the text. */
export interface Entry {
	readonly path: Path;
	/** Null for an item of a list, and for the whole. */
	readonly key: number | null;
	readonly value: number;
	readonly end: number;
	/** Without quotes; null for maps and lists. */
	readonly written: string | null;
}

export interface Refusal {
	readonly offset: number;
	readonly path: Path;
	readonly rule: string;
	readonly consequence: string;
}

export interface PlainValues {
	/** Maps, lists and scalars only; what was refused is null. */
	readonly value: unknown;
	/** By `entryName`. */
	readonly entries: ReadonlyMap<string, Entry>;
	readonly refusals: readonly Refusal[];
}

interface Found {
	readonly entries: Map<string, Entry>;
	readonly refusals: Refusal[];
}

export function plainValues(contents: Node | null): PlainValues {
	const found: Found = { entries: new Map(), refusals: [] };
	const value = contents === null ? {} : walk(contents, { path: [], key: null }, found);
	return { value, ...found };
}

export function entryName(path: Path): string {
	return JSON.stringify(path);
}

function walk(node: Node, at: Pick<Entry, "path" | "key">, found: Found): unknown {
	const [value, end] = node.range ?? [0, 0];
	const { path } = at;
	const refuse = (rule: string): null => refuseAt(found, value, path, rule);
	note(found, { ...at, value, end, written: null });
	if (path.length > LIMIT_DEPTH) return refuse("must not be nested this deeply");
	if (isAlias(node)) return refuse("aliases (*name) are not allowed: write the value out");
	if (node.anchor !== undefined) refuse("anchors (&name) are not allowed");
	if (node.tag !== undefined) refuse("tags (!name) are not allowed");
	if (isMap(node)) return walkMap(node.items as Pair<Node, Node | null>[], path, found);
	if (isSeq(node))
		return (node.items as Node[]).map((item, index) =>
			walk(item, { path: [...path, index], key: null }, found),
		);
	if (!isScalar(node)) return refuse("must be a map, a list or a plain value");
	const written = typeof node.value === "string" ? node.value : (node.source ?? String(node.value));
	note(found, { ...at, value, end, written });
	return node.value;
}

function walkMap(pairs: readonly Pair<Node, Node | null>[], path: Path, found: Found): unknown {
	const values = new Map<string, unknown>();
	for (const pair of pairs) {
		const [start, end] = pair.key.range ?? [0, 0];
		const name = plainKey(pair.key);
		if (name === null) refuseAt(found, start, path, "a key must be a plain text");
		else if (name === "__proto__" || name === "<<")
			refuseAt(found, start, path, `${name} is not allowed as a key`);
		else if (values.has(name))
			refuseAt(found, start, [...path, name], "stands twice", "the later one would silently win");
		else if (pair.value === null) {
			note(found, { path: [...path, name], key: start, value: start, end, written: "" });
			values.set(name, null);
		} else values.set(name, walk(pair.value, { path: [...path, name], key: start }, found));
	}
	return Object.fromEntries(values);
}

function plainKey(key: Node): string | null {
	if (!isScalar(key) || key.anchor !== undefined || key.tag !== undefined) return null;
	return typeof key.value === "string" ? key.value : (key.source ?? null);
}

function note({ entries }: Found, entry: Entry): void {
	entries.set(entryName(entry.path), entry);
}

function refuseAt(
	{ refusals }: Found,
	offset: number,
	path: Path,
	rule: string,
	consequence: string = GUESSED,
): null {
	refusals.push({ offset, path, rule, consequence });
	return null;
}
