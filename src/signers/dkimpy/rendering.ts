/**
 * The tables of a dkimpy-milter after a change. With KeyTableEd25519 it looks for the name in a signing line in both tables of
 * keys, and fails without it in one of them (util.py): so names come to both at once, and leave both at once.
 */

import { parseKeyRecord } from "../../dkim/key-record.ts";
import { KeyturnError } from "../../errors.ts";
import type { RenderedFile, SignerChange, SignerFile } from "../../ports/signer.ts";
import { parseRows, renderRows, type Row } from "../one-table/rows.ts";
import { renderTwoTables } from "../one-table/signing-lines.ts";
import { isChanged, namesNext } from "../rendered.ts";
import { DKIMPY_TABLE, isCaught, labelIn } from "./table.ts";

/** KeyTable, SigningTable, and KeyTableEd25519 where there is one. Pure; fails with `signer.config`. */
export function renderDkimpy(
	[keys, signing, beside]: readonly SignerFile[],
	changes: readonly SignerChange[],
): readonly RenderedFile[] {
	if (keys === undefined || signing === undefined || changes.length === 0) return [];
	const two = { keys, signing, format: DKIMPY_TABLE, isCaught, labelIn };
	if (beside === undefined) return renderTwoTables(two, changes);
	const rows = parseRows(beside.bytes, DKIMPY_TABLE);
	const [own, others] = [
		changes.filter((change) => !isBeside(change, rows)),
		changes.filter((change) => isBeside(change, rows)),
	];
	refuseHalf(own, others);
	const rendered = own.length === 0 ? [] : renderTwoTables({ ...two, others: [beside] }, own);
	if (others.length === 0) return rendered;
	const names = rendered.find(({ path }) => path === keys.path)?.bytes ?? keys.bytes;
	const besides = [renderBeside(beside, others, labelsIn(parseRows(names, DKIMPY_TABLE), own))].filter(
		isChanged,
	);
	// What signing lines name is there before them, and gone after them.
	const [first, rest] = [
		rendered.filter(({ path }) => path === keys.path),
		rendered.filter(({ path }) => path !== keys.path),
	];
	const isFirst = others.some(({ from }) => from === null);
	return isFirst ? [...first, ...besides, ...rest] : [...rendered, ...besides];
}

/** A key is changed in the table that names it; a first key comes to that of its algorithm. */
function isBeside({ domain, from, to }: SignerChange, rows: readonly Row[]): boolean {
	if (from !== null) return rows.some((row) => row.domain === domain && row.selector === from);
	const parsed = parseKeyRecord(to?.record ?? "");
	return parsed.kind === "record" && parsed.record.algorithm === "ed25519";
}

function refuseHalf(own: readonly SignerChange[], others: readonly SignerChange[]): void {
	for (const side of ["from", "to"] as const) {
		const [left, right] = [own, others].map((changes) =>
			changes.flatMap((change) => (change[side] === null ? [change.domain] : [])).toSorted(),
		);
		if (left?.join() !== right?.join())
			throw new KeyturnError(
				"signer.config",
				`${[...(left ?? []), ...(right ?? [])].join(", ")}: with KeyTableEd25519 dkimpy-milter needs a line of each name in both tables of keys: they come and go together`,
			);
	}
}

/** Of each domain's RSA key that is to sign. */
function labelsIn(rows: readonly Row[], changes: readonly SignerChange[]): ReadonlyMap<string, string> {
	return new Map(
		changes.flatMap((change) => {
			const label = rows.find((row) => namesNext(row, change))?.label;
			return label === undefined ? [] : [[change.domain, label] as const];
		}),
	);
}

/** First keys get the names that the RSA keys of the same domains have; a switch that was interrupted may have written them. */
function renderBeside(
	beside: SignerFile,
	changes: readonly SignerChange[],
	labels: ReadonlyMap<string, string>,
): RenderedFile {
	const bytes = changes.reduce((before, change) => {
		const label = labels.get(change.domain);
		const isThere = (row: Row): boolean => namesNext(row, change) && row.label === label;
		if (change.from === null && parseRows(before, DKIMPY_TABLE).some(isThere)) return before;
		const first: typeof DKIMPY_TABLE.first = (name, of) => DKIMPY_TABLE.first(name, of, label);
		return renderRows({ ...beside, bytes: before }, [change], { ...DKIMPY_TABLE, first })[0]?.bytes ?? before;
	}, beside.bytes);
	return { path: beside.path, hashBefore: beside.hash, bytes };
}
