/** rspamd's map of selectors: `domain selector`, a line each; `#` begins a comment (map_helpers.c, rspamd_parse_kv_list). */

import type { RowFormat } from "../one-table/rows.ts";

const LINE = /^([ \t]*)([^\s#"]+)([ \t]+)([^\s#"]+)([ \t]*(?:#.*)?\r?)$/;
/** Comments and blank lines. */
const NONE = /^\s*(?:#.*)?$/;

/** The key of a selector lies where `keyPath` says: the map does not name it. */
export function selectorMap(keyPath: (domain: string, selector: string) => string): RowFormat {
	return {
		name: "map of selectors",
		counts: "last",
		parse: (line) => {
			if (NONE.test(line)) return null;
			const [, , name = "", , selector = ""] = LINE.exec(line) ?? [];
			const domain = name.toLowerCase();
			const problem = selector === "" ? `it is not "domain selector": ${line.slice(0, 80)}` : null;
			return { domain, selector, path: keyPath(domain, selector), problem };
		},
		turn: (line, { selector }) =>
			line.replace(
				LINE,
				(_whole, indent: string, name: string, gap: string, _selector, rest: string) =>
					`${indent}${name}${gap}${selector}${rest}`,
			),
		first: (domain, { selector }) => `${domain} ${selector}`,
	};
}
