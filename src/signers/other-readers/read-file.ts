/** Reads files that somebody else's configuration consists of. */

import { KeyturnError } from "../../errors.ts";
import type { Disk } from "../../ports/disk.ts";

const TEXT_LIMIT_BYTES = 1024 * 1024;
const TABLE_LIMIT_BYTES = 64 * 1024 * 1024;

/** Null if it is absent, or no file. Fails as the disk does. */
export async function readText(disk: Disk, path: string): Promise<string | null> {
	if ((await disk.stat(path))?.kind !== "file") return null;
	const bytes = await disk.read(path, TEXT_LIMIT_BYTES);
	return bytes === null ? null : Buffer.from(bytes).toString("latin1");
}

/** The paths of what is called so in a directory; none where that is absent. Fails as the disk does. */
export async function named(disk: Disk, directory: string, pattern: RegExp): Promise<readonly string[]> {
	const names = (await disk.list(directory)) ?? [];
	return names.filter((name) => pattern.test(name)).map((name) => `${directory}/${name}`);
}

/** A table that is named has to be there; fails with `signer.config` where it is not. */
export async function readTable(disk: Disk, path: string): Promise<Uint8Array> {
	const bytes = (await disk.stat(path))?.kind === "file" ? await disk.read(path, TABLE_LIMIT_BYTES) : null;
	if (bytes === null) throw new KeyturnError("signer.config", `${path}: expected a table, found none`);
	return bytes;
}
