/** The lookup file of an Exim: `domain: selector=NAME key=/path`, read by lsearch (spec 9.3), its values by extract (spec 11.5). */

import type { RowFormat } from "../one-table/rows.ts";

/** A line that begins with a blank goes on with the one before; `#` begins a comment at the start of a line only. */
const ROW = /^([^\s:#"]+)(?:[ \t]*:[ \t]*|[ \t]+)(.*)$/;
const SELECTOR = /(^|\s)selector=([^\s"]+)/;
const KEY = /(^|\s)key=([^\s"]+)/;

export const EXIM_TABLE: RowFormat = {
	name: "lookup file",
	counts: "first",
	parse: (line) => {
		const [, domain, values = ""] = ROW.exec(line) ?? [];
		if (domain === undefined) return null;
		const selector = SELECTOR.exec(values)?.[2] ?? "";
		const path = KEY.exec(values)?.[2] ?? "";
		return { domain: domain.toLowerCase(), selector, path, problem: whyNot(domain, selector, path) };
	},
	turn: (line, { selector, keyPath }) =>
		line
			.replace(SELECTOR, (_whole, gap: string) => `${gap}selector=${selector}`)
			.replace(KEY, (_whole, gap: string) => `${gap}key=${keyPath}`),
	first: (domain, { selector, keyPath }) => `${domain}: selector=${selector} key=${keyPath}`,
};

function whyNot(domain: string, selector: string, path: string): string | null {
	if (selector === "" || path === "")
		return `the line of ${domain} has no selector= or no key= without quotes`;
	return path.startsWith("/") ? null : `the line of ${domain} has no absolute path in key=`;
}
