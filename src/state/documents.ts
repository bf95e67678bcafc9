/** Named documents, one file each, compare-and-set by the revision inside. */

import { directoryOf, durableReplace, FILE_LIMIT_BYTES } from "../durable.ts";
import { KeyturnError } from "../errors.ts";
import type { Disk } from "../ports/disk.ts";
import type { Stored } from "../ports/state-store.ts";
import { createReadings } from "./readings.ts";
import { checksumOf, corrupt, decodeJson, encodeJson, type JsonObject } from "./stored-json.ts";

export interface Documents {
	list(prefix: string): Promise<readonly string[]>;
	load(name: string): Promise<Stored | null>;
	save(name: string, state: object, revision: number): Promise<number>;
	/** Resolves to where it is kept. */
	setAside(name: string, now: Date): Promise<string>;
}

/** A name becomes a path: nothing hidden, nothing that climbs. */
const NAME = /^(?:[a-z0-9_-]+\/)?[a-z0-9_][a-z0-9._-]*$/;
const SUFFIX = ".json";

export function createDocuments(disk: Disk, directory: string): Documents {
	const pathOf = (name: string) => {
		if (!NAME.test(name)) throw new KeyturnError("bug", `document ${JSON.stringify(name)}: not a safe name`);
		return `${directory}/${name}${SUFFIX}`;
	};
	const loaded = createReadings(decode);
	const revisions = createReadings((path, bytes) => readRevision(path, decodeJson(path, bytes)));
	const load = async (name: string): Promise<Stored | null> => {
		const path = pathOf(name);
		const bytes = await disk.read(path, FILE_LIMIT_BYTES);
		return bytes === null ? null : loaded.read(path, bytes);
	};
	/** All that a save is compared by: its content replaces what is there, so that it is not proven once more. */
	const revisionOf = async (name: string): Promise<number> => {
		const path = pathOf(name);
		const bytes = await disk.read(path, FILE_LIMIT_BYTES);
		if (bytes === null) return 0;
		return loaded.known(path, bytes)?.revision ?? revisions.read(path, bytes);
	};
	return {
		load,
		async list(prefix) {
			const names = (await disk.list(`${directory}/${prefix}`.replace(/\/$/, ""))) ?? [];
			const documents = names.filter((name) => name.endsWith(SUFFIX) && !name.startsWith("."));
			return documents.map((name) => `${prefix}${name.slice(0, -SUFFIX.length)}`).sort();
		},
		async save(name, state, revision) {
			const found = await revisionOf(name);
			if (found !== revision) throw conflict(pathOf(name), revision, found);
			const document = { revision: revision + 1, ...withoutRevision(state) };
			const bytes = encodeJson({ checksum: checksumOf(document), ...document });
			await durableReplace(disk, pathOf(name), bytes);
			revisions.note(pathOf(name), bytes, revision + 1);
			return revision + 1;
		},
		async setAside(name, now) {
			const path = pathOf(name);
			const kept = `${path}.damaged-${now.toISOString().replaceAll(/[-:.]/g, "")}`;
			await disk.rename(path, kept);
			await disk.syncDirectory(directoryOf(path));
			return kept;
		},
	};
}

function decode(path: string, bytes: Uint8Array): Stored {
	const { checksum, ...document } = decodeJson(path, bytes);
	// Whoever mends a file by hand takes the line out.
	if (checksum !== undefined && checksum !== checksumOf(document))
		throw corrupt(path, "expected the content that `checksum` was made of");
	const { revision: _, ...state } = document;
	return { state, revision: readRevision(path, document) };
}

function readRevision(path: string, { revision }: JsonObject): number {
	if (typeof revision !== "number" || !Number.isSafeInteger(revision) || revision < 1)
		throw corrupt(path, "expected `revision` to be a whole number from 1");
	return revision;
}

function withoutRevision(state: object): object {
	const { revision: _, ...rest } = state as { readonly revision?: unknown };
	return rest;
}

function conflict(path: string, expected: number, found: number): KeyturnError {
	return new KeyturnError("state.conflict", `${path}: expected revision ${expected}, got ${found}`, {
		retry: true,
	});
}
