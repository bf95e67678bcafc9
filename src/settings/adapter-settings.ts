/** Checks each signer, provider and alert with the schema of its type, which main hands in. */

import * as z from "zod";
import type { FaultList } from "./fault-list.ts";
import type { Path } from "./faults.ts";
import { didYouMean } from "./nearest.ts";
import { addIssues } from "./schema-faults.ts";
import { LATER_TYPES, UNBUILT_RULE } from "./unbuilt.ts";
import type { YamlSource } from "./yaml-source.ts";

/** Schemas by type, of all that an entry has besides `type` and the keys common to its kind. */
export interface SettingsSchemas {
	readonly providers: Readonly<Record<string, z.ZodType>>;
	readonly signers: Readonly<Record<string, z.ZodType>>;
	readonly alerts: Readonly<Record<string, z.ZodType>>;
}

const KINDS = {
	signers: { what: "signer", consequence: "nothing would switch to the new key" },
	providers: { what: "provider", consequence: "no key record could be published" },
	alerts: { what: "alert", consequence: "a failure could stay unnoticed" },
} as const;

export interface AdapterContext {
	readonly kind: keyof typeof KINDS;
	readonly schemas: Readonly<Record<string, z.ZodType>>;
	/** All types of this kind. */
	readonly known: readonly string[];
	/** Keys that every entry of this kind may have. */
	readonly common: Readonly<Record<string, z.ZodType>>;
	readonly faults: FaultList;
	readonly source: YamlSource;
}

/** The settings as the schema of the entry's type made them; undefined after a fault. */
export function readAdapter(entry: unknown, at: Path, context: AdapterContext): unknown {
	if (typeof entry !== "object" || entry === null || !Object.hasOwn(entry, "type")) return undefined;
	const fields = new Map<string, unknown>(Object.entries(entry));
	const type = fields.get("type");
	if (typeof type !== "string") return undefined;
	const schema = Object.hasOwn(context.schemas, type) ? context.schemas[type] : undefined;
	if (schema === undefined) {
		refuseType(type, at, context);
		return undefined;
	}
	const common = Object.keys(context.common);
	const own = Object.fromEntries([...fields].filter(([name]) => !common.includes(name)));
	const parsed = schema.safeParse(own);
	if (parsed.success) return parsed.data;
	const { faults, source } = context;
	addIssues(parsed.error.issues, { faults, source, schema, at, besides: common });
	return undefined;
}

function refuseType(type: string, at: Path, context: AdapterContext): void {
	const { what, consequence } = KINDS[context.kind];
	const later: readonly string[] = LATER_TYPES[context.kind];
	const path = [...at, "type"];
	if (later.includes(type)) return context.faults.add({ path, rule: UNBUILT_RULE, consequence });
	context.faults.add({
		path,
		rule: `is no type of ${what}`,
		consequence,
		hint: didYouMean(type, [...context.known, ...later]) ?? `known here: ${context.known.join(", ")}`,
	});
}
