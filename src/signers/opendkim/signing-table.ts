/** Answers which mail the SigningTable gives to which key, and finds an address that leads to one. */

import { groupBy } from "./group-by.ts";
import { parseTable } from "./table-lines.ts";

export interface SigningRule {
	readonly pattern: string;
	/** The name of a key table entry; `%` is the sender's domain. */
	readonly entry: string;
}

export interface SigningTable {
	/** `file`: looked up by address, domain, parent domains; `refile`: patterns in order. */
	readonly kind: "file" | "refile";
	readonly rules: readonly SigningRule[];
	/** MultipleSignatures: every rule that matches signs, not only the first. */
	readonly isMultiple: boolean;
	/** The rules that match an address, in the order in which OpenDKIM finds them. */
	readonly matching: (address: string) => readonly SigningRule[];
	/** The rules that name an entry. */
	readonly naming: (entry: string) => readonly SigningRule[];
}

/** A table that answers quickly however many domains there are. */
export function createSigningTable(
	kind: "file" | "refile",
	bytes: Uint8Array,
	isMultiple: boolean,
): SigningTable {
	const rules = parseSigningRules(bytes);
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

/** An address whose mail is signed with the entry; null if earlier rules catch all that were tried. */
export function senderFor(table: SigningTable, entry: string, domain: string): string | null {
	const candidates = table
		.naming(entry)
		.flatMap((rule) => addressesLike(rule.pattern, rule.entry === "%" ? entry : domain));
	return candidates.find((address) => entriesFor(table, address).includes(entry)) ?? null;
}

/** The names of the entries that sign for an address, in order. */
export function entriesFor(table: SigningTable, address: string): readonly string[] {
	const { host } = splitAddress(address);
	const named = table.matching(address).map((rule) => (rule.entry === "%" ? host : rule.entry));
	return table.isMultiple ? named : named.slice(0, 1);
}

const LOCAL_PART = "keyturn-probe";

/** What follows a `:` in a value is the identity (i=). */
function parseSigningRules(bytes: Uint8Array): readonly SigningRule[] {
	return parseTable(Buffer.from(bytes).toString("latin1")).map((record) => ({
		pattern: record.key,
		entry: record.value.split(":")[0] ?? "",
	}));
}

function addressesLike(pattern: string, domain: string): readonly string[] {
	const { user, host } = pattern.includes("@") ? splitAddress(pattern) : { user: LOCAL_PART, host: pattern };
	const parent = host.replace(/^\*?\./, "");
	return [domain, parent, `probe.${parent}`]
		.filter((name) => name !== "" && !name.includes("*"))
		.map((name) => `${user.replaceAll("*", LOCAL_PART)}@${name}`);
}

function splitAddress(address: string): { readonly user: string; readonly host: string } {
	const at = address.lastIndexOf("@");
	return { user: address.slice(0, at), host: address.slice(at + 1) };
}

/** A pattern for all of one domain, which most are: found by name instead of by trying. */
const WHOLE_DOMAIN = /^\*@([A-Za-z0-9.-]+)$/;

function patternMatcher(rules: readonly SigningRule[]): SigningTable["matching"] {
	const byDomain = new Map<string, number[]>();
	const others: { readonly index: number; readonly expression: RegExp }[] = [];
	for (const [index, { pattern }] of rules.entries()) {
		const domain = WHOLE_DOMAIN.exec(pattern)?.[1]?.toLowerCase();
		const expression = domain === undefined ? patternExpression(pattern) : null;
		if (domain !== undefined) byDomain.set(domain, [...(byDomain.get(domain) ?? []), index]);
		else if (expression !== null) others.push({ index, expression });
	}
	return (address) => {
		const tried = others.filter(({ expression }) => expression.test(address)).map(({ index }) => index);
		const found = [...(byDomain.get(splitAddress(address).host.toLowerCase()) ?? []), ...tried];
		return found.sort((a, b) => a - b).flatMap((index) => rules[index] ?? []);
	};
}

/** As dkimf_mkregexp: `*` is any text, `.` and `+` are themselves, the rest is an extended regular expression. */
function patternExpression(pattern: string): RegExp | null {
	const source = pattern.replace(/[.+]/g, "\\$&").replaceAll("*", ".*");
	try {
		return new RegExp(`^${source}$`, "i");
	} catch {
		return null;
	}
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
