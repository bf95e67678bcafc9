/** The documents that are made from the code, wholly or between markers: what each has to hold. */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { configurationJsonSchema, withConfigurationTable } from "../../src/settings/reference.ts";
import { providerTypes, schemas } from "../settings/schemas.ts";
import { commandTable } from "./commands.ts";
import { importTable } from "./imports.ts";
import { lifecycleDocument } from "./lifecycle.ts";
import { providerSections } from "./providers.ts";
import { unbuiltList } from "./unbuilt.ts";

export interface MadeDocument {
	readonly path: string;
	readonly found: string;
	readonly expected: string;
}

export async function madeDocuments(): Promise<readonly MadeDocument[]> {
	const jsonSchema = await read("config/keyturn.schema.json");
	const readme = await read("README.md");
	const lifecycle = await read("docs/lifecycle.md");
	const providers = await read("docs/providers.md");
	const architecture = await read("ARCHITECTURE.md");
	const withCommands = between(readme.found, "commands", commandTable());
	const withUnbuilt = between(withCommands, "unbuilt", unbuiltList());
	return [
		{ ...jsonSchema, expected: `${JSON.stringify(configurationJsonSchema(schemas), null, 2)}\n` },
		{ ...readme, expected: withConfigurationTable(withUnbuilt, schemas) },
		{ ...lifecycle, expected: lifecycleDocument() },
		{ ...providers, expected: between(providers.found, "providers", providerSections(providerTypes)) },
		{ ...architecture, expected: between(architecture.found, "imports", importTable()) },
	];
}

/** `document` with `text` between `<!-- name:begin -->` and `<!-- name:end -->`. */
function between(document: string, name: string, text: string): string {
	const begin = `<!-- ${name}:begin -->`;
	const from = document.indexOf(begin);
	const to = document.indexOf(`<!-- ${name}:end -->`);
	if (from === -1 || to < from) throw new Error(`expected ${begin} and its end in the document, got neither`);
	return `${document.slice(0, from + begin.length)}\n\n${text}\n\n${document.slice(to)}`;
}

async function read(name: string): Promise<{ readonly path: string; readonly found: string }> {
	const path = fileURLToPath(new URL(`../../${name}`, import.meta.url));
	return { path, found: await readFile(path, "utf8").catch(() => "") };
}
