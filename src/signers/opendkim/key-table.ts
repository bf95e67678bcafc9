/** Reads the KeyTable, and changes nothing in it but the selector and the path of a key in use. */

import { KeyturnError } from "../../errors.ts";
import type { SignerChange } from "../../ports/signer.ts";
import { groupBy } from "./group-by.ts";
import { LINE_LIMIT, parseTable, type TableRecord } from "./table-lines.ts";

export interface KeyTableEntry {
	/** The label that the signing table names. */
	readonly name: string;
	readonly domain: string;
	readonly selector: string;
	readonly path: string;
	/** Why it cannot be turned by us, or is never used; null if neither. */
	readonly problem: string | null;
	/** Whether OpenDKIM ever looks at it: it is the first of its name. */
	readonly isUsed: boolean;
	readonly record: TableRecord;
	/** Byte offsets of what a turn replaces. */
	readonly selectorAt: Span;
	readonly pathAt: Span;
}

interface Span {
	readonly start: number;
	readonly end: number;
}

/** The signature algorithm as fourth field, which later versions of OpenDKIM read; part of the path for Debian's. */
const FOURTH_FIELD = /:(?:rsa-sha1|rsa-sha256|ed25519-sha256)$/;

/** The entries in order; of several with one name OpenDKIM uses the first. */
export function parseKeyTable(bytes: Uint8Array): readonly KeyTableEntry[] {
	const text = Buffer.from(bytes).toString("latin1");
	const seen = new Set<string>();
	return parseTable(text).map((record) => {
		const entry = parseEntry(record, seen.has(record.key));
		seen.add(record.key);
		return entry;
	});
}

/** The entries that name the key in use of a domain; fails with `signer.config` when it is not one key. */
export function entriesInUse(
	entries: readonly KeyTableEntry[],
	domain: string,
	selector: string,
): readonly KeyTableEntry[] {
	const found = entries.filter(
		(entry) => entry.problem === null && entry.domain === domain && entry.selector === selector,
	);
	const paths = new Set(found.map((entry) => entry.path));
	if (paths.size !== 1)
		throw new KeyturnError(
			"signer.config",
			`key table: expected lines of one key for ${domain} with selector ${selector}, got ${paths.size}`,
			{ hint: "Let all lines of a domain and selector name the same key file." },
		);
	return found;
}

/** The table after the changes; every byte that is not a selector or path of a key in use stays as it is. */
export function renderKeyTable(bytes: Uint8Array, changes: readonly SignerChange[]): Uint8Array {
	const entries = parseKeyTable(bytes);
	const byKey = groupBy(entries, keyName);
	const edits = changes
		.flatMap((change) => editsOf(byKey.get(keyName(change)) ?? [], change))
		.sort((a, b) => a.start - b.start);
	const pieces: Uint8Array[] = [];
	let at = 0;
	for (const edit of edits) {
		pieces.push(bytes.subarray(at, edit.start), Buffer.from(edit.text, "utf8"));
		at = edit.end;
	}
	const rendered = Buffer.concat([...pieces, bytes.subarray(at)]);
	checkRendered(rendered, entries, changes);
	return new Uint8Array(rendered);
}

function parseEntry(record: TableRecord, isDuplicate: boolean): KeyTableEntry {
	const [domain = "", selector = "", ...rest] = record.value.split(":");
	const field = rest.join(":");
	const path = field.replace(FOURTH_FIELD, "");
	const selectorStart = record.valueAt + domain.length + 1;
	const pathStart = selectorStart + selector.length + 1;
	return {
		name: record.key,
		domain: domain.toLowerCase(),
		selector,
		path: Buffer.from(path, "latin1").toString("utf8"),
		problem: isDuplicate
			? `an earlier line has the same name ${record.key}, so OpenDKIM never uses this one`
			: problemOf(record, domain, selector, field),
		isUsed: !isDuplicate,
		record,
		selectorAt: { start: selectorStart, end: selectorStart + selector.length },
		pathAt: { start: pathStart, end: pathStart + path.length },
	};
}

function problemOf(record: TableRecord, domain: string, selector: string, path: string): string | null {
	if (record.cut) return `its line is longer than the ${LINE_LIMIT} bytes that OpenDKIM reads`;
	if (domain === "" || selector === "" || path === "")
		return "it is not domain:selector:path, so OpenDKIM refuses every message of it";
	if (record.value.includes("%")) return "it is an entry for several domains (%), which is not built yet";
	if (/[ \t\r\v\f]/.test(record.value))
		return "there are blanks in domain:selector:path, which OpenDKIM takes as part of the names";
	if (record.value.includes("\0")) return "there is a NUL byte in it";
	if (!path.startsWith("/"))
		return "the key stands in the table or has a relative path, expected an absolute path";
	return null;
}

function editsOf(
	entries: readonly KeyTableEntry[],
	change: SignerChange,
): readonly (Span & { readonly text: string })[] {
	const { domain, from, to } = change;
	if (from === null || to === null)
		throw new KeyturnError(
			"signer.config",
			`${domain}: ${from === null ? "a first key" : "taking a key out"} is not built yet`,
		);
	if (!/^\/[^\s#%]+$/.test(to.keyPath) || FOURTH_FIELD.test(to.keyPath))
		throw new KeyturnError(
			"signer.config",
			`key path ${to.keyPath}: a blank, # or % cannot stand in a key table`,
		);
	return entriesInUse(entries, domain, from).flatMap((entry) => [
		{ ...entry.selectorAt, text: to.selector },
		{ ...entry.pathAt, text: to.keyPath },
	]);
}

/** Reads the result as OpenDKIM would: each entry is the one before, or the one asked for, in its place. */
function checkRendered(
	rendered: Uint8Array,
	before: readonly KeyTableEntry[],
	changes: readonly SignerChange[],
): void {
	const after = parseKeyTable(rendered);
	const wanted = new Map(changes.map((change) => [keyName(change), change.to]));
	const isExpected =
		after.length === before.length &&
		before.every((entry, index) => {
			const now = after[index];
			if (now === undefined) return false;
			const change = entry.problem === null ? wanted.get(keyName(entry)) : null;
			const to = change ?? { selector: entry.selector, keyPath: entry.path };
			return (
				now.name === entry.name &&
				now.domain === entry.domain &&
				now.selector === to.selector &&
				now.path === to.keyPath &&
				(now.problem === null) === (entry.problem === null)
			);
		});
	if (!isExpected)
		throw new KeyturnError(
			"signer.config",
			`key table: with the new key a line would be longer than the ${LINE_LIMIT} bytes that OpenDKIM reads`,
			{ hint: "Shorten the comment on that line, or the path of the keys." },
		);
}

function keyName(
	key: { readonly domain: string } & ({ readonly selector: string } | { readonly from: string | null }),
): string {
	return `${key.domain} ${"selector" in key ? key.selector : key.from}`;
}
