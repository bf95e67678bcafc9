/** Parses what holds of a faulty value, so that one run tells every fault, those between keys too. */

import type { z } from "zod";
import type { Path } from "./faults.ts";
import { meantBranch } from "./meant-branch.ts";

export interface Salvaged<Value> {
	/** Null where too little held. */
	readonly value: Value | null;
	/** What was wrong with the whole. */
	readonly issues: readonly z.core.$ZodIssue[];
	/** The places in the file of the domains that held. */
	readonly domainPlaces: readonly number[];
}

const ROUNDS = 20;
const HOLE = Symbol("taken out");
/** Stand for what has to be there, where it is not or does not hold. */
const NEEDED: Readonly<Record<string, unknown>> = { domains: [] };

export function parseWhatHolds<Value>(schema: z.ZodType<Value>, raw: unknown): Salvaged<Value> {
	const first = schema.safeParse(raw);
	let domainPlaces: readonly number[] = domainsOf(raw).map((_, index) => index);
	if (first.success) return { value: first.data, issues: [], domainPlaces };
	const rest: unknown = structuredClone(raw);
	let issues = first.error.issues;
	for (let round = 0; round < ROUNDS; round++) {
		for (const issue of issues) takeOut(rest, issue, []);
		domainPlaces = domainPlaces.filter((_, index) => domainsOf(rest)[index] !== HOLE);
		closeHoles(rest);
		const again = schema.safeParse(rest);
		if (again.success)
			return {
				value: again.data,
				issues: first.error.issues,
				domainPlaces: domainPlaces.slice(0, domainsOf(rest).length),
			};
		issues = again.error.issues;
	}
	return { value: null, issues: first.error.issues, domainPlaces: [] };
}

/** Takes out what the issue is about; what has to be there and is not takes the map around it along. */
function takeOut(root: unknown, issue: z.core.$ZodIssue, above: Path): void {
	const path = [...above, ...issue.path.map((part) => (typeof part === "symbol" ? String(part) : part))];
	if (issue.code === "unrecognized_keys") {
		for (const key of issue.keys) remove(root, [...path, key]);
		return;
	}
	const branch = meantBranch(issue, valueAt(root, path));
	if (branch === null) remove(root, path);
	for (const inner of branch ?? []) takeOut(root, inner, path);
}

function remove(root: unknown, path: Path): void {
	const last = path.at(-1);
	if (last === undefined) return;
	const parent = valueAt(root, path.slice(0, -1));
	if (typeof parent !== "object" || parent === null) return;
	const holder = parent as Record<string | number, unknown>;
	if (path.length === 1 && Object.hasOwn(NEEDED, last)) holder[last] = structuredClone(NEEDED[last]);
	else if (Array.isArray(parent)) holder[last] = HOLE;
	else if (Object.hasOwn(holder, last)) delete holder[last];
	else remove(root, path.slice(0, -1));
}

function closeHoles(value: unknown): void {
	if (typeof value !== "object" || value === null) return;
	if (Array.isArray(value))
		for (let index = value.length - 1; index >= 0; index--) if (value[index] === HOLE) value.splice(index, 1);
	for (const child of Object.values(value)) closeHoles(child);
}

function domainsOf(root: unknown): readonly unknown[] {
	const domains = valueAt(root, ["domains"]);
	return Array.isArray(domains) ? domains : [];
}

function valueAt(root: unknown, path: Path): unknown {
	let value = root;
	for (const part of path)
		value =
			typeof value === "object" && value !== null && Object.hasOwn(value, part)
				? (value as Record<string | number, unknown>)[part]
				: undefined;
	return value;
}
