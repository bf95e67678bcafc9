/** The door's papers as JSON files: written durably, read whole. */

import { directoryOf, durableReplace, FILE_LIMIT_BYTES, temporaryPath } from "../durable.ts";
import { KeyturnError } from "../errors.ts";
import type { Disk } from "../ports/disk.ts";

export interface Document {
	readonly schema: 1;
}

/** Null if there is none; fails with `state.corrupt` or `state.newer`. Only root writes there, so that the form is believed. */
export async function readDocument<Kind extends Document>(disk: Disk, path: string): Promise<Kind | null> {
	const bytes = await disk.read(path, FILE_LIMIT_BYTES);
	if (bytes === null) return null;
	const document = parse(bytes, path);
	if (document?.schema === 1) return document as Kind;
	throw new KeyturnError("state.newer", `${path}: expected schema 1, got ${String(document?.schema)}`, {
		hint: "a newer keyturn wrote it: run that one",
	});
}

export async function writeDocument(disk: Disk, path: string, document: Document): Promise<void> {
	await durableReplace(disk, path, new TextEncoder().encode(`${JSON.stringify(document, null, "\t")}\n`));
}

/** With what a crash left of a next version. Absent is success; durable when it resolves. */
export async function removeDocument(disk: Disk, path: string): Promise<void> {
	await disk.unlink(temporaryPath(path));
	await disk.unlink(path);
	await disk.syncDirectory(directoryOf(path));
}

function parse(bytes: Uint8Array, path: string): { readonly schema?: unknown } | null {
	try {
		return JSON.parse(new TextDecoder().decode(bytes)) as { readonly schema?: unknown } | null;
	} catch (error) {
		throw new KeyturnError("state.corrupt", `${path}: expected JSON, got something else`, {
			hint: "somebody edited it, or the disk is failing: see docs/recovery.md",
			cause: error,
		});
	}
}
