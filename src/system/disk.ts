/** The real file system behind the Disk port: one system call a member, every refusal told with path and errno. */

import { constants, type Stats } from "node:fs";
import {
	type FileHandle,
	lchown,
	link,
	lstat,
	mkdir,
	open,
	readdir,
	realpath,
	rename,
	stat,
	unlink,
} from "node:fs/promises";
import { KeyturnError } from "../errors.ts";
import type { Disk, DiskFile, DiskStat } from "../ports/disk.ts";

const { O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const READ_CHUNK_BYTES = 65_536;

export function createSystemDisk(): Disk {
	return {
		create: (path, mode) =>
			orOn(
				"EEXIST",
				"exists",
				attempt("create", path, () => createFile(path, mode)),
			),
		append: (path, mode) => attempt("open for appending", path, () => openToAppend(path, mode)),
		read: (path, limitBytes) =>
			orOn(
				"ENOENT",
				null,
				attempt("read", path, () => readWhole(path, limitBytes)),
			),
		readOwned: (path, limitBytes, uid) =>
			orOn(
				"ENOENT",
				null,
				attempt("read", path, () => readOwned(path, limitBytes, uid)),
			),
		rename: (from, to) => attempt(`rename ${from} to`, to, () => rename(from, to)),
		link: (existing, path) =>
			orOn(
				"EEXIST",
				"exists",
				attempt(`link ${existing} as`, path, async () => {
					await link(existing, path);
					return "linked" as const;
				}),
			),
		unlink: (path) =>
			orOn(
				"ENOENT",
				undefined,
				attempt("remove", path, () => unlink(path)),
			),
		stat: (path) =>
			orOn(
				"ENOENT",
				null,
				attempt("stat", path, async () => describe(await stat(path))),
			),
		lstat: (path) =>
			orOn(
				"ENOENT",
				null,
				attempt("lstat", path, async () => describe(await lstat(path))),
			),
		list: (path) =>
			orOn(
				"ENOENT",
				null,
				attempt("list", path, async () => (await readdir(path)).sort()),
			),
		makeDirectory: (path, mode) =>
			orOn(
				"EEXIST",
				"exists",
				attempt("make directory", path, () => makeDirectory(path, mode)),
			),
		chown: (path, owner) => attempt("change the owner of", path, () => lchown(path, owner.uid, owner.gid)),
		realpath: (path) =>
			orOn(
				"ENOENT",
				null,
				attempt("resolve", path, () => realpath(path)),
			),
		syncDirectory: (path) => attempt("sync directory", path, () => syncDirectory(path)),
	};
}

async function createFile(path: string, mode: number): Promise<DiskFile> {
	const handle = await open(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, mode);
	return setMode(handle, path, mode);
}

/** The umask may have taken bits away; it can never have added any. */
async function setMode(handle: FileHandle, path: string, mode: number): Promise<DiskFile> {
	try {
		await handle.chmod(mode);
		return describeFile(handle, path);
	} catch (error) {
		await handle.close();
		throw error;
	}
}

async function openToAppend(path: string, mode: number): Promise<DiskFile> {
	try {
		const handle = await open(path, O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, mode);
		return await setMode(handle, path, mode);
	} catch (error) {
		if (errnoOf(error) !== "EEXIST") throw error;
		return describeFile(
			await open(path, O_APPEND | O_CREAT | O_NOFOLLOW | O_WRONLY | O_NONBLOCK, mode),
			path,
		);
	}
}

async function readWhole(path: string, limitBytes: number): Promise<Uint8Array> {
	const handle = await open(path, O_RDONLY | O_NONBLOCK);
	try {
		return await readFrom(handle, path, limitBytes);
	} finally {
		await handle.close();
	}
}

/** Its owner is asked of the open file: a name may lead elsewhere a moment later. */
async function readOwned(path: string, limitBytes: number, uid: number): Promise<Uint8Array | "another's"> {
	const handle = await open(path, O_RDONLY | O_NONBLOCK);
	try {
		const stats = await handle.stat();
		return stats.isFile() && stats.uid === uid ? await readFrom(handle, path, limitBytes) : "another's";
	} finally {
		await handle.close();
	}
}

/** Until the end rather than by size: files in /proc say 0. */
async function readFrom(handle: FileHandle, path: string, limitBytes: number): Promise<Uint8Array> {
	const chunks: Uint8Array[] = [];
	let total = 0;
	for (;;) {
		const { bytesRead, buffer } = await handle.read(new Uint8Array(READ_CHUNK_BYTES));
		if (bytesRead === 0) return concat(chunks, total);
		chunks.push(buffer.subarray(0, bytesRead));
		total += bytesRead;
		if (total > limitBytes) throw tooLong(path, limitBytes);
	}
}

function concat(chunks: readonly Uint8Array[], total: number): Uint8Array {
	const whole = new Uint8Array(total);
	let offset = 0;
	for (const chunk of chunks) {
		whole.set(chunk, offset);
		offset += chunk.length;
	}
	return whole;
}

async function makeDirectory(path: string, mode: number): Promise<"made"> {
	await mkdir(path, mode);
	const handle = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	try {
		await handle.chmod(mode);
	} finally {
		await handle.close();
	}
	return "made";
}

async function syncDirectory(path: string): Promise<void> {
	const handle = await open(path, O_RDONLY | O_DIRECTORY);
	try {
		await handle.sync();
	} finally {
		await handle.close();
	}
}

function describeFile(handle: FileHandle, path: string): DiskFile {
	let closed: Promise<void> | null = null;
	return {
		write: (bytes) => attempt("write", path, () => writeAll(handle, bytes)),
		chown: (owner) => attempt("change the owner of", path, () => handle.chown(owner.uid, owner.gid)),
		chmod: (mode) => attempt("change the mode of", path, () => handle.chmod(mode)),
		sync: () => attempt("sync", path, () => handle.sync()),
		close: () => {
			closed ??= attempt("close", path, () => handle.close());
			return closed;
		},
	};
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
	let written = 0;
	while (written < bytes.length) {
		const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, null);
		written += bytesWritten;
	}
}

function describe(stats: Stats): DiskStat {
	return {
		kind: kindOf(stats),
		mode: stats.mode & 0o7777,
		uid: stats.uid,
		gid: stats.gid,
		sizeBytes: stats.size,
		modifiedAt: stats.mtime,
		device: stats.dev,
		inode: stats.ino,
		links: stats.nlink,
	};
}

function kindOf(stats: Stats): DiskStat["kind"] {
	if (stats.isFile()) return "file";
	if (stats.isDirectory()) return "directory";
	return stats.isSymbolicLink() ? "symlink" : "other";
}

/** What may be better next time without anybody acting on the files themselves. */
const PASSING = new Set(["EAGAIN", "EINTR", "EMFILE", "ENFILE", "ENOMEM", "ENOSPC", "EDQUOT", "EBUSY"]);

const HINTS: Readonly<Record<string, string>> = {
	EACCES: "give keyturn's user access to it, or run keyturn as the user that its unit names",
	EDQUOT: "raise the quota, or free space",
	EIO: "look into the kernel's log: the disk may be failing",
	ENOSPC: "free space or inodes on this file system",
	EPERM: "give keyturn's user access to it, or run keyturn as the user that its unit names",
	EROFS: "mount it writable; under systemd the unit's ReadWritePaths has to name it",
};

async function attempt<T>(act: string, path: string, call: () => Promise<T>): Promise<T> {
	try {
		return await call();
	} catch (error) {
		throw error instanceof KeyturnError ? error : diskError(act, path, error);
	}
}

/** What the system said no to, and what may help. */
export function diskError(act: string, path: string, error: unknown): KeyturnError {
	const errno = errnoOf(error) ?? "EUNKNOWN";
	const hint = HINTS[errno];
	return new KeyturnError("disk.failed", `cannot ${act} ${path}: ${errno}`, {
		errno,
		retry: PASSING.has(errno),
		cause: error,
		...(hint === undefined ? {} : { hint }),
	});
}

function tooLong(path: string, limitBytes: number): KeyturnError {
	return new KeyturnError(
		"disk.failed",
		`cannot read ${path}: expected at most ${limitBytes} bytes, got more`,
		{
			errno: "EFBIG",
		},
	);
}

function errnoOf(error: unknown): string | null {
	return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
}

async function orOn<T, U>(errno: string, outcome: U, call: Promise<T>): Promise<T | U> {
	try {
		return await call;
	} catch (error) {
		if (error instanceof KeyturnError && error.errno === errno) return outcome;
		throw error;
	}
}
