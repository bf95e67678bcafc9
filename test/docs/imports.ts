/** Writes the import table of ARCHITECTURE.md from the one that the house is held to. */

import { MAY } from "../house.ts";

export function importTable(): string {
	const rows = Object.entries(MAY).map(
		([folder, { folders, packages }]) => `| \`${folder}\` | ${names(folders)} | ${names(packages)} |`,
	);
	return ["| folder | may import | npm packages |", "| --- | --- | --- |", ...rows].join("\n");
}

function names(list: readonly string[]): string {
	return list.length === 0 ? "-" : list.map((name) => `\`${name}\``).join(", ");
}
