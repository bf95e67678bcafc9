/** The KeyTable of a dkimpy-milter: `name domain:selector:/path`, two words a line (config.py, _dataset_to_list). */

import type { RowFormat } from "../one-table/rows.ts";

/** A line of any other number of words names no key; `#` begins a comment at the start of a line only. */
const LINE = /^([ \t]*(?!#)\S+[ \t]+)(\S+)([ \t\r]*)$/;

/** A pattern of its SigningTable: all, an address, or whatever ends so (get_identities_sign). */
export function isCaught(pattern: string, address: string): boolean {
	if (pattern === "%") return true;
	const [before = "", after, ...more] = pattern.split("*");
	if (after === undefined) return before === address;
	return more.length === 0 && after !== "" && address.endsWith(after);
}

/** The last part of a line's value; before it may stand an identity. */
export function labelIn(value: string): string {
	return value.split(":").at(-1) ?? value;
}

export const DKIMPY_TABLE: RowFormat = {
	name: "KeyTable",
	counts: "last",
	parse: (line) => {
		const [, before = "", value] = LINE.exec(line) ?? [];
		if (value === undefined) return null;
		const [domain = "", selector = "", ...rest] = value.split(":");
		// The last field is the path, whatever stands between.
		const path = rest.at(-1) ?? "";
		const problem = whyNot(domain, selector, rest);
		return { label: before.trim(), domain: domain.toLowerCase(), selector, path, problem };
	},
	turn: (line, { selector, keyPath }) =>
		line.replace(LINE, (_whole, before: string, value: string, after: string) => {
			const [domain = ""] = value.split(":");
			return `${before}${domain}:${selector}:${keyPath}${after}`;
		}),
	first: (domain, { selector, keyPath }, label = domain) => `${label} ${domain}:${selector}:${keyPath}`,
};

function whyNot(domain: string, selector: string, rest: readonly string[]): string | null {
	if (rest.length !== 1 || selector === "") return "it is not domain:selector:/path";
	if (domain === "%") return "it is an entry for several domains (%)";
	return rest[0]?.startsWith("/") === true ? null : "its key has no absolute path";
}
