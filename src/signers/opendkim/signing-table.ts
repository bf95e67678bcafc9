/** Answers which mail the SigningTable gives to which key, finds an address that leads to one, and where a new line belongs. */

import { KeyturnError } from "../../errors.ts";
import { type Matches, readPattern } from "./address-pattern.ts";
import { groupBy } from "../group-by.ts";
import { appendLines, applyEdits, removeLine } from "../table-edits.ts";
import { parseTable, type TableRecord } from "./table-lines.ts";

export type SigningTableKind = "file" | "refile";

export interface SigningRule {
	readonly pattern: string;
	/** The name of a key table entry; `%` is the sender's domain. */
	readonly entry: string;
	/** False for a pattern of which is not known what it matches. */
	readonly isUnderstood: boolean;
	readonly record: TableRecord;
}

export interface SigningTable {
	/** `file`: looked up by address, domain, parent domains; `refile`: patterns in order. */
	readonly kind: SigningTableKind;
	readonly rules: readonly SigningRule[];
	/** MultipleSignatures: every rule that matches signs, not only the first. */
	readonly isMultiple: boolean;
	/** The rules that match an address, and those that may, in the order in which OpenDKIM finds them. */
	readonly matching: (address: string) => readonly SigningRule[];
	/** The rules that name an entry. */
	readonly naming: (entry: string) => readonly SigningRule[];
}

/** A table that answers quickly however many domains there are. */
export function createSigningTable(
	kind: SigningTableKind,
	bytes: Uint8Array,
	isMultiple: boolean,
): SigningTable {
	const rules = parseSigningRules(kind, bytes);
	const byEntry = groupBy(rules, (rule) => rule.entry);
	return {
		kind,
		rules,
		isMultiple,
		matching: kind === "refile" ? patternMatcher(rules) : lookupMatcher(rules),
		naming: (entry) => [...(byEntry.get(entry) ?? []), ...(byEntry.get("%") ?? [])],
	};
}

/** Whether any rule names the entry, by itself or as `%`. */
export function isNamed(table: SigningTable, entry: string): boolean {
	return table.naming(entry).some((rule) => rule.entry !== "%" || entry.includes("."));
}

/**
 * An address whose mail is signed with the entry; null if earlier rules catch all that were tried. Of the domain itself where
 * the sender decides for which domain is signed.
 */
export function senderFor(
	table: SigningTable,
	entry: string,
	domain: string,
	isOfSender = false,
): string | null {
	const candidates = table
		.naming(entry)
		.flatMap((rule) => addressesLike(rule.pattern, rule.entry === "%" ? entry : domain))
		.filter((address) => !isOfSender || splitAddress(address).host === domain);
	return candidates.find((address) => entriesFor(table, address).includes(entry)) ?? null;
}

/** The names of the entries that sign for an address as far as that is certain, in order. */
export function entriesFor(table: SigningTable, address: string): readonly string[] {
	const { host } = splitAddress(address);
	const rules = table.matching(address);
	const certain = table.isMultiple
		? rules.filter((rule) => rule.isUnderstood)
		: rules.slice(0, 1).filter((rule) => rule.isUnderstood);
	return certain.map((rule) => (rule.entry === "%" ? host.toLowerCase() : rule.entry));
}

/** An address of the domain that no line is meant for in particular: what catches it catches the domain. */
export function ordinaryAddress(domain: string): string {
	return `${LOCAL_PART}@${domain}`;
}

/** What a line for all mail of a domain begins with. */
export function patternFor(kind: SigningTableKind, domain: string): string {
	return kind === "refile" ? `*@${domain}` : domain;
}

/** The line before which one for all of the domain has to stand. In a plain file their order means nothing. */
export function catching(table: SigningTable, domain: string): SigningRule | undefined {
	return table.kind === "refile" ? table.matching(ordinaryAddress(domain))[0] : undefined;
}

/** A domain whose mail the new lines give to an entry. */
export interface NewRule {
	readonly domain: string;
	readonly entry: string;
}

/** The table with a line for each new domain, before what would catch it, and without those that name what goes. */
export function renderSigningTable(
	kind: SigningTableKind,
	bytes: Uint8Array,
	{ added, gone }: { readonly added: readonly NewRule[]; readonly gone: ReadonlySet<string> },
): Uint8Array {
	const table = createSigningTable(kind, bytes, false);
	const lineOf = ({ domain, entry }: NewRule) => `${patternFor(kind, domain)} ${entry}`;
	const before = new Map(added.map((rule) => [rule, catching(table, rule.domain)]));
	const inserted = added.flatMap((rule) => {
		const start = before.get(rule)?.record.line.start;
		return start === undefined ? [] : [{ start, end: start, text: `${lineOf(rule)}\n` }];
	});
	const appended = appendLines(bytes, added.filter((rule) => before.get(rule) === undefined).map(lineOf));
	const removed = table.rules
		.filter((rule) => gone.has(rule.entry))
		.map((rule) => removeLine(bytes, wholeLine(rule)));
	const rendered = applyEdits(bytes, [...inserted, ...removed, appended]);
	checkRendered(table, createSigningTable(kind, rendered, false), { added, gone });
	return rendered;
}

const LOCAL_PART = "keyturn-probe";
/** RFC 5322 section 3.2.3, unquoted: what a pattern of others leads to is written into a message. */
const ADDRESS = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/;

function wholeLine({ pattern, record }: SigningRule): TableRecord["line"] {
	if (!record.cut) return record.line;
	throw new KeyturnError(
		"signer.config",
		`signing table: the line of ${pattern} is longer than OpenDKIM reads, and cannot be taken out alone`,
		{ hint: "Shorten that line." },
	);
}

/** Reads the result as OpenDKIM would. */
function checkRendered(
	before: SigningTable,
	after: SigningTable,
	{ added, gone }: { readonly added: readonly NewRule[]; readonly gone: ReadonlySet<string> },
): void {
	const isNew = (rule: SigningRule) => added.some(({ entry }) => entry === rule.entry);
	const text = (rules: readonly SigningRule[]) =>
		JSON.stringify(rules.map(({ pattern, entry }) => [pattern, entry]));
	const kept = before.rules.filter((rule) => !gone.has(rule.entry));
	const astray = added.find(({ domain, entry }) => entriesFor(after, ordinaryAddress(domain))[0] !== entry);
	const isWhole =
		text(after.rules.filter((rule) => !isNew(rule))) === text(kept) &&
		after.rules.length === kept.length + added.length;
	if (isWhole && astray === undefined) return;
	throw new KeyturnError(
		"signer.config",
		`signing table: ${astray === undefined ? "other lines would change" : `an earlier line would catch the mail of ${astray.domain}`}`,
	);
}

/** What follows a `:` in a value is the identity (i=). */
function parseSigningRules(kind: SigningTableKind, bytes: Uint8Array): readonly SigningRule[] {
	const records = parseTable(Buffer.from(bytes).toString("latin1"));
	const read = kind === "refile" ? records.filter((record) => !record.isIndented) : records;
	return read.map((record) => ({
		pattern: record.key,
		entry: record.value.split(":")[0] ?? "",
		isUnderstood: kind === "file" || WHOLE_DOMAIN.test(record.key) || readPattern(record.key) !== null,
		record,
	}));
}

function addressesLike(pattern: string, domain: string): readonly string[] {
	const { user, host } = pattern.includes("@") ? splitAddress(pattern) : { user: LOCAL_PART, host: pattern };
	const parent = host.replace(/^\*?\./, "");
	return [domain, parent, `probe.${parent}`]
		.filter((name) => name !== "" && !name.includes("*"))
		.map((name) => `${user.replaceAll("*", LOCAL_PART)}@${name}`)
		.filter((address) => ADDRESS.test(address));
}

function splitAddress(address: string): { readonly user: string; readonly host: string } {
	const at = address.lastIndexOf("@");
	return { user: address.slice(0, at), host: address.slice(at + 1) };
}

/** A pattern for all of one domain, which most are: found by name instead of by trying. */
const WHOLE_DOMAIN = /^\*@([A-Za-z0-9.-]+)$/;

function patternMatcher(rules: readonly SigningRule[]): SigningTable["matching"] {
	const byDomain = new Map<string, number[]>();
	const others: { readonly index: number; readonly matches: Matches }[] = [];
	for (const [index, { pattern }] of rules.entries()) {
		const domain = WHOLE_DOMAIN.exec(pattern)?.[1]?.toLowerCase();
		const same = domain === undefined ? undefined : byDomain.get(domain);
		if (same !== undefined) same.push(index);
		else if (domain !== undefined) byDomain.set(domain, [index]);
		else others.push({ index, matches: readPattern(pattern) ?? (() => true) });
	}
	return (address) => {
		const tried = others.filter(({ matches }) => matches(address)).map(({ index }) => index);
		const found = [...(byDomain.get(splitAddress(address).host.toLowerCase()) ?? []), ...tried];
		return found.sort((a, b) => a - b).flatMap((index) => rules[index] ?? []);
	};
}

/** As dkimf_apply_signtable: user@host, host, then user@.parent and .parent upwards, user@*, *. */
function lookupMatcher(rules: readonly SigningRule[]): SigningTable["matching"] {
	const first = new Map<string, SigningRule>();
	for (const rule of rules) {
		const name = rule.pattern.toLowerCase();
		if (!first.has(name)) first.set(name, rule);
	}
	return (address) => {
		const { user, host } = splitAddress(address);
		const parents = [...host.matchAll(/\./g)].map((match) => host.slice(match.index));
		const above = parents.flatMap((parent) => [`${user}@${parent}`, parent]);
		const names = [address, host, ...above, `${user}@*`, "*"];
		return names.flatMap((name) => first.get(name.toLowerCase()) ?? []);
	};
}
