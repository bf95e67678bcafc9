/** A table of plain columns, 79 characters wide at most; what does not fit its column goes below in words. */

import { wrap } from "../report/words.ts";

export interface Column {
	readonly head: string;
	/** No wider than this. */
	readonly most: number;
}

const WIDTH = 79;
const GAP = "  ";

export function columns(heads: readonly Column[], rows: readonly (readonly string[])[]): readonly string[] {
	const widths = heads.map(({ head, most }, index) => {
		const cells = rows.map((row) => row[index]?.length ?? 0).filter((length) => length <= most);
		return Math.max(head.length, ...cells);
	});
	const line = (cells: readonly string[]): string =>
		cells
			.map((cell, index) => cell.padEnd(widths[index] ?? 0))
			.join(GAP)
			.trimEnd();
	return [
		line(heads.map(({ head }) => head)),
		...rows.map((row) => {
			const fits = row.every((cell, index) => cell.length <= (widths[index] ?? 0));
			return fits ? line(row) : inWords(heads, row);
		}),
	];
}

function inWords(heads: readonly Column[], [first = "", ...others]: readonly string[]): string {
	const told = others.flatMap((cell, index) =>
		cell === "" ? [] : [`${heads[index + 1]?.head ?? ""} ${cell}`],
	);
	return told.length === 0 ? first : `${first}\n${wrap(told.join(", "), WIDTH, GAP)}`;
}
