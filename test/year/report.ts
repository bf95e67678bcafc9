/** What a year says at its end. */

import type { Comparison } from "./alert-count.ts";
import type { MailCount } from "./mail-count.ts";

export function mailTable(count: MailCount): readonly string[] {
	const rows: readonly (readonly [string, number])[] = [
		["messages offered", count.offered],
		["accepted", count.accepted],
		["arrived, signed and verified at every server", count.verified],
		["unsigned", count.unsigned],
		["invalid", count.invalid],
		["lost", count.lost],
		["rejected for good", count.rejected],
		["refused for now, while services were stopped or broken", count.refused],
		["refused for now, otherwise (a busy machine)", count.refusedOtherwise],
		["verified once more, up to five days later", count.lateLooks],
		["of these invalid", count.lateInvalid],
	];
	return rows.map(([what, number]) => `  ${what.padEnd(56)}${String(number).padStart(9)}`);
}

export function alertTable(comparisons: readonly Comparison[]): readonly string[] {
	const row = (name: string, due: string, got: string): string =>
		`  ${name.padEnd(38)}${due.padStart(9)}${got.padStart(9)}`;
	return [
		row("alert", "due", "got"),
		...comparisons.map(({ name, due, got }) => {
			const line = row(name, String(due), String(got));
			return due === got ? line : `${line}  DIFFERS`;
		}),
	];
}

export function alertFaults(comparisons: readonly Comparison[]): readonly string[] {
	const different = comparisons.filter(({ due, got }) => due !== got);
	return different.map(({ name, due, got }) => `${name}: ${due} due, ${got} told`);
}
