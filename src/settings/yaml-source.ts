/** Reads keyturn.yaml as text that may be hostile or broken: plain values on one side, the place of each on the other. */

import {
	isAlias,
	isMap,
	isScalar,
	isSeq,
	LineCounter,
	type Node,
	type Pair,
	parseDocument,
	type YAMLParseError,
} from "yaml";
import { type Fault, formatPath, type Path, printable } from "./faults.ts";

export interface YamlSource {
	/** Maps, lists and scalars only; keys are texts, and none is `__proto__`. */
	readonly value: unknown;
	has(path: Path): boolean;
	/** Undefined where nothing stands. */
	valueAt(path: Path): unknown;
	/** As written in the file, without quotes; null for maps, lists and what is not there. */
	written(path: Path): string | null;
	/** Whether what stands there may be a secret. */
	secret(path: Path): boolean;
	/** The place of the value, or of its key; of the nearest thing around it where it is not there. */
	locate(path: Path, on: "key" | "value"): Place;
}

export interface Place {
	readonly line: number;
	readonly column: number;
	readonly excerpt: string | null;
}

const LIMIT_BYTES = 1024 * 1024;
const LIMIT_DEPTH = 24;
const LIMIT_FAULTS = 25;
/** Unread, nothing can be said about anything else in it. */
const UNREAD = "the file cannot be read, and nothing of it takes effect";
const GUESSED = "what is meant would be a guess, and keyturn guesses nothing";
/** Below any other key a text may be a secret, unless its key is among SHOWN. */
const PLAIN = new Set<string | number>(
	(
		"schedule publish_ahead window timezone selector host key record standby jitter spread verify retire " +
		"signers signer services domains metrics status"
	).split(" "),
);
const SHOWN = new Set<string | number>(
	"type server name algorithm keyfile file env credential on repeat format to smtp".split(" "),
);
/** Where the secret itself is put by mistake, in place of where it lies. */
const PATHS = new Set<string | number>(["file", "keyfile"]);
const TELLING = /token|secret|passw|hmac|api_?key/i;

interface Entry {
	readonly key: number | null;
	readonly value: number;
	readonly end: number;
	readonly written: string | null;
}

/** The source, or all YAML faults at once. */
export type YamlReading = YamlSource | { readonly faults: readonly Fault[] };

export function readYaml(text: string, file: string): YamlReading {
	const lines = new LineCounter();
	const refused = refuseText(text);
	if (refused !== null) return { faults: [textFault(file, text, refused)] };
	const faults: Fault[] = [];
	const entries = new Map<string, Entry>();
	/** Then a line may have more in it than the key that is looked at. */
	let isOneFlow = false;
	try {
		const document = parseDocument(text, {
			lineCounter: lines,
			uniqueKeys: false,
			prettyErrors: false,
			schema: "core",
			resolveKnownTags: false,
			logLevel: "error",
		});
		// What else is found in such a text follows from its tabs.
		refuseYaml(document.errors.filter(({ code }) => code === "TAB_AS_INDENT"));
		if (faults.length > 0) return { faults };
		isOneFlow = isMap(document.contents) && document.contents.flow === true;
		const value = document.contents === null ? {} : walk(document.contents, [], null);
		refuseYaml(document.errors);
		if (faults.length > 0) return { faults };
		return source(value);
	} catch (thrown) {
		if (!(thrown instanceof RangeError)) throw thrown;
		return { faults: [textFault(file, text, { rule: "must not be nested this deeply", offset: 0 })] };
	}

	function refuseYaml(errors: readonly YAMLParseError[]): void {
		for (const { pos, code, message } of errors)
			if (faults.length < LIMIT_FAULTS) add(pos[0], [], yamlRule(code, message), UNREAD, true);
	}

	function walk(node: Node, path: Path, key: number | null): unknown {
		const [start, end] = node.range ?? [0, 0];
		entries.set(JSON.stringify(path), { key, value: start, end, written: null });
		if (path.length > LIMIT_DEPTH) return refuse(start, path, "must not be nested this deeply");
		if (isAlias(node)) return refuse(start, path, "aliases (*name) are not allowed: write the value out");
		if (node.anchor !== undefined) refuse(start, path, "anchors (&name) are not allowed");
		if (node.tag !== undefined) refuse(start, path, "tags (!name) are not allowed");
		if (isMap(node)) return walkMap(node.items as Pair<Node, Node | null>[], path);
		if (isSeq(node)) return (node.items as Node[]).map((item, index) => walk(item, [...path, index], null));
		if (!isScalar(node)) return refuse(start, path, "must be a map, a list or a plain value");
		const written = typeof node.value === "string" ? node.value : (node.source ?? String(node.value));
		entries.set(JSON.stringify(path), { key, value: start, end, written });
		return node.value;
	}

	function walkMap(pairs: readonly Pair<Node, Node | null>[], path: Path): unknown {
		const found = new Map<string, unknown>();
		for (const pair of pairs) {
			const start = pair.key.range?.[0] ?? 0;
			const name = isScalar(pair.key) ? scalarName(pair.key) : null;
			if (name === null || pair.key.anchor !== undefined || pair.key.tag !== undefined)
				refuse(start, path, "a key must be a plain text");
			else if (name === "__proto__" || name === "<<") refuse(start, path, `${name} is not allowed as a key`);
			else if (found.has(name))
				refuse(start, [...path, name], "stands twice", "the later one would silently win");
			else if (pair.value === null) {
				const end = pair.key.range?.[1] ?? start;
				entries.set(JSON.stringify([...path, name]), { key: start, value: start, end, written: "" });
				found.set(name, null);
			} else found.set(name, walk(pair.value, [...path, name], start));
		}
		return Object.fromEntries(found);
	}

	function refuse(offset: number, path: Path, rule: string, consequence = GUESSED): null {
		if (faults.length < LIMIT_FAULTS) add(offset, path, rule, consequence, false);
		return null;
	}

	function add(offset: number, path: Path, rule: string, consequence: string, broken: boolean): void {
		const { line, col } = lines.linePos(offset);
		const excerpt = broken || isOneFlow || secretive(path) ? null : lineAt(line);
		faults.push({
			file,
			line,
			column: col,
			path: formatPath(path),
			rule,
			value: null,
			consequence,
			hint: null,
			excerpt,
		});
	}

	function source(value: unknown): YamlSource {
		const secret = (path: Path) => mayBeSecret(path, entries.get(JSON.stringify(path))?.written ?? "");
		const hidden = [...entries].filter(
			([path, { written }]) => written !== null && mayBeSecret(JSON.parse(path), written),
		);
		return {
			value,
			has: (path) => entries.has(JSON.stringify(path)),
			valueAt: (path) => (entries.has(JSON.stringify(path)) ? valueAt(value, path) : undefined),
			written: (path) => entries.get(JSON.stringify(path))?.written ?? null,
			secret,
			locate(path, on) {
				const exact = entries.get(JSON.stringify(path));
				if (exact === undefined && path.length > 0) return this.locate(path.slice(0, -1), "key");
				const offset = (on === "key" ? exact?.key : null) ?? exact?.value ?? 0;
				const { line, col } = lines.linePos(offset);
				return { line: Math.max(1, line), column: Math.max(1, col), excerpt: masked(line, hidden) };
			},
		};
	}

	function masked(line: number, hidden: readonly (readonly [string, Entry])[]): string | null {
		const start = lines.lineStarts[line - 1] ?? 0;
		let shown = lineAt(line);
		if (shown === null) return null;
		for (const [, entry] of hidden) {
			const from = Math.max(0, entry.value - start);
			const to = Math.min(shown.length, entry.end - start);
			if (from < to) shown = shown.slice(0, from) + "*".repeat(to - from) + shown.slice(to);
		}
		return shown;
	}

	/** Comments are left out: an old password may stand there. */
	function lineAt(line: number): string | null {
		const start = lines.lineStarts[line - 1];
		if (start === undefined) return null;
		const end = text.indexOf("\n", start);
		const whole = text
			.slice(start, end === -1 ? text.length : end)
			.replace(/\r$/, "")
			.replace(/(^|\s)#.*$/s, "$1");
		const shown = printable(whole, 400);
		return shown.trim() === "" ? null : shown;
	}
}

function mayBeSecret(path: Path, written: string): boolean {
	const name = path.findLast((part) => typeof part === "string") ?? "";
	if (path.length === 1 && name === "state") return false;
	const isShown = SHOWN.has(name) && (!PATHS.has(name) || written.startsWith("/"));
	return secretive(path) && !isShown;
}

function secretive(path: Path): boolean {
	return !PLAIN.has(path[0] ?? "") || path.some((part) => TELLING.test(String(part)));
}

function valueAt(root: unknown, path: Path): unknown {
	return path.reduce<unknown>((value, part) => (value as Record<string | number, unknown>)[part], root);
}

function scalarName(key: Node): string | null {
	if (!isScalar(key)) return null;
	return typeof key.value === "string" ? key.value : (key.source ?? null);
}

function refuseText(text: string): { readonly rule: string; readonly offset: number } | null {
	if (text.length > LIMIT_BYTES) return { rule: "must be at most 1 MiB", offset: 0 };
	const deep = tooDeep(text);
	if (deep !== null) return { rule: "must not be nested this deeply", offset: deep };
	const odd = text.search(
		/[^\t\n\r\u0020-\u007e\u0085\u00a0-\u2029\u202f-\u2065\u206a-\ufffc\u{10000}-\u{10ffff}]/u,
	);
	if (odd === -1) return null;
	const point = (text.codePointAt(odd) ?? 0).toString(16).toUpperCase().padStart(4, "0");
	return { rule: `must be text in UTF-8 without control characters, got U+${point}`, offset: odd };
}

/** Looked for before parsing: the parser answers deep nesting by ending the process (out of memory). */
function tooDeep(text: string): number | null {
	const indented = text.search(/^ {400}|^ *(?:[?-][ \t]+){40}/m);
	if (indented !== -1) return indented;
	let depth = 0;
	for (let offset = 0; offset < text.length; offset++) {
		const letter = text[offset];
		if (letter === "[" || letter === "{") depth++;
		else if ((letter === "]" || letter === "}") && depth > 0) depth--;
		if (depth > 200) return offset;
	}
	return null;
}

function textFault(
	file: string,
	text: string,
	refused: { readonly rule: string; readonly offset: number },
): Fault {
	const before = text.slice(0, refused.offset);
	return {
		file,
		line: before.split("\n").length,
		column: refused.offset - before.lastIndexOf("\n"),
		path: "",
		rule: refused.rule,
		value: null,
		consequence: UNREAD,
		hint: null,
		excerpt: null,
	};
}

function yamlRule(code: string, message: string): string {
	if (code === "MULTIPLE_DOCS") return "must be one document: leave out the second ---";
	if (code === "TAB_AS_INDENT") return "must be indented with blanks, not tabs";
	// Behind a colon or backslash the parser quotes what stands there, which may be a secret.
	return `must be YAML: ${printable(message.replace(/(?:: | \\).*$/s, ""), 160)}`;
}
