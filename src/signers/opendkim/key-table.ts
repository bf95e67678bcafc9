/** Reads the KeyTable; changes the selector and the path of a key in use, takes its lines out, or adds one, and nothing else. */

import { KeyturnError } from "../../errors.ts";
import type { SignerChange } from "../../ports/signer.ts";
import { groupBy } from "../group-by.ts";
import { appendLines, applyEdits, type Edit, removeLine } from "../table-edits.ts";
import { LINE_LIMIT, parseTable, type TableRecord } from "./table-lines.ts";

export interface KeyTableEntry {
	/** The label that the signing table names. */
	readonly name: string;
	/** `%`: that of whoever sends; `withSenders` puts an entry for each domain in its place. */
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
	/** Whether its line says `%` for the domain: the same line signs for others, too. */
	readonly isOfSender: boolean;
}

interface Span {
	readonly start: number;
	readonly end: number;
}

/** The signature algorithm as fourth field, which later versions of OpenDKIM read; part of the path for Debian's. */
const FOURTH_FIELD = /:(?:rsa-sha1|rsa-sha256|ed25519-sha256)$/;

/** `refile`: its names are patterns, tried in order, and a line that begins with a blank is none. */
export type KeyTableKind = "file" | "refile";

/** The entries in order; of several with one name OpenDKIM uses the first. */
export function parseKeyTable(bytes: Uint8Array, kind: KeyTableKind = "file"): readonly KeyTableEntry[] {
	const records = parseTable(Buffer.from(bytes).toString("latin1"));
	const seen = new Set<string>();
	let pattern: string | null = null;
	return records
		.filter((record) => kind === "file" || !record.isIndented)
		.map((record) => {
			const entry = parseEntry(record, seen.has(record.key));
			seen.add(record.key);
			const problem = kind === "file" ? null : whyPattern(record.key, pattern);
			if (problem === null) return entry;
			pattern ??= record.key;
			return { ...entry, problem };
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

/** The names whose lines go, since the key of the first of them is taken out; fails as `entriesInUse` does. */
export function goingNames(
	entries: readonly KeyTableEntry[],
	changes: readonly SignerChange[],
): ReadonlySet<string> {
	const going = changes.flatMap(({ domain, from, to }) =>
		to === null && from !== null ? entriesInUse(entries, domain, from) : [],
	);
	return new Set(going.map((entry) => entry.name));
}

/** A first key together with the name of the entry that it gets. */
export interface NewEntry {
	readonly name: string;
	readonly change: SignerChange;
}

export interface RenderOptions {
	readonly added?: readonly NewEntry[];
	readonly kind?: KeyTableKind;
	/** Puts what lines with `%` stand for in their place; by default they are left as they are. */
	readonly expand?: (entries: readonly KeyTableEntry[]) => readonly KeyTableEntry[];
}

/** The table after the changes, of which those without `from` are given by name; every other byte stays as it is. */
export function renderKeyTable(
	bytes: Uint8Array,
	changes: readonly SignerChange[],
	{ added = [], kind = "file", expand = (entries) => entries }: RenderOptions = {},
): Uint8Array {
	const entries = expand(parseKeyTable(bytes, kind));
	const byKey = groupBy(entries, keyName);
	const gone = goingNames(entries, changes);
	const lines = added.map((entry) => newLine(entry, byKey));
	const edits = editsOf(bytes, entries, byKey, changes);
	const later = laterLines(entries.filter(({ name }) => gone.has(name)));
	const removed = later.map(({ record }) => removeLine(bytes, record.line));
	const rendered = applyEdits(bytes, [...edits, ...removed, appendLines(bytes, lines)]);
	const kept = entries.filter(({ name }) => !gone.has(name));
	checkRendered(expand(parseKeyTable(rendered, kind)), kept, changes, added);
	return rendered;
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
		path: pathOf(domain, Buffer.from(path, "latin1").toString("utf8")),
		isOfSender: domain === SENDER,
		problem: isDuplicate
			? `an earlier line has the same name ${record.key}, so OpenDKIM never uses this one`
			: problemOf(record, domain, selector, field),
		isUsed: !isDuplicate,
		record,
		selectorAt: { start: selectorStart, end: selectorStart + selector.length },
		pathAt: { start: pathStart, end: pathStart + path.length },
	};
}

/** What stands for the domain of whoever sends, and in a path for the domain that signs. */
export const SENDER = "%";

/** Of an absolute path alone (FORMATS: the value has to begin with a slash). */
function pathOf(domain: string, path: string): string {
	return domain === SENDER || !path.startsWith("/") ? path : path.replaceAll(SENDER, () => domain);
}

/** What a pattern may catch is not followed: no name behind it is sure. */
function whyPattern(name: string, before: string | null): string | null {
	if (before !== null) return `the pattern ${before} before it may catch its name`;
	return /^[A-Za-z0-9._@+-]+$/.test(name)
		? null
		: `its name ${name} is a pattern, which keyturn does not follow`;
}

function problemOf(record: TableRecord, domain: string, selector: string, path: string): string | null {
	if (record.cut) return `its line is longer than the ${LINE_LIMIT} bytes that OpenDKIM reads`;
	if (domain === "" || selector === "" || path === "")
		return "it is not domain:selector:path, so OpenDKIM refuses every message of it";
	if (selector.includes(SENDER) || (domain !== SENDER && domain.includes(SENDER)))
		return "there is a % in its selector, or beside something else in its domain";
	if (/[ \t\r\v\f]/.test(record.value))
		return "there are blanks in domain:selector:path, which OpenDKIM takes as part of the names";
	if (record.value.includes("\0")) return "there is a NUL byte in it";
	if (!path.startsWith("/"))
		return "the key stands in the table or has a relative path, expected an absolute path";
	return null;
}

function editsOf(
	bytes: Uint8Array,
	entries: readonly KeyTableEntry[],
	byKey: ReadonlyMap<string, readonly KeyTableEntry[]>,
	changes: readonly SignerChange[],
): readonly Edit[] {
	const wanted = new Map<string, SignerChange>();
	const records = new Set<TableRecord>();
	for (const change of changes) {
		const { domain, from } = change;
		if (from === null) continue;
		wanted.set(keyName(change), change);
		for (const { record } of entriesInUse(byKey.get(keyName(change)) ?? [], domain, from))
			records.add(record);
	}
	return [...byRecord(entries, records)].flatMap(([record, lines]) => {
		const [entry] = lines;
		const to = targetOf(lines, wanted);
		if (to === null || entry === undefined) return [removeLine(bytes, record.line)];
		return [
			{ ...entry.selectorAt, text: to.selector },
			{ ...entry.pathAt, text: to.keyPath },
		];
	});
}

/** Those behind the first of their name, found in its place once it is gone; fails with `signer.config` on another's. */
function laterLines(going: readonly KeyTableEntry[]): readonly KeyTableEntry[] {
	const first = going.filter((entry) => entry.isUsed);
	const own = new Set(
		first.flatMap(({ name, domain, isOfSender }) =>
			isOfSender ? [`${name} ${domain}`, `${name} ${SENDER}`] : [`${name} ${domain}`],
		),
	);
	const later = going.filter((entry) => !entry.isUsed);
	const odd = later.find(({ name, domain, record }) => record.cut || !own.has(`${name} ${domain}`));
	if (odd === undefined) return later;
	throw new KeyturnError(
		"signer.config",
		`key table: a later line has the name ${odd.name}, too, ${odd.record.cut ? `and is longer than the ${LINE_LIMIT} bytes that OpenDKIM reads` : `for ${odd.domain}`}: it would sign from then on`,
		{ hint: "Take that later line out first, or give it a name of its own." },
	);
}

/** The entries of each of these lines: several of one with `%`. */
function byRecord(
	entries: readonly KeyTableEntry[],
	records: ReadonlySet<TableRecord>,
): ReadonlyMap<TableRecord, readonly KeyTableEntry[]> {
	const found = new Map<TableRecord, KeyTableEntry[]>();
	for (const entry of entries) {
		if (!records.has(entry.record)) continue;
		const lines = found.get(entry.record);
		if (lines === undefined) found.set(entry.record, [entry]);
		else lines.push(entry);
	}
	return found;
}

/** What one line is to say for all whom it signs for; null to take it out. Fails with `signer.config` where it cannot. */
function targetOf(
	lines: readonly KeyTableEntry[],
	wanted: ReadonlyMap<string, SignerChange>,
): SignerChange["to"] {
	const changes = lines.map((entry) => wanted.get(keyName(entry)));
	const left = lines.filter((_entry, index) => changes[index] === undefined);
	const [first] = changes;
	if (left.length > 0 || first === undefined)
		throw notTogether(lines, `nothing was asked for ${left.map(({ domain }) => domain).join(", ")}`);
	const { to } = first;
	const going = changes.filter((change) => change?.to === null);
	if (going.length > 0 && going.length < lines.length)
		throw notTogether(lines, "it would go for some of them only");
	if (to === null) return null;
	const paths = changes.map((change) => change?.to?.keyPath);
	if (changes.some((change) => change?.to?.selector !== to.selector))
		throw notTogether(lines, "several selectors were given");
	checkPath(to.keyPath);
	const keyPath = lines.some(namesOwnFiles) ? templateOf(to.keyPath, first.domain) : to.keyPath;
	if (lines.every(({ domain }, index) => keyPath.replaceAll(SENDER, domain) === paths[index]))
		return { selector: to.selector, keyPath };
	throw notTogether(lines, `${keyPath} is not the key file of each`);
}

/** Whether its path has the `%`, so that each domain has a key file of its own. */
function namesOwnFiles({ isOfSender, record }: KeyTableEntry): boolean {
	return isOfSender && record.value.slice(SENDER.length).includes(SENDER);
}

function templateOf(path: string, domain: string): string {
	const at = path.lastIndexOf(`/${domain}/`) + 1;
	return at === 0 ? path : `${path.slice(0, at)}${SENDER}${path.slice(at + domain.length)}`;
}

function notTogether(lines: readonly KeyTableEntry[], why: string): KeyturnError {
	const names = lines.map(({ domain }) => domain).join(", ");
	return new KeyturnError(
		"signer.config",
		`key table: the line ${lines[0]?.name ?? ""} signs for ${names}, who turn together: ${why}`,
		{ hint: "Give each domain a line of its own, or name all of them in keyturn.yaml." },
	);
}

function newLine(
	{ name, change: { domain, to } }: NewEntry,
	byKey: ReadonlyMap<string, readonly KeyTableEntry[]>,
): string {
	if (to === null) throw new KeyturnError("bug", `${domain}: a first key without a key`);
	checkPath(to.keyPath);
	if (byKey.has(keyName({ domain, selector: to.selector })))
		throw new KeyturnError(
			"signer.config",
			`key table: expected no line of ${domain} with selector ${to.selector}, got one`,
			{ hint: "Take that line out, or choose another selector." },
		);
	return `${name} ${domain}:${to.selector}:${to.keyPath}`;
}

function checkPath(keyPath: string): void {
	if (/^\/[^\s#%]+$/.test(keyPath) && !FOURTH_FIELD.test(keyPath)) return;
	throw new KeyturnError("signer.config", `key path ${keyPath}: a blank, # or % cannot stand in a key table`);
}

/** Reads the result as OpenDKIM would: each entry is the one that was kept, or the one asked for, in its place. */
function checkRendered(
	after: readonly KeyTableEntry[],
	kept: readonly KeyTableEntry[],
	changes: readonly SignerChange[],
	added: readonly NewEntry[],
): void {
	const wanted = new Map(changes.map((change) => [keyName(change), change.to]));
	const expected = [
		...kept.map((entry) => expectedEntry(entry, wanted)),
		...added.map(({ name, change: { domain, to } }) => ({
			name,
			domain,
			selector: to?.selector,
			path: to?.keyPath,
			isSound: true,
		})),
	];
	const isExpected =
		after.length === expected.length &&
		expected.every((entry, index) => {
			const now = after[index];
			if (now === undefined) return false;
			return (
				now.name === entry.name &&
				now.domain === entry.domain &&
				now.selector === entry.selector &&
				now.path === entry.path &&
				(now.problem === null) === entry.isSound
			);
		});
	if (!isExpected)
		throw new KeyturnError(
			"signer.config",
			`key table: with the new key a line would be longer than the ${LINE_LIMIT} bytes that OpenDKIM reads`,
			{ hint: "Shorten the comment on that line, or the path of the keys." },
		);
}

function expectedEntry(
	entry: KeyTableEntry,
	wanted: ReadonlyMap<string, SignerChange["to"]>,
): Pick<KeyTableEntry, "name" | "domain" | "selector" | "path"> & { readonly isSound: boolean } {
	const { name, domain } = entry;
	const isSound = entry.problem === null;
	const to = isSound ? wanted.get(keyName(entry)) : null;
	return { name, domain, selector: to?.selector ?? entry.selector, path: to?.keyPath ?? entry.path, isSound };
}

function keyName(
	key: { readonly domain: string } & ({ readonly selector: string } | { readonly from: string | null }),
): string {
	return `${key.domain} ${"selector" in key ? key.selector : key.from}`;
}
