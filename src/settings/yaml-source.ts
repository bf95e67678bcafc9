/** Reads keyturn.yaml as text that may be hostile or broken: plain values on one side, the place of each on the other. */

import { isMap, LineCounter, parseDocument, type YAMLParseError } from "yaml";
import { createExcerpts, type Excerpts } from "./excerpts.ts";
import { type Fault, formatPath, type Path, printable } from "./faults.ts";
import { type RefusedText, refuseText } from "./refuse-text.ts";
import { mayBeSecret, mayHoldSecrets } from "./secrecy.ts";
import { entryName, plainValues, type PlainValues, type Refusal } from "./yaml-values.ts";

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

const LIMIT_FAULTS = 25;
/** Unread, nothing can be said about anything else in it. */
const UNREAD = "the file cannot be read, and nothing of it takes effect";

/** The source, or all YAML faults at once. */
export type YamlReading = YamlSource | { readonly faults: readonly Fault[] };

export function readYaml(text: string, file: string): YamlReading {
	const refused = refuseText(text);
	if (refused !== null) return { faults: [textFault(file, text, refused)] };
	const lines = new LineCounter();
	const excerpts = createExcerpts(text, lines);
	const told = (found: readonly Found[]): { readonly faults: readonly Fault[] } => ({
		faults: found.slice(0, LIMIT_FAULTS).map((one) => faultOf(file, one, { lines, excerpts })),
	});
	try {
		const { contents, errors } = parseDocument(text, { lineCounter: lines, ...PARSING });
		// What else is found in such a text follows from its tabs.
		const tabs = errors.filter(({ code }) => code === "TAB_AS_INDENT");
		if (tabs.length > 0) return told(tabs.map(brokenAt));
		const values = plainValues(contents);
		// Then a line may have more in it than the key that is looked at.
		const isOneFlow = isMap(contents) && contents.flow === true;
		const refusals = values.refusals.map((refusal) => ({ ...refusal, isUnshown: isOneFlow }));
		const found = [...refusals, ...errors.map(brokenAt)];
		return found.length > 0 ? told(found) : sourceOf(values, { lines, excerpts });
	} catch (thrown) {
		if (!(thrown instanceof RangeError)) throw thrown;
		return { faults: [textFault(file, text, { rule: "must not be nested this deeply", offset: 0 })] };
	}
}

const PARSING = {
	uniqueKeys: false,
	prettyErrors: false,
	schema: "core",
	resolveKnownTags: false,
	logLevel: "error",
} as const;

interface Lines {
	readonly lines: LineCounter;
	readonly excerpts: Excerpts;
}

interface Found extends Refusal {
	/** Whatever the key: its line may hold the secrets of others. */
	readonly isUnshown: boolean;
}

function brokenAt({ pos, code, message }: YAMLParseError): Found {
	return { offset: pos[0], path: [], rule: yamlRule(code, message), consequence: UNREAD, isUnshown: true };
}

function faultOf(
	file: string,
	{ offset, path, rule, consequence, isUnshown }: Found,
	{ lines, excerpts }: Lines,
): Fault {
	const { line, col } = lines.linePos(offset);
	const excerpt = isUnshown || mayHoldSecrets(path) ? null : excerpts.of(line);
	const place = { file, line, column: col, path: formatPath(path) };
	return { ...place, rule, value: null, consequence, hint: null, excerpt };
}

function sourceOf({ value, entries }: PlainValues, { lines, excerpts }: Lines): YamlSource {
	const hidden = [...entries.values()].filter(
		({ path, written }) => written !== null && mayBeSecret(path, written),
	);
	const entryAt = (path: Path) => entries.get(entryName(path));
	return {
		value,
		has: (path) => entryAt(path) !== undefined,
		valueAt: (path) => (entryAt(path) === undefined ? undefined : valueAt(value, path)),
		written: (path) => entryAt(path)?.written ?? null,
		secret: (path) => mayBeSecret(path, entryAt(path)?.written ?? ""),
		locate(path, on) {
			const exact = entryAt(path);
			if (exact === undefined && path.length > 0) return this.locate(path.slice(0, -1), "key");
			const offset = (on === "key" ? exact?.key : null) ?? exact?.value ?? 0;
			const { line, col } = lines.linePos(offset);
			return {
				line: Math.max(1, line),
				column: Math.max(1, col),
				excerpt: excerpts.masked(line, hidden),
			};
		},
	};
}

function valueAt(root: unknown, path: Path): unknown {
	return path.reduce<unknown>((value, part) => (value as Record<string | number, unknown>)[part], root);
}

function textFault(file: string, text: string, { rule, offset }: RefusedText): Fault {
	const before = text.slice(0, offset);
	return {
		file,
		line: before.split("\n").length,
		column: offset - before.lastIndexOf("\n"),
		path: "",
		rule,
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
