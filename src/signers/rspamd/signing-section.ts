/** Finds in `dkim_signing.conf` which key signs for which domain, and changes, adds or takes out one key and nothing else. */

import { KeyturnError } from "../../errors.ts";
import type { SignerChange } from "../../ports/signer.ts";
import { applyEdits, type Edit } from "../table-edits.ts";
import { openedPath } from "./file-names.ts";
import { parseUcl, type Span, type UclEntry, type UclNode } from "./ucl.ts";

/** One key of a domain's block. */
export interface SigningKey {
	readonly domain: string;
	readonly selector: string;
	/** As rspamd opens it. */
	readonly path: string;
	/** Why it cannot be turned by us; null if it can. */
	readonly problem: string | null;
	/** Whether the selector stands in quotes. */
	readonly isQuoted: boolean;
	/** Whether it stands in a list of several. */
	readonly isListed: boolean;
	readonly selectorAt: Span;
	readonly pathAt: Span;
	/** The domain's whole block. */
	readonly block: Span;
}

export interface SigningSection {
	readonly keys: readonly SigningKey[];
	/** Values at the top, by name. */
	readonly options: ReadonlyMap<string, string>;
	/** Where the last brace of `domain { }` stands; null where there is no such section. */
	readonly closesAt: number | null;
}

/** Fails with `signer.config` on what cannot be followed. */
export function readSection(text: string, path: string): SigningSection {
	const entries = parseUcl(text, path);
	const options = new Map(
		entries.flatMap(({ key, node }) => (node.kind === "value" ? [[key, node.text] as const] : [])),
	);
	refuseUnbuilt(options, path);
	const plain = entries.find(({ key, node }) => FILES.includes(key) && node.kind !== "value");
	if (plain !== undefined) throw refused(`${path}: ${plain.key}: expected the name of a file`);
	const sections = entries.filter(({ key }) => key === "domain");
	const [section, ...more] = sections;
	if (more.length > 0) throw refused(`${path}: expected one section domain, got ${sections.length}`);
	if (section === undefined) return { keys: [], options, closesAt: null };
	if (section.node.kind !== "object") throw refused(`${path}: expected domain { … }`);
	const blocks = new Map<string, number>();
	for (const { key } of section.node.entries)
		blocks.set(key.toLowerCase(), (blocks.get(key.toLowerCase()) ?? 0) + 1);
	const keys = section.node.entries.flatMap((block) =>
		keysOf(block).map((key) =>
			(blocks.get(key.domain) ?? 0) > 1 ? { ...key, problem: `${key.domain} has several blocks` } : key,
		),
	);
	return { keys, options, closesAt: section.node.span.end - 1 };
}

/** The file after the changes: a turn, a first key or one taken out; every other byte stays. */
export function renderSection(bytes: Uint8Array, path: string, changes: readonly SignerChange[]): Uint8Array {
	const text = Buffer.from(bytes).toString("latin1");
	const section = readSection(text, path);
	const edits = changes.flatMap((change) => editsOf(text, path, section, { change, changes }));
	const rendered = applyEdits(bytes, edits);
	checkRendered(section, readSection(Buffer.from(rendered).toString("latin1"), path), changes, path);
	return rendered;
}

/** The key in use of a domain; fails with `signer.config` where it is not there alone. */
export function keyInUse<Key extends Pick<SigningKey, "domain" | "selector" | "problem">>(
	{ keys }: { readonly keys: readonly Key[] },
	domain: string,
	selector: string,
): Key {
	const found = keys.filter((key) => key.domain === domain && key.selector === selector);
	const [key] = found;
	if (key !== undefined && found.length === 1 && key.problem === null) return key;
	throw refused(
		`expected one key ${selector} in the block of ${domain}, got ${found.length}${key?.problem == null ? "" : `: ${key.problem}`}`,
	);
}

/** Whether a switch stands, and is on. */
export function isOn(value: string | undefined): boolean {
	return value !== undefined && !/^(?:false|no|off)$/i.test(value);
}

function refuseUnbuilt(options: ReadonlyMap<string, string>, path: string): void {
	for (const [name, what] of NOT_BUILT)
		if (isOn(options.get(name))) throw refused(`${path}: ${name}: ${what} is not built yet`);
}

/** Options that name a file, and could hold its lines as well. */
const FILES = ["selector_map", "path_map", "key_table", "signing_table"];

const NOT_BUILT = [
	["use_vault", "keys in Vault"],
	["use_http", "keys by HTTP"],
] as const;

function keysOf({ key, node, start, end }: UclEntry): readonly SigningKey[] {
	const domain = key.toLowerCase();
	const block = { start, end };
	if (node.kind !== "object") return [unclear(domain, block, "expected a block { … }")];
	if (key !== domain)
		return [unclear(domain, block, `the name of its block is ${key}, and rspamd looks for ${domain}`)];
	const lists = node.entries.filter((entry) => entry.key === "selectors");
	if (lists.length === 0) return [keyOf(domain, node, block, false)];
	const [list, ...more] = lists;
	if (more.length > 0 || list?.node.kind !== "array")
		return [unclear(domain, block, "expected one list selectors [ … ]")];
	const isBeside = node.entries.some((entry) => entry.key === "selector" || entry.key === "path");
	return [
		...(isBeside ? [keyOf(domain, node, block, false)] : []),
		...list.node.items.map((item) => keyOf(domain, item, block, true)),
	];
}

function keyOf(domain: string, node: UclNode, block: Span, isListed: boolean): SigningKey {
	if (node.kind !== "object") return unclear(domain, block, "expected a block { path; selector }");
	const values = (name: string) =>
		node.entries.flatMap((entry) => (entry.key === name && entry.node.kind === "value" ? [entry.node] : []));
	const [selector, ...moreSelectors] = values("selector");
	const [path, ...morePaths] = values("path");
	if (selector === undefined || path === undefined)
		return unclear(
			domain,
			block,
			"its path or its selector stands outside its block, where others use it too",
		);
	const opened = openedPath(path.text, domain, selector.text);
	const isTwice = moreSelectors.length + morePaths.length > 0;
	return {
		domain,
		selector: selector.text,
		path: opened,
		problem: isTwice
			? "its path or its selector stands twice"
			: (whyNoPath(opened) ?? whyNoSelector(selector)),
		isQuoted: selector.isQuoted,
		isListed,
		selectorAt: selector.span,
		pathAt: path.span,
		block,
	};
}

function whyNoSelector({ text, isQuoted }: Extract<UclNode, { kind: "value" }>): string | null {
	if (isQuoted || !NUMBER.test(text)) return null;
	return `selector ${text} stands without quotes: rspamd takes it for a number, and signs nothing`;
}

/** With the letters that multiply it (ucl_maybe_parse_number): `2024b` and `2024mail` are none. */
const NUMBER = /^-?(?:0x[\da-f]+|\d+\.?\d*(?:e[+-]?\d+)?(?:[kmg][sb]?|min|[shdwyex])?)$/i;

function whyNoPath(path: string): string | null {
	if (/^\/[^\s"'$\\]*$/.test(path)) return null;
	return `path ${path}: expected an absolute path, and no quote or variable in it`;
}

function unclear(domain: string, block: Span, problem: string): SigningKey {
	const nowhere = { start: block.start, end: block.start };
	return {
		domain,
		selector: "",
		path: "",
		problem,
		isQuoted: false,
		isListed: false,
		selectorAt: nowhere,
		pathAt: nowhere,
		block,
	};
}

function editsOf(
	text: string,
	path: string,
	section: SigningSection,
	{ change, changes }: { readonly change: SignerChange; readonly changes: readonly SignerChange[] },
): readonly Edit[] {
	const { domain, from, to } = change;
	if (to !== null && !/^\/[^\s#%$"'\\]+$/.test(to.keyPath))
		throw refused(`key path ${to.keyPath}: expected one without blanks, #, %, $, \\ and quotes`);
	if (from !== null) {
		const key = keyInUse(section, domain, from);
		if (to !== null)
			return [
				// Without quotes 202612 would be a number.
				{ ...key.selectorAt, text: key.isQuoted ? to.selector : `"${to.selector}"` },
				{ ...key.pathAt, text: to.keyPath },
			];
		const listed = section.keys.filter((one) => one.domain === domain);
		if (!listed.every((one) => isTakenOut(one, changes)))
			throw refused(`${path}: ${domain} has a list of keys: take ${from} out of it by hand`);
		return key === listed[0] ? [{ ...wholeLines(text, key.block), text: "" }] : [];
	}
	const firsts = changes.filter((one) => one.domain === domain && one.from === null);
	if (to === null || change !== firsts[0]) return [];
	if (section.keys.some((key) => key.domain === domain))
		throw refused(`${path}: ${domain} has a block already: take it out`);
	const block = `  ${domain} {\n${blockOf(firsts)}  }\n`;
	if (section.closesAt === null) {
		const isOpen = text !== "" && !text.endsWith("\n");
		const own = `${isOpen ? "\n" : ""}domain {\n${block}}\n`;
		return [{ start: text.length, end: text.length, text: own }];
	}
	const { start } = wholeLines(text, { start: section.closesAt, end: section.closesAt });
	return [{ start, end: start, text: isInLine(text, section.closesAt) ? `\n${block}` : block }];
}

function isTakenOut({ domain, selector }: SigningKey, changes: readonly SignerChange[]): boolean {
	return changes.some((change) => change.domain === domain && change.from === selector && change.to === null);
}

/** A list where several keys sign each message. */
function blockOf(firsts: readonly SignerChange[]): string {
	const [first, ...more] = firsts.flatMap(({ to }) => (to === null ? [] : [to]));
	if (first === undefined) return "";
	if (more.length === 0) return `    path = "${first.keyPath}";\n    selector = "${first.selector}";\n`;
	const items = [first, ...more].map(
		({ selector, keyPath }) => `      { path = "${keyPath}"; selector = "${selector}"; }\n`,
	);
	return `    selectors [\n${items.join("")}    ]\n`;
}

function isInLine(text: string, at: number): boolean {
	return text.slice(text.lastIndexOf("\n", at - 1) + 1, at).trim() !== "";
}

/** Together with the blanks before and the line end behind, where nothing else stands on its lines. */
function wholeLines(text: string, { start, end }: Span): Span {
	const lineStart = text.lastIndexOf("\n", start - 1) + 1;
	const lineEnd = text.indexOf("\n", end);
	if (text.slice(lineStart, start).trim() !== "") return { start, end };
	const isAlone = lineEnd !== -1 && text.slice(end, lineEnd).trim() === "";
	return { start: lineStart, end: isAlone ? lineEnd + 1 : end };
}

/** Reads the result as rspamd would: each key is the one before, or the one asked for, in its place. */
function checkRendered(
	before: SigningSection,
	after: SigningSection,
	changes: readonly SignerChange[],
	path: string,
): void {
	const changeOf = (key: SigningKey) =>
		changes.find(({ domain, from }) => domain === key.domain && from === key.selector);
	const kept = before.keys.flatMap((key) => {
		const change = changeOf(key);
		if (change === undefined) return [describe(key.domain, key.selector, key.path)];
		return change.to === null ? [] : [describe(key.domain, change.to.selector, change.to.keyPath)];
	});
	const added = changes.flatMap(({ domain, from, to }) =>
		from === null && to !== null ? [describe(domain, to.selector, to.keyPath)] : [],
	);
	const found = after.keys.map((key) => describe(key.domain, key.selector, key.path));
	const isSame =
		JSON.stringify([...before.options]) === JSON.stringify([...after.options]) &&
		JSON.stringify(found) === JSON.stringify([...kept, ...added]);
	if (!isSame) throw refused(`${path}: with the new key other keys or options would change`);
}

function describe(domain: string, selector: string, path: string): string {
	return `${domain} ${selector} ${path}`;
}

function refused(message: string): KeyturnError {
	return new KeyturnError("signer.config", message);
}
