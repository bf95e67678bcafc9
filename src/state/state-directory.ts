/** The directories that the state lies in: made private, and cleared of what a crash left half written. */

import { directoryOf } from "../durable.ts";
import type { Disk } from "../ports/disk.ts";

/** Of `durableReplace` and `durableCreate`: hidden, beside its file. */
const LEFTOVER = /^\..+\.keyturn-new$/;
/** A wish is written without the lock: a young temporary file may be one on its way. */
const WISH_MAY_TAKE_MS = 3_600_000;

export async function ensureDirectory(disk: Disk, path: string): Promise<void> {
	if ((await disk.lstat(path)) !== null) return;
	if ((await disk.makeDirectory(path, 0o700)) === "made") await disk.syncDirectory(directoryOf(path));
}

/** Under the lock. Nothing needs to be durable: what comes back after a power loss is removed again. */
export async function removeLeftovers(disk: Disk, directory: string, now: Date): Promise<void> {
	for (const below of [directory, `${directory}/domains`]) {
		for (const path of await leftovers(disk, below)) await disk.unlink(path);
	}
	for (const path of await leftovers(disk, `${directory}/wishes`)) {
		const stat = await disk.lstat(path);
		if (stat !== null && now.getTime() - stat.modifiedAt.getTime() > WISH_MAY_TAKE_MS)
			await disk.unlink(path);
	}
}

async function leftovers(disk: Disk, directory: string): Promise<readonly string[]> {
	const names = (await disk.list(directory)) ?? [];
	return names.filter((name) => LEFTOVER.test(name)).map((name) => `${directory}/${name}`);
}
