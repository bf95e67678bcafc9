/** For whom a line of the key table signs whose domain is `%`: the domains whose mail the signing table gives to it. */

import { type KeyTableEntry, SENDER } from "./key-table.ts";
import type { SigningRule, SigningTable } from "./signing-table.ts";

/** The entries, with one for each domain in place of each with `%`. One whose domains are not all known says why. */
export function withSenders(
	entries: readonly KeyTableEntry[],
	signing: SigningTable,
): readonly KeyTableEntry[] {
	return entries.flatMap((entry) =>
		entry.isOfSender && entry.problem === null ? expanded(entry, signing) : [entry],
	);
}

const DOMAIN = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)+$/;

function expanded(entry: KeyTableEntry, signing: SigningTable): readonly KeyTableEntry[] {
	const domains = new Set<string>();
	for (const rule of signing.naming(entry.name)) {
		const domain = domainOf(rule, entry.name, signing.kind);
		if (domain === null)
			return [
				{
					...entry,
					problem: `it signs for whoever sends (%), and SigningTable's ${rule.pattern} does not say for which domains: write a line for each of them`,
				},
			];
		domains.add(domain);
	}
	if (domains.size === 0)
		return [{ ...entry, problem: "no line of SigningTable says for which domains it is (%)" }];
	return [...domains].map((domain) => ({
		...entry,
		domain,
		path: entry.path.replaceAll(SENDER, domain),
	}));
}

/** Null where a rule gives it the mail of domains that nobody names. */
function domainOf(
	{ pattern, entry, isUnderstood }: SigningRule,
	name: string,
	kind: SigningTable["kind"],
): string | null {
	// With `%` there the sender's domain is the name of the entry.
	const host = entry === SENDER ? name : hostOf(pattern, kind);
	const domain = host?.toLowerCase() ?? "";
	return isUnderstood && DOMAIN.test(domain) ? domain : null;
}

function hostOf(pattern: string, kind: SigningTable["kind"]): string | null {
	const at = pattern.lastIndexOf("@");
	return at === -1 && kind === "refile" ? null : pattern.slice(at + 1);
}
