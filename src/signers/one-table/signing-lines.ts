/**
 * A signing table beside a key table whose rows have labels: which of them sign, and the line of a domain's first key added
 * or taken out, in the order in which no line ever names what the key table lacks.
 */

import { hashOf } from "../../durable.ts";
import { KeyturnError } from "../../errors.ts";
import type { RenderedFile, SignerChange, SignerFile, SigningLine } from "../../ports/signer.ts";
import { faultsOf } from "../first-key-faults.ts";
import { groupBy } from "../group-by.ts";
import { isChanged, namesNext } from "../rendered.ts";
import { parseRows, type Row, type RowFormat, renderRows } from "./rows.ts";

/** One line of a signing table: mail of whom gets the key of which label. */
export interface SigningRow {
	readonly pattern: string;
	readonly label: string;
}

export interface TwoTables {
	readonly keys: SignerFile;
	readonly signing: SignerFile;
	readonly format: RowFormat;
	/** Whether a pattern of the signing table catches an address. */
	readonly isCaught: (pattern: string, address: string) => boolean;
	/** Which part of a line's second word is the label; what stands before a `:` if left out, as OpenDKIM has it. */
	readonly labelIn?: LabelIn;
	/** Whether mail is let through whose line names what the key table lacks; it is deferred if left out. */
	readonly passesUnnamed?: boolean;
	/** Further tables whose names are taken. */
	readonly others?: readonly SignerFile[];
}

export type LabelIn = (value: string) => string;

/** Its lines in their order: two words each, `#` begins a comment. */
export function signingRows(bytes: Uint8Array, labelIn: LabelIn = beforeColon): readonly SigningRow[] {
	return linesOf(bytes).flatMap((line) => rowOf(line, labelIn) ?? []);
}

/** Whether some line gives mail to the row. */
export function isNamed(signing: readonly SigningRow[], { label, domain }: Row): boolean {
	return signing.some((row) => row.label === label || (row.label === "%" && domain === label));
}

/** A key by the name that a signing table has for it. */
type NamedLine = Pick<SigningLine, "domain" | "selector" | "entry" | "problem" | "signs">;

/** Of several keys of a domain that of its ordinary mail is turned; the others, of single addresses, say so. */
export function leaveOthersAlone<Line extends NamedLine>(
	lines: readonly Line[],
	signing: readonly SigningRow[],
	isCaught: TwoTables["isCaught"],
): readonly Line[] {
	const sound = lines.filter(({ signs, problem }) => signs && problem === null);
	const ordinary = new Map(
		[...groupBy(sound, ({ domain }) => domain)].flatMap(([domain, own]) => {
			if (own.every(({ selector }) => selector === own[0]?.selector)) return [];
			const row = signing.find(({ pattern }) => isCaught(pattern, `postmaster@${domain}`));
			const label = row?.label === "%" ? domain : row?.label;
			const line = own.find(({ entry }) => entry === label);
			return line === undefined ? [] : [[domain, line.selector] as const];
		}),
	);
	return lines.map((line) => {
		const selector = ordinary.get(line.domain) ?? line.selector;
		if (selector === line.selector || !line.signs || line.problem !== null) return line;
		const problem = `${selector} signs the ordinary mail of ${line.domain}, and is the key that keyturn turns; this one is left alone`;
		return { ...line, problem };
	});
}

/** Why these cannot get a first key: something signs their ordinary mail already. */
export function firstLineFaults(
	{ signing, isCaught, labelIn }: Pick<TwoTables, "signing" | "isCaught" | "labelIn">,
	domains: readonly string[],
	mayStandBefore: (row: SigningRow) => boolean,
): ReadonlyMap<string, string> {
	const rows = signingRows(signing.bytes, labelIn);
	return faultsOf(domains, (domain) => {
		const row = rows.find((one) => isCaught(one.pattern, `postmaster@${domain}`) && !mayStandBefore(one));
		return row === undefined
			? null
			: `the line ${row.pattern} ${row.label} of the signing table signs its mail already`;
	});
}

/** The files after the changes, in the order of their renames; fails with `signer.config` as `renderRows` does. */
export function renderTwoTables(
	tables: TwoTables,
	changes: readonly SignerChange[],
): readonly RenderedFile[] {
	const turns = changes.filter(({ from, to }) => from !== null && to !== null);
	const firsts = changes.filter(({ from }) => from === null);
	const gone = changes.filter(({ to }) => to === null);
	if (firsts.length > 0 && gone.length > 0)
		throw new KeyturnError("bug", "first keys and keys taken out are no one change of two tables");
	const { keys, signing, format, labelIn } = tables;
	let signs = signing.bytes;
	let names = renderRows(keys, [...turns, ...gone], format)[0]?.bytes ?? keys.bytes;
	for (const change of firsts) {
		const { domain, to } = change;
		if (to === null) continue;
		const half = halfLabel(names, signs, change, tables);
		const label = half ?? freeLabel(names, signs, domain, tables);
		const labelled = { ...format, first: (name: string, of: typeof to) => format.first(name, of, label) };
		const file = { ...keys, bytes: names, hash: hashOf(names) };
		if (half === null) names = renderRows(file, [change], labelled)[0]?.bytes ?? names;
		signs = withLine(tables, signs, domain, label);
	}
	for (const change of gone) signs = withoutLines(signs, labelsOf(keys, change, format), labelIn);
	for (const { domain } of gone) refuseUnnamed(tables, signs, names, domain);
	const keyFile = { path: keys.path, hashBefore: keys.hash, bytes: names };
	if (firsts.length === 0 && gone.length === 0) return [keyFile];
	const signingFile = { path: signing.path, hashBefore: signing.hash, bytes: signs };
	const rendered = [keyFile, signingFile].filter(isChanged);
	return gone.length > 0 ? rendered.toReversed() : rendered;
}

function beforeColon(value: string): string {
	return value.split(":")[0] ?? value;
}

function rowOf(line: string, labelIn: LabelIn = beforeColon): SigningRow | null {
	const [pattern, label, more] = line.trim().split(/\s+/);
	if (pattern === undefined || pattern.startsWith("#") || label === undefined) return null;
	return more === undefined || more.startsWith("#") ? { pattern, label: labelIn(label) } : null;
}

/** What somebody who edited the tables in the middle of a switch has left of it: a row for this very key that no line names. */
function halfLabel(
	keys: Uint8Array,
	signing: Uint8Array,
	change: SignerChange,
	{ format, labelIn }: TwoTables,
): string | null {
	const signs = signingRows(signing, labelIn);
	const half = parseRows(keys, format).find((row) => namesNext(row, change) && !isNamed(signs, row));
	return half?.label ?? null;
}

/** Named after the domain, with a number where that is taken. */
function freeLabel(
	keys: Uint8Array,
	signing: Uint8Array,
	domain: string,
	{ format, labelIn, others = [] }: TwoTables,
): string {
	const taken = new Set([
		...[keys, ...others.map(({ bytes }) => bytes)].flatMap((bytes) =>
			parseRows(bytes, format).map(({ label }) => label),
		),
		...signingRows(signing, labelIn).map(({ label }) => label),
	]);
	for (let number = 1; ; number += 1) {
		const label = number === 1 ? domain : `${domain}-${number}`;
		if (!taken.has(label)) return label;
	}
}

/** Before the first line that would catch the domain's mail, and otherwise at the end. */
function withLine({ isCaught }: TwoTables, bytes: Uint8Array, domain: string, label: string): Uint8Array {
	const lines = linesOf(bytes);
	const line = `*@${domain} ${label}`;
	const place = lines.findIndex((one) => {
		const row = rowOf(one);
		return row !== null && isCaught(row.pattern, `postmaster@${domain}`);
	});
	if (place !== -1) lines.splice(place, 0, line);
	else if (lines.at(-1) === "") lines.splice(lines.length - 1, 0, line);
	else lines.push(line, "");
	return Buffer.from(lines.join("\n"), "latin1");
}

function withoutLines(bytes: Uint8Array, labels: ReadonlySet<string>, labelIn?: LabelIn): Uint8Array {
	const rest = linesOf(bytes).filter((line) => !labels.has(rowOf(line, labelIn)?.label ?? ""));
	return Buffer.from(rest.join("\n"), "latin1");
}

function labelsOf(
	{ bytes }: SignerFile,
	{ domain, from }: SignerChange,
	format: RowFormat,
): ReadonlySet<string> {
	const own = parseRows(bytes, format).filter((one) => one.domain === domain && one.selector === from);
	return new Set(own.flatMap(({ label }) => label ?? []));
}

/** A line for whoever sends (`%`), or one that names a label that has never been, would lead mail of the domain nowhere. */
function refuseUnnamed(
	{ isCaught, labelIn, format, passesUnnamed = false }: TwoTables,
	signing: Uint8Array,
	keys: Uint8Array,
	domain: string,
): void {
	const row = signingRows(signing, labelIn).find((one) => isCaught(one.pattern, `postmaster@${domain}`));
	if (row === undefined || passesUnnamed) return;
	const label = row.label === "%" ? domain : row.label;
	if (parseRows(keys, format).some((one) => one.label === label)) return;
	throw new KeyturnError(
		"signer.config",
		`${domain}: without the key, the line ${row.pattern} ${row.label} of the signing table would give its mail to ${label}, which the key table lacks: it would be deferred`,
		{ hint: "Take that line out first, or replace a line with % by one for each domain." },
	);
}

function linesOf(bytes: Uint8Array): string[] {
	return Buffer.from(bytes).toString("latin1").split("\n");
}
