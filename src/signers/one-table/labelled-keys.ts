/**
 * OpenDKIM's key table in its plain form, `label domain:selector:/path`, as programs read it besides OpenDKIM: rspamd (maps whose
 * names are patterns: lua_dkim_tools.lua, prepare_dkim_signing), and a docker-mailserver.
 */

import { matches, type Piece } from "../opendkim/address-pattern.ts";
import { parseRows, type Row, type RowFormat } from "./rows.ts";
import { isNamed, leaveOthersAlone, type SigningRow } from "./signing-lines.ts";

const LINE = /^([ \t]*)([^\s#"]+)([ \t]+)([^\s#"]+)([ \t]*(?:#.*)?\r?)$/;
/** Comments and blank lines. */
const NONE = /^\s*(?:#.*)?$/;

/** Three fields, and no more: rspamd refuses a fourth. */
export const LABELLED_KEYS: RowFormat = {
	name: "key table",
	// rspamd_map_helper_insert_re keeps the value that it has, and OpenDKIM looks no further than the first.
	counts: "first",
	parse: (line) => {
		if (NONE.test(line)) return null;
		const [, , label = "", , value = ""] = LINE.exec(line) ?? [];
		const fields = value.split(":");
		const [domain = "", selector = "", path = ""] = fields;
		return { label, domain: domain.toLowerCase(), selector, path, problem: whyNot(line, label, fields) };
	},
	turn: (line, { selector, keyPath }) =>
		line.replace(
			LINE,
			(_whole, indent: string, label: string, gap: string, value: string, rest: string) =>
				`${indent}${label}${gap}${value.split(":")[0] ?? ""}:${selector}:${keyPath}${rest}`,
		),
	first: (domain, { selector, keyPath }, label = domain) => `${label} ${domain}:${selector}:${keyPath}`,
};

export interface LabelledKey extends Row {
	/** What a signing table calls it. */
	readonly entry: string;
	readonly signs: boolean;
}

/** The keys of a key table, with what its signing table makes of them. */
export function labelledKeys(
	table: Uint8Array,
	signing: readonly SigningRow[],
	format: RowFormat = LABELLED_KEYS,
): readonly LabelledKey[] {
	const keys = parseRows(table, format).map((row) => ({
		...row,
		entry: row.label ?? row.domain,
		signs: isNamed(signing, row),
	}));
	return leaveOthersAlone(keys, signing, isCaught);
}

/** A pattern of a signing table: `*` is anything, `?` one sign, case does not count. */
export function isCaught(pattern: string, address: string): boolean {
	const pieces = pattern
		.toLowerCase()
		.split("")
		.map((sign): Piece => {
			if (sign === "*") return "any";
			return sign === "?" ? () => true : (letter) => letter === sign;
		});
	return matches(pieces, address.toLowerCase());
}

function whyNot(line: string, label: string, fields: readonly string[]): string | null {
	if (fields.length !== 3 || label === "")
		return `it is not "name domain:selector:/path": ${line.slice(0, 80)}`;
	if (/[*?]/.test(label)) return `its name ${label} is a pattern`;
	if (fields.some((field) => field.includes("%"))) return "it is an entry for several domains (%)";
	return fields[2]?.startsWith("/") === true ? null : "its key has no absolute path";
}
