/** Whether others than root, or than whoever runs this program, could put something else at a path on which root relies. */

import { directoryOf } from "../durable.ts";
import type { Disk, DiskStat } from "../ports/disk.ts";

const GROUP_WRITE = 0o020;
const OTHER_WRITE = 0o002;
/** Whoever may write to such a directory can neither rename nor remove what belongs to others in it, but add to it. */
const STICKY = 0o1000;

/**
 * The sentence against a directory above `path`, as it is written or as its links resolve; null if there is none. Whoever
 * owns such a directory can swap what is in it between two looks, whoever owns that.
 */
export async function whyUntrustedAbove(disk: Disk, path: string, uid: number): Promise<string | null> {
	const real = (await disk.realpath(path)) ?? path;
	const directories = new Set([...ancestors(path), ...ancestors(real)]);
	for (const directory of directories) {
		const stat = await disk.stat(directory);
		const why = stat === null ? null : whyUntrusted(stat, uid, STICKY);
		if (why !== null) return `${directory}: ${why}`;
	}
	return null;
}

/** The same for a file, as its links resolve, and the directories above it; null too if it is absent. */
export async function whyUntrustedFile(disk: Disk, path: string, uid: number): Promise<string | null> {
	const stat = await disk.stat(path);
	const why = stat === null ? null : whyUntrusted(stat, uid);
	return why === null ? whyUntrustedAbove(disk, path, uid) : `${path}: ${why}`;
}

/** The same for a directory itself, which may not be a link either; null too if it is absent. */
export async function whyUntrustedDirectory(disk: Disk, path: string, uid: number): Promise<string | null> {
	const stat = await disk.lstat(path);
	if (stat !== null && stat.kind !== "directory") return `${path}: expected a directory, got a ${stat.kind}`;
	const why = stat === null ? null : whyUntrusted(stat, uid);
	return why === null ? whyUntrustedAbove(disk, path, uid) : `${path}: ${why}`;
}

/** `closing` is the bit of the mode, if any, that makes up for others being able to write. */
function whyUntrusted({ uid: owner, gid, mode }: DiskStat, uid: number, closing = 0): string | null {
	if (owner !== 0 && owner !== uid) return `expected root as its owner, got user ${owner}`;
	if ((mode & closing) !== 0) return null;
	const isOpen = (mode & OTHER_WRITE) !== 0 || ((mode & GROUP_WRITE) !== 0 && gid !== 0);
	return isOpen ? `expected that only root can write to it, got mode 0${mode.toString(8)}` : null;
}

function ancestors(path: string): readonly string[] {
	const above = directoryOf(path);
	return above === "/" ? ["/"] : [...ancestors(above), above];
}
