/** The documents that are made from the code: what each has to hold. */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { configurationJsonSchema, withConfigurationTable } from "../../src/settings/reference.ts";
import { schemas } from "../settings/schemas.ts";
import { lifecycleDocument } from "./lifecycle.ts";

export interface MadeDocument {
	readonly path: string;
	readonly found: string;
	readonly expected: string;
}

export async function madeDocuments(): Promise<readonly MadeDocument[]> {
	const jsonSchema = await read("config/keyturn.schema.json");
	const readme = await read("README.md");
	const lifecycle = await read("docs/lifecycle.md");
	return [
		{ ...jsonSchema, expected: `${JSON.stringify(configurationJsonSchema(schemas), null, 2)}\n` },
		{ ...readme, expected: withConfigurationTable(readme.found, schemas) },
		{ ...lifecycle, expected: lifecycleDocument() },
	];
}

async function read(name: string): Promise<{ readonly path: string; readonly found: string }> {
	const path = fileURLToPath(new URL(`../../${name}`, import.meta.url));
	return { path, found: await readFile(path, "utf8").catch(() => "") };
}
