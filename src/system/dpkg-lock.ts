/** Whether packages are being installed: no service is to be stopped in the middle of its own upgrade. */

import { KeyturnError } from "../errors.ts";
import type { Disk, DiskStat } from "../ports/disk.ts";

/** Of apt and dpkg; of rpm, for as long as a transaction of dnf's, zypper's or its own goes on (rpmtsRun). */
const LOCKS = ["/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/rpm/.rpm.lock"];
const LIMIT_BYTES = 4_194_304;

/** What shows it, in words; null if no packages are being installed. */
export async function packageWork(disk: Disk): Promise<string | null> {
	const held = await findHeldLock(disk, LOCKS);
	return held === null ? null : `${held} is held`;
}

/** The first of `paths` that some process holds by fcntl(2), as dpkg, apt and rpm do; null if none is held. */
export async function findHeldLock(disk: Disk, paths: readonly string[]): Promise<string | null> {
	const locks = parseLocks(await readLocks(disk));
	for (const path of paths) {
		const stat = await disk.stat(path);
		if (stat === null) continue;
		for (const lock of locks) if (await isOf(disk, lock, path, stat)) return path;
	}
	return null;
}

/** Anybody can hold as many as he likes, one for each byte of a file: what is too long to be read must hold no switch up. */
async function readLocks(disk: Disk): Promise<string> {
	try {
		return new TextDecoder().decode((await disk.read("/proc/locks", LIMIT_BYTES)) ?? new Uint8Array());
	} catch (error) {
		if (error instanceof KeyturnError && error.errno === "EFBIG") return "";
		throw error;
	}
}

export interface HeldLock {
	readonly pid: number;
	/** As stat(2) has it. */
	readonly device: number;
	readonly inode: number;
}

/** proc(5): `1: POSIX  ADVISORY  WRITE 459 00:28:402117 0 EOF`; lines with `->` only wait. */
export function parseLocks(text: string): readonly HeldLock[] {
	const line = /^\d+: POSIX +\S+ +WRITE (\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) /;
	return text.split("\n").flatMap((each) => {
		const match = line.exec(each);
		if (match === null) return [];
		const [, pid, major = "", minor = "", inode] = match;
		const device = deviceOf(Number.parseInt(major, 16), Number.parseInt(minor, 16));
		return [{ pid: Number(pid), device, inode: Number(inode) }];
	});
}

/**
 * Whether the lock is one of this file: a file of anybody's, on another file system, may have the same inode, and would hold
 * every switch up. The device in /proc/locks is not that of stat on overlays and btrfs, which have no number of their own for
 * the kind of device; there the holder decides, by who it is and by its open files.
 */
async function isOf(disk: Disk, lock: HeldLock, path: string, stat: DiskStat): Promise<boolean> {
	if (lock.inode !== stat.inode) return false;
	if (majorOf(stat.device) !== 0) return lock.device === stat.device;
	const user = await userOf(disk, lock.pid);
	if (user === null) return areHidden(disk);
	return (user === 0 || user === stat.uid) && hasOpen(disk, lock.pid, path);
}

/** Who started it, by its own word for it: the directory of a process that lets nobody look into it is root's (proc(5)). */
async function userOf(disk: Disk, pid: number): Promise<number | null> {
	const bytes = await disk.read(`/proc/${pid}/status`, LIMIT_BYTES).catch(() => null);
	const found = /^Uid:\s+(\d+)/m.exec(bytes === null ? "" : new TextDecoder().decode(bytes))?.[1];
	return found === undefined ? null : Number(found);
}

/** With `hidepid=2` on /proc nobody else's process is there (proc(5)), as if it had ended: waiting is the safe guess. */
async function areHidden(disk: Disk): Promise<boolean> {
	return (await disk.stat("/proc/1")) === null;
}

/** As makedev(3) puts them together. */
function deviceOf(major: number, minor: number): number {
	return major * 2 ** 8 + (minor % 2 ** 8) + Math.floor(minor / 2 ** 8) * 2 ** 20;
}

function majorOf(device: number): number {
	return Math.floor(device / 2 ** 8) % 2 ** 12;
}

async function hasOpen(disk: Disk, pid: number, path: string): Promise<boolean> {
	const directory = `/proc/${pid}/fd`;
	try {
		// Below a link, such as a /var on another disk, the holder's is the real path.
		const real = await disk.realpath(path);
		for (const name of (await disk.list(directory)) ?? []) {
			if ((await disk.realpath(`${directory}/${name}`)) === real) return true;
		}
		return false;
	} catch (error) {
		// The door has too few capabilities to look into other processes of root: waiting is the safe guess.
		if (error instanceof KeyturnError && (error.errno === "EACCES" || error.errno === "EPERM")) return true;
		throw error;
	}
}
