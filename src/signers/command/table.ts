/** The table of a signer that programs stand for: `domain selector /path/of/key`, blanks between, `#` begins a comment. */

import type { RowFormat } from "../one-table/rows.ts";

const ROW = /^([ \t]*)([^\s#]+)([ \t]+)([^\s#]+)([ \t]+)([^\s#]+)([ \t]*(?:#.*)?\r?)$/;
/** Comments and blank lines. */
const NONE = /^\s*(?:#.*)?$/;

export const COMMAND_TABLE: RowFormat = {
	name: "table of keys",
	counts: "all",
	parse: (line) => {
		if (NONE.test(line)) return null;
		const [, , domain = "", , selector = "", , path = ""] = ROW.exec(line) ?? [];
		return { domain: domain.toLowerCase(), selector, path, problem: whyNot(line, path) };
	},
	turn: (line, { selector, keyPath }) =>
		line.replace(
			ROW,
			(_whole, indent: string, domain: string, gap: string, _selector, second: string, _path, rest: string) =>
				`${indent}${domain}${gap}${selector}${second}${keyPath}${rest}`,
		),
	first: (domain, { selector, keyPath }) => `${domain} ${selector} ${keyPath}`,
};

function whyNot(line: string, path: string): string | null {
	if (path === "") return `it is not "domain selector /path/of/key": ${line.slice(0, 80)}`;
	return path.startsWith("/") ? null : `its key has a relative path: ${path}`;
}
