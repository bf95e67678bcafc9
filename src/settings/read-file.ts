/** From keyturn.yaml as read to what its schema makes of it, with every fault that the schema sees. */

import type { z } from "zod";
import { createFaultList, type FaultList } from "./fault-list.ts";
import type { Fault, Path } from "./faults.ts";
import { parseWhatHolds } from "./salvage.ts";
import { addIssues } from "./schema-faults.ts";
import type { YamlReading, YamlSource } from "./yaml-source.ts";

export interface FileReading<Value> {
	readonly source: YamlSource;
	readonly faults: FaultList;
	/** Plain values, without what is not built yet. */
	readonly raw: Readonly<Record<string, unknown>>;
	/** What held, for the checks between keys; null where too little did. */
	readonly value: Value | null;
	/** Where the domain of this index in `value` stands in the file. */
	readonly domainAt: (index: number) => Path;
}

export type Faulty = { readonly faults: readonly Fault[] };

/** `prepare` may take out what the schema need not see. */
export function readFile<Value>(
	source: YamlReading,
	path: string,
	schema: z.ZodType<Value>,
	prepare: (value: unknown, faults: FaultList) => unknown,
): FileReading<Value> | Faulty {
	if ("faults" in source) return source;
	const faults = createFaultList(path, source);
	const prepared = prepare(source.value, faults);
	const { value, issues, domainPlaces } = parseWhatHolds(schema, prepared);
	addIssues(issues, { faults, source, schema, at: [] });
	refuseNoDomains(source, faults);
	return {
		source,
		faults,
		raw: isMap(prepared) ? prepared : {},
		value,
		domainAt: (index) => ["domains", domainPlaces[index] ?? index],
	};
}

/** The names below a key of the file, whatever stands there. */
export function namesBelow(raw: Readonly<Record<string, unknown>>, key: string): readonly string[] {
	const found = raw[key];
	return isMap(found) ? Object.keys(found) : [];
}

function refuseNoDomains(source: YamlSource, faults: FaultList): void {
	const { domains } = isMap(source.value) ? source.value : {};
	if (Array.isArray(domains) && domains.length === 0)
		faults.add({ path: ["domains"], rule: "must have one domain at least" });
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> & { readonly domains?: unknown } {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
