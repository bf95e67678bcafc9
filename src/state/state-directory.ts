/** The directories that the state lies in: made private, and cleared of what a crash left half written. */

import { directoryOf } from "../durable.ts";
import { KeyturnError } from "../errors.ts";
import type { Disk, DiskStat } from "../ports/disk.ts";

/** Of `durableReplace` and `durableCreate`: hidden, beside its file. */
const LEFTOVER = /^\..+\.keyturn-new$/;
/** A wish is written without the lock: a young temporary file may be one on its way. */
const WISH_MAY_TAKE_MS = 3_600_000;

/** Others than its owner may be able to read it, if an administrator wants that, but never to put something there. */
const OTHERS_MAY_WRITE = 0o022;

/** The state directory itself, which may be a link to another disk. */
export async function ensureStateDirectory(disk: Disk, path: string): Promise<void> {
	await ensure(disk, path, (await disk.stat(path)) ?? (await disk.lstat(path)));
}

/** One below it, which may not. */
export async function ensureDirectory(disk: Disk, path: string): Promise<void> {
	await ensure(disk, path, await disk.lstat(path));
}

async function ensure(disk: Disk, path: string, found: DiskStat | null): Promise<void> {
	if (found === null) {
		if ((await disk.makeDirectory(path, 0o700)) === "made") await disk.syncDirectory(directoryOf(path));
		return;
	}
	if (found.kind !== "directory") throw unsafe(path, `a directory, got a ${found.kind}`, "move it away");
	if ((found.mode & OTHERS_MAY_WRITE) === 0) return;
	const expected = `a directory that only its owner may write to, got mode 0${found.mode.toString(8)}`;
	throw unsafe(path, expected, `look what others have put there, then chmod go-w ${path}`);
}

function unsafe(path: string, expected: string, hint: string): KeyturnError {
	return new KeyturnError("config.unsafe", `${path}: expected ${expected}`, { hint });
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
