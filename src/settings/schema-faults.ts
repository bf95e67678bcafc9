/** Turns what zod says against a value into faults: one sentence each, with the nearest known name. */

import * as z from "zod";
import type { FaultList } from "./fault-list.ts";
import { type Path, printable } from "./faults.ts";
import { didYouMean } from "./nearest.ts";
import { meantBranch } from "./meant-branch.ts";
import type { YamlSource } from "./yaml-source.ts";

type Issue = z.core.$ZodIssue;

export interface SchemaFaults {
	readonly faults: FaultList;
	readonly source: YamlSource;
	readonly schema: z.core.$ZodType;
	/** Where in the file the value parsed by `schema` stands. */
	readonly at: Path;
	/** Names that are keys there besides those of the schema. */
	readonly besides?: readonly string[];
}

const IGNORED = "it would have no effect: what it is meant to set would stay at its default";
const WORDS: Readonly<Record<string, string>> = {
	string: "a text",
	number: "a number",
	int: "a whole number",
	boolean: "true or false",
	array: "a list",
	object: "a map",
	record: "a map",
	tuple: "a list of a program and its arguments",
};

export function addIssues(issues: readonly Issue[], context: SchemaFaults): void {
	for (const issue of issues) addIssue(issue, [], context);
}

function addIssue(issue: Issue, above: Path, context: SchemaFaults): void {
	if (context.faults.isFull()) return;
	const path = [...above, ...issue.path.map((part) => (typeof part === "symbol" ? String(part) : part))];
	const place = [...context.at, ...path];
	if (issue.code === "unrecognized_keys") {
		for (const key of issue.keys) addUnknownKey(key, path, context);
		return;
	}
	if (issue.code === "invalid_key") {
		const rule = issue.issues[0]?.message ?? "must be a name";
		context.faults.add({ path: place, rule, on: "key" });
		return;
	}
	const branch = meantBranch(issue, context.source.valueAt(place));
	if (branch !== null) {
		for (const inner of branch) addIssue(inner, path, context);
		return;
	}
	context.faults.add({ path: place, ...ruleOf(issue, place, context) });
}

function addUnknownKey(key: string, path: Path, context: SchemaFaults): void {
	if (context.faults.isFull()) return;
	const besides = path.length === 0 ? (context.besides ?? []) : [];
	const known = [...keysAt(context.schema, path), ...besides];
	const hint = known.includes(key)
		? "it does not go with the others that stand here"
		: (didYouMean(key, known) ??
			(context.at.length === 0 ? knownElsewhere(key, context.schema) : null) ??
			(known.length <= 12 ? `known here: ${known.join(", ")}` : null));
	context.faults.add({
		path: [...context.at, ...path, key],
		rule: "is no key here",
		consequence: IGNORED,
		hint,
		on: "key",
	});
}

/** A key at the wrong depth; null if the file has none of this name. */
function knownElsewhere(key: string, schema: z.core.$ZodType): string | null {
	const tops = keysAt(schema, []);
	if (tops.includes(key)) return `\`${key}\` stands at the top of the file, for all`;
	const top = tops.find((one) => keysAt(schema, [one]).includes(key));
	return top === undefined ? null : `did you mean \`${top}.${key}\`?`;
}

function ruleOf(
	issue: Issue,
	place: Path,
	context: SchemaFaults,
): { readonly rule: string; readonly hint?: string | null; readonly on?: "key" } {
	if (!context.source.has(place)) return { rule: `is missing: ${expectation(issue)}`, on: "key" };
	const value = context.source.valueAt(place);
	const written = context.source.secret(place) ? null : printable(context.source.written(place) ?? "");
	if ((typeof value === "number" || typeof value === "boolean") && wantsText(issue))
		return {
			rule: `must be a text in quotes: YAML reads ${written ?? "this"} as ${typeof value === "number" ? "a number" : "true or false"}`,
			hint: `write ${written === null ? "it in quotes" : JSON.stringify(written)}`,
		};
	if (typeof value === "string" && wantsUnquoted(issue, value))
		return { rule: expectation(issue), hint: `write ${written ?? "it"} without quotes` };
	if (issue.code === "invalid_value" && typeof value === "string") {
		const hint = didYouMean(value, issue.values.map(String));
		return issue.values.length > 8 && hint !== null
			? { rule: "is no known word", hint }
			: { rule: expectation(issue), hint };
	}
	return { rule: expectation(issue) };
}

/** Whether any text would have been taken, so that quotes are all that is missing. */
function wantsText(issue: Issue): boolean {
	if (issue.code === "invalid_union")
		return issue.errors.some((branch) => branch.some((inner) => inner.path.length === 0 && wantsText(inner)));
	return issue.code === "invalid_type" && issue.expected === "string" && !isOurs(issue);
}

/** Whether the number, or the true or false, that is written as a text would have been taken. */
function wantsUnquoted(issue: Issue, text: string): boolean {
	if (issue.code === "invalid_union")
		return issue.errors.some((branch) =>
			branch.some((inner) => inner.path.length === 0 && wantsUnquoted(inner, text)),
		);
	if (!/^(?:true|false|0|[1-9]\d{0,8})$/.test(text)) return false;
	const plain = JSON.parse(text) as number | boolean;
	if (issue.code === "invalid_value") return issue.values.some((value) => value === plain);
	if (issue.code !== "invalid_type") return false;
	const expected = issue.expected === "int" ? "number" : issue.expected;
	return typeof plain === expected;
}

function expectation(issue: Issue): string {
	if (isOurs(issue)) return issue.message;
	if (issue.code === "invalid_type") return `must be ${WORDS[issue.expected] ?? issue.expected}`;
	if (issue.code === "invalid_value") return `must be ${alternatives(issue.values.map(String))}`;
	if (issue.code === "too_small" && issue.minimum === 1 && verb(issue.origin) === "have")
		return "must not be empty";
	if (issue.code === "too_small") return `must ${verb(issue.origin)} at least ${issue.minimum}`;
	if (issue.code === "too_big") return `must ${verb(issue.origin)} at most ${issue.maximum}`;
	return `must be right: ${issue.message}`;
}

function verb(origin: string): string {
	return origin === "number" || origin === "int" ? "be" : "have";
}

/** Whether the schema says it in its own words. */
function isOurs(issue: Issue): boolean {
	return !/^(Invalid|Too|Unrecognized)/.test(issue.message);
}

function alternatives(words: readonly string[]): string {
	return words.length <= 1 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/** The keys that a map at `path` may have, those of every branch of a union together. */
export function keysAt(schema: z.core.$ZodType, path: Path): readonly string[] {
	const inner = unwrap(schema);
	if (inner instanceof z.ZodUnion)
		return [...new Set(inner.options.flatMap((option) => keysAt(option, path)))];
	const [first, ...rest] = path;
	if (inner instanceof z.ZodObject) {
		if (first === undefined) return Object.keys(inner.shape);
		const below: z.core.$ZodType | undefined = Object.hasOwn(inner.shape, first)
			? inner.shape[first]
			: undefined;
		return below === undefined ? [] : keysAt(below, rest);
	}
	if (first === undefined) return [];
	if (inner instanceof z.ZodArray) return keysAt(inner.element, rest);
	if (inner instanceof z.ZodRecord) return keysAt(inner.valueType, rest);
	return [];
}

/** The schema below defaults, options and transformations. */
export function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
	if (
		schema instanceof z.ZodOptional ||
		schema instanceof z.ZodNullable ||
		schema instanceof z.ZodPrefault ||
		schema instanceof z.ZodDefault
	)
		return unwrap(schema.unwrap());
	return schema instanceof z.ZodPipe ? unwrap(schema.in) : schema;
}
