/** The door's papers as JSON files: written durably, read whole. */

import { directoryOf, durableReplace, FILE_LIMIT_BYTES, temporaryPath } from "../durable.ts";
import { KeyturnError } from "../errors.ts";
import type { Disk } from "../ports/disk.ts";
import type { Shape } from "./shape.ts";

export interface Document {
	readonly schema: 1;
}

/** Null if there is none; fails with `state.corrupt` or `state.newer`. `shape` is that of Kind; what it lacks is passed over. */
export async function readDocument<Kind extends Document>(
	disk: Disk,
	path: string,
	shape: Shape,
): Promise<Kind | null> {
	const bytes = await disk.read(path, FILE_LIMIT_BYTES);
	if (bytes === null) return null;
	const document = parse(bytes, path);
	const schema = schemaOf(document);
	if (schema !== null && schema > 1)
		throw new KeyturnError("state.newer", `${path}: expected schema 1, got ${schema}`, {
			hint: "a newer keyturn wrote it: run that one",
		});
	if (schema === 1 && shape(document)) return document as Kind;
	throw damaged(path, "expected what keyturn writes there, got JSON of another form");
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

function parse(bytes: Uint8Array, path: string): unknown {
	try {
		return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
	} catch (error) {
		throw damaged(path, "expected JSON, got something else", error);
	}
}

function schemaOf(document: unknown): number | null {
	if (typeof document !== "object" || document === null || !("schema" in document)) return null;
	return typeof document.schema === "number" ? document.schema : null;
}

function damaged(path: string, what: string, cause?: unknown): KeyturnError {
	return new KeyturnError("state.corrupt", `${path}: ${what}`, {
		hint: `somebody edited it, or the disk is failing: start what should run, the signer first (a switch may have stopped it), move ${path} away, and run keyturn recover`,
		cause,
	});
}
