/** The manual of keyturn.yaml, made from the schema: a Markdown table for people and a JSON schema for editors. */

import * as z from "zod";
import type { SettingsSchemas } from "./adapter-settings.ts";
import { alertShape, configuration, providerShape, signerShape } from "./schema.ts";
import { unwrap } from "./schema-faults.ts";
import { UNBUILT } from "./unbuilt.ts";

/** What z.toJSONSchema gives, as far as it is looked at here. */
interface Node {
	readonly type?: unknown;
	readonly pattern?: string;
	readonly description?: string | undefined;
	readonly default?: unknown;
	readonly properties?: Readonly<Record<string, Node>>;
	readonly required?: readonly string[];
	readonly additionalProperties?: Node | boolean;
	readonly items?: Node;
	readonly anyOf?: readonly Node[];
	readonly oneOf?: readonly Node[];
	readonly const?: unknown;
}

const BEGIN = "<!-- configuration:begin -->";
const END = "<!-- configuration:end -->";

const HEAD = "| key | default | meaning |\n| --- | --- | --- |";

/** Their keys stand elsewhere in the table. */
const REPEATED: readonly string[] = ["signer", "signers.NAME.services"];

/** One row a key: its path, its default and what it means. */
export function configurationTable(schemas: SettingsSchemas): string {
	const rows = tableRows("", jsonSchemaOf(configuration), configuration);
	const kinds = [
		["signers.NAME", schemas.signers, signerShape],
		["providers.NAME", {}, providerShape],
		["alerts[]", schemas.alerts, alertShape],
	] as const;
	const tables = kinds.map(([prefix, types, shape]) => {
		const common = tableRows(`${prefix}.`, jsonSchemaOf(z.object(shape)), z.object(shape));
		const own = Object.entries(types).flatMap(([type, schema]) =>
			adapterRows(`${prefix}.`, jsonSchemaOf(schema), `\`${type}\`: `),
		);
		return [...common, ...own].join("\n");
	});
	return [rows.join("\n"), ...tables].map((table) => `${HEAD}\n${table}`).join("\n\n");
}

/** The keys of one type of provider, for its own part of the manual. */
export function adapterTable(schema: z.ZodType): string {
	return `${HEAD}\n${adapterRows("providers.NAME.", jsonSchemaOf(schema), "").join("\n")}`;
}

/** `document` with the table between its markers; throws if it has no markers. */
export function withConfigurationTable(document: string, schemas: SettingsSchemas): string {
	const begin = document.indexOf(BEGIN);
	const end = document.indexOf(END);
	if (begin === -1 || end < begin)
		throw new Error(`expected ${BEGIN} and ${END} in the document, got neither`);
	return `${document.slice(0, begin + BEGIN.length)}\n\n${configurationTable(schemas)}\n\n${document.slice(end)}`;
}

/** For editors: `# yaml-language-server: $schema=…`. */
export function configurationJsonSchema(schemas: SettingsSchemas): object {
	const whole = jsonSchemaOf(configuration);
	const signer = entrySchema(schemas.signers, signerShape);
	const properties = {
		...whole.properties,
		signer: { ...signer, description: whole.properties?.["signer"]?.description },
		signers: { ...whole.properties?.["signers"], additionalProperties: signer },
		providers: {
			...whole.properties?.["providers"],
			additionalProperties: withPlugIns(entrySchema(schemas.providers, providerShape)),
		},
		alerts: { ...whole.properties?.["alerts"], items: entrySchema(schemas.alerts, alertShape) },
	};
	return { title: "keyturn.yaml", ...whole, properties };
}

/** Any of the adapters' schemas, each with its type and the keys that all of its kind have. */
function entrySchema(schemas: Readonly<Record<string, z.ZodType>>, shape: z.ZodRawShape): Node {
	const common = jsonSchemaOf(z.object(shape)).properties ?? {};
	return {
		anyOf: Object.entries(schemas).flatMap(([type, schema]) =>
			branchesOf(jsonSchemaOf(schema)).map((branch) => ({
				...branch,
				properties: { ...common, type: { const: type }, ...branch.properties },
				required: ["type", ...(branch.required ?? [])],
			})),
		),
	};
}

/** What stands beside the type of a plug-in is for its own schema. */
function withPlugIns({ anyOf = [] }: Node): Node {
	const type = { type: "string", pattern: "^(\\.{0,2}/|@|keyturn-provider-)" };
	return { anyOf: [...anyOf, { type: "object", properties: { type }, required: ["type"] }] };
}

function tableRows(prefix: string, node: Node, schema: z.core.$ZodType): readonly string[] {
	const inner = unwrap(schema);
	const shape = inner instanceof z.ZodObject ? inner.shape : {};
	return Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
		const path = `${prefix}${name}`;
		const below = Object.hasOwn(shape, name) ? (shape[name] as z.core.$ZodType) : undefined;
		const element = name === "domains" && prefix === "" ? listBranch(child) : null;
		const rows = [row(path, child, node.required?.includes(name) ?? false)];
		if (element !== null) return [...rows, ...domainRows(element)];
		if (below === undefined || child.properties === undefined || REPEATED.includes(path)) return rows;
		return [...rows, ...tableRows(`${path}.`, child, below)];
	});
}

/** Of a domain, what it does not share with the whole file; the rest in one row. */
function domainRows(domain: Node): readonly string[] {
	const own = ["name", "provider", "zone", "signer"];
	const shared = Object.keys(domain.properties ?? {}).filter((name) => !own.includes(name));
	return [
		...own.map((name) =>
			row(`domains[].${name}`, domain.properties?.[name] ?? {}, domain.required?.includes(name) ?? false),
		),
		`| ${shared.map((name) => `\`domains[].${name}\``).join(", ")} | as above | The same for one domain. |`,
	];
}

function adapterRows(prefix: string, node: Node, before: string): readonly string[] {
	const branches = branchesOf(node);
	const names = [...new Set(branches.flatMap((branch) => Object.keys(branch.properties ?? {})))];
	return names.map((name) => {
		const holder = branches.find((branch) => branch.properties?.[name] !== undefined);
		const required = branches.every((branch) => branch.required?.includes(name));
		const property = holder?.properties?.[name] ?? {};
		return row(`${prefix}${name}`, property, required, before);
	});
}

function row(path: string, node: Node, required: boolean, before = ""): string {
	const preset = node.default === undefined ? (required ? "(required)" : "") : presetOf(node);
	const meaning = `${before}${node.description ?? ""}${unbuiltNote(path)}`;
	return `| \`${path}\` | ${preset} | ${meaning.replaceAll("|", "\\|")} |`;
}

/** Of a map that has defaults key by key, the rows of the keys say it. */
function presetOf(node: Node): string {
	const empty = typeof node.default === "object" && JSON.stringify(node.default) === "{}";
	if (empty && node.properties !== undefined) return "";
	return `\`${flow(node.default)}\``;
}

/** As it is written in YAML on one line. */
function flow(value: unknown): string {
	if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`;
	if (typeof value === "object" && value !== null) {
		const pairs = Object.entries(value).map(([name, item]) => `${name}: ${flow(item)}`);
		return pairs.length === 0 ? "{}" : `{ ${pairs.join(", ")} }`;
	}
	if (typeof value !== "string") return String(value);
	return /^[A-Za-z0-9/][\w./-]*$/.test(value) ? value : JSON.stringify(value);
}

function unbuiltNote(path: string): string {
	const found = UNBUILT.find((one) => one.path.join(".").replaceAll(".*", "[]") === path);
	if (found === undefined) return "";
	return found.what === null ? " *Not built yet.*" : ` *Not built yet: ${found.what}.*`;
}

function listBranch(node: Node): Node | null {
	return branchesOf(node).find((branch) => branch.items !== undefined)?.items ?? null;
}

function branchesOf(node: Node): readonly Node[] {
	const branches = node.anyOf ?? node.oneOf;
	return branches === undefined ? [node] : branches.flatMap(branchesOf);
}

function jsonSchemaOf(schema: z.ZodType): Node {
	return z.toJSONSchema(schema, { io: "input" }) as Node;
}
