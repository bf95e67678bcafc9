/** Writes README.md's list of what is not built yet from the table that refuses it. */

import { LATER_TYPES, UNBUILT } from "../../src/settings/unbuilt.ts";
import { schemas } from "../settings/schemas.ts";

export function unbuiltList(): string {
	const keys = UNBUILT.filter(
		({ path }) => path[0] !== "domains" || path.length === 1 || path.at(-1) === "provider",
	);
	return [
		...keys.map(
			({ path, what }) => `- \`${path.join(".").replace(".*", "[]")}\`${what === null ? "" : `: ${what}`}`,
		),
		...types("signers"),
		...types("providers"),
		...types("alerts"),
	].join("\n");
}

function types(kind: keyof typeof LATER_TYPES): readonly string[] {
	const named: readonly string[] = LATER_TYPES[kind];
	const later = named.filter((type) => !Object.hasOwn(schemas[kind], type));
	return later.length === 0 ? [] : [`- ${kind} of type ${later.map((type) => `\`${type}\``).join(", ")}`];
}
