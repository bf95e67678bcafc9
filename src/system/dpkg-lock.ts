/** Whether packages are being installed: no service is to be stopped in the middle of its own upgrade. */

import { KeyturnError } from "../errors.ts";
import type { Disk } from "../ports/disk.ts";

const DPKG_LOCKS = ["/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock"];
const LIMIT_BYTES = 4_194_304;

/** What shows it, in words; null if no packages are being installed. */
export async function packageWork(disk: Disk): Promise<string | null> {
	const held = await findHeldLock(disk, DPKG_LOCKS);
	return held === null ? null : `${held} is held`;
}

/** The first of `paths` that some process holds by fcntl(2), as dpkg and apt do; null if none is held. */
export async function findHeldLock(disk: Disk, paths: readonly string[]): Promise<string | null> {
	const bytes = await disk.read("/proc/locks", LIMIT_BYTES);
	const holders = parseLocks(bytes === null ? "" : new TextDecoder().decode(bytes));
	for (const path of paths) {
		const stat = await disk.stat(path);
		for (const { pid, inode } of holders) {
			if (stat?.inode === inode && (await hasOpen(disk, pid, path))) return path;
		}
	}
	return null;
}

/** proc(5): `1: POSIX  ADVISORY  WRITE 459 00:28:402117 0 EOF`; lines with `->` only wait. */
export function parseLocks(text: string): readonly { readonly pid: number; readonly inode: number }[] {
	const line = /^\d+: POSIX +\S+ +WRITE (\d+) [0-9a-f]+:[0-9a-f]+:(\d+) /;
	return text.split("\n").flatMap((each) => {
		const match = line.exec(each);
		return match === null ? [] : [{ pid: Number(match[1]), inode: Number(match[2]) }];
	});
}

/** The device in /proc/locks is not that of stat on overlays and btrfs, so the holder's open files decide. */
async function hasOpen(disk: Disk, pid: number, path: string): Promise<boolean> {
	const directory = `/proc/${pid}/fd`;
	try {
		for (const name of (await disk.list(directory)) ?? []) {
			if ((await disk.realpath(`${directory}/${name}`)) === path) return true;
		}
		return false;
	} catch (error) {
		// The door has too few capabilities to look into other processes of root: waiting is the safe guess.
		if (error instanceof KeyturnError && (error.errno === "EACCES" || error.errno === "EPERM")) return true;
		throw error;
	}
}
