/** Which adapters a file names, so that main loads only those; what else is in the file is left to `parseSettings`. */

import type { YamlReading } from "./yaml-source.ts";

export interface NamedTypes {
	readonly signers: readonly string[];
	readonly providers: readonly string[];
	readonly alerts: readonly string[];
}

/** Of a file that cannot be read: none. */
export function namedTypes(read: YamlReading): NamedTypes {
	const file = "faults" in read ? {} : fieldsOf(read.value);
	return {
		signers: [...new Set([...typesOf(file["signers"]), ...typesOf([file["signer"]])])],
		providers: typesOf(file["providers"]),
		alerts: typesOf(file["alerts"]),
	};
}

/** Of the entries of a map or a list. */
function typesOf(entries: unknown): readonly string[] {
	const types = Object.values(fieldsOf(entries)).map((entry) => fieldsOf(entry)["type"]);
	return [...new Set(types.filter((type) => typeof type === "string"))];
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
	return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
