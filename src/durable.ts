/** Writes files so that a crash or power loss leaves the old or the new, whole: every write that matters goes through here. */

import { hash } from "node:crypto";
import { KeyturnError } from "./errors.ts";
import type { Disk, DiskFile, Owner } from "./ports/disk.ts";

export interface WriteOptions {
	/** 0600 by default. */
	readonly mode?: number;
	/** Whoever runs this program by default. */
	readonly owner?: Owner;
}

/**
 * What of a file's mode another in its place gets. Whoever owns the directory may put a link there to a program that runs as
 * root, in the instant in which its mode is read: what he has written must not become one.
 */
export const RIGHTS = 0o777;

/** No table, state or key that we handle is longer. */
export const FILE_LIMIT_BYTES = 64 * 1024 * 1024;

/** Replaces the file at `path`, or makes it. Once it resolves the new content survives power loss; if it fails, the old stands. */
export async function durableReplace(
	disk: Disk,
	path: string,
	bytes: Uint8Array,
	options: WriteOptions = {},
): Promise<void> {
	const temporary = temporaryPath(path);
	await writeTemporary(disk, temporary, bytes, options);
	await renameOrDiscard(disk, temporary, path);
	await disk.syncDirectory(directoryOf(path));
}

/** Makes the file at `path` unless something stands there; nobody ever sees it half written. */
export async function durableCreate(
	disk: Disk,
	path: string,
	bytes: Uint8Array,
	options: WriteOptions = {},
): Promise<"created" | "exists"> {
	const temporary = temporaryPath(path);
	await writeTemporary(disk, temporary, bytes, options);
	try {
		return (await disk.link(temporary, path)) === "linked" ? "created" : "exists";
	} finally {
		await disk.unlink(temporary);
		await disk.syncDirectory(directoryOf(path));
	}
}

/**
 * Replaces a file that others write too, keeping owner and mode, if its content is still that of `hashBefore`. With
 * `keepBefore` a hard link to the file before stands at that path. Between the last look and the rename there are
 * microseconds in which somebody else's change would be lost.
 */
export async function replaceIfUnchanged(
	disk: Disk,
	path: string,
	hashBefore: string,
	bytes: Uint8Array,
	{ keepBefore }: { readonly keepBefore: string | null },
): Promise<"replaced" | "changed"> {
	const stat = await disk.lstat(path);
	if (stat === null || stat.kind !== "file") return "changed";
	const temporary = temporaryPath(path);
	await writeTemporary(disk, temporary, bytes, {
		mode: stat.mode & RIGHTS,
		owner: { uid: stat.uid, gid: stat.gid },
	});
	try {
		if (keepBefore !== null) await linkAnew(disk, path, keepBefore);
		// The link has to be durable before the rename may be: without it there would be no way back.
		await disk.syncDirectory(directoryOf(path));
		if ((await hashOfFile(disk, path)) === hashBefore) {
			await disk.rename(temporary, path);
			await disk.syncDirectory(directoryOf(path));
			return "replaced";
		}
	} catch (error) {
		await discard(disk, temporary);
		throw error;
	}
	await disk.unlink(temporary);
	if (keepBefore !== null) await disk.unlink(keepBefore);
	await disk.syncDirectory(directoryOf(path));
	return "changed";
}

/** Puts the file before back, with its owner, mode and security context, if what stands there is what we left. */
export async function undoReplace(
	disk: Disk,
	path: string,
	hashesAfter: readonly string[],
	keptBefore: string,
): Promise<"undone" | "changed" | "lost"> {
	const isKept = (await disk.lstat(keptBefore)) !== null;
	// Last of all: an edit after this look is lost.
	const hash = await hashOfFile(disk, path);
	if (hash === null || !hashesAfter.includes(hash)) return "changed";
	if (!isKept) return "lost";
	await disk.rename(keptBefore, path);
	await disk.syncDirectory(directoryOf(path));
	return "undone";
}

/** After something was removed there: a directory that went with it, as by a package that was purged, has nothing to keep. */
export async function syncIfThere(disk: Disk, directory: string): Promise<void> {
	if ((await disk.lstat(directory)) !== null) await disk.syncDirectory(directory);
}

/** Hexadecimal SHA-256. */
export function hashOf(bytes: Uint8Array): string {
	return hash("sha256", bytes, "hex");
}

/** Null if the file is absent. */
export async function hashOfFile(disk: Disk, path: string): Promise<string | null> {
	const bytes = await disk.read(path, FILE_LIMIT_BYTES);
	return bytes === null ? null : hashOf(bytes);
}

/** Where a file is written before it is renamed to `path`: what a crash may leave behind. */
export function temporaryPath(path: string): string {
	return besidePath(path, "keyturn-new");
}

/** Whether a name in a directory is that of such a file. */
export function isTemporary(name: string): boolean {
	return name.startsWith(".") && name.endsWith(".keyturn-new");
}

/** A hidden name in the directory of `path`. */
export function besidePath(path: string, suffix: string): string {
	return `${directoryOf(path)}/.${path.slice(path.lastIndexOf("/") + 1)}.${suffix}`;
}

export function directoryOf(path: string): string {
	const slash = path.lastIndexOf("/");
	if (slash < 0) throw new KeyturnError("bug", `${path}: expected an absolute path`);
	return slash === 0 ? "/" : path.slice(0, slash);
}

async function writeTemporary(
	disk: Disk,
	temporary: string,
	bytes: Uint8Array,
	options: WriteOptions,
): Promise<void> {
	const file = await createAnew(disk, temporary);
	try {
		// Owner first: chown clears mode bits, and no byte is there before nobody else may read it.
		if (options.owner !== undefined && !(await isOwnedBy(disk, temporary, options.owner)))
			await file.chown(options.owner);
		if (options.mode !== undefined && options.mode !== 0o600) await file.chmod(options.mode);
		await file.write(bytes);
		await file.sync();
		await file.close();
	} catch (error) {
		await discard(disk, temporary, file);
		throw error;
	}
}

/** In a user namespace nothing can be given to a group that has no number there, not even what it owns already. */
async function isOwnedBy(disk: Disk, path: string, owner: Owner): Promise<boolean> {
	const stat = await disk.lstat(path);
	return stat !== null && stat.uid === owner.uid && stat.gid === owner.gid;
}

/** A crash may have left one behind. */
async function createAnew(disk: Disk, temporary: string): Promise<DiskFile> {
	for (let tries = 0; tries < 2; tries += 1) {
		const file = await disk.create(temporary, 0o600);
		if (file !== "exists") return file;
		await disk.unlink(temporary);
	}
	throw new KeyturnError("disk.failed", `${temporary}: somebody else makes this file`, { errno: "EEXIST" });
}

async function linkAnew(disk: Disk, existing: string, path: string): Promise<void> {
	if ((await disk.link(existing, path)) === "linked") return;
	await disk.unlink(path);
	if ((await disk.link(existing, path)) === "linked") return;
	throw new KeyturnError("disk.failed", `${path}: somebody else makes this file`, { errno: "EEXIST" });
}

async function renameOrDiscard(disk: Disk, temporary: string, path: string): Promise<void> {
	try {
		await disk.rename(temporary, path);
	} catch (error) {
		await discard(disk, temporary);
		throw error;
	}
}

/** The failure that led here is what the caller has to hear of, not that of tidying up. */
async function discard(disk: Disk, temporary: string, file: DiskFile | null = null): Promise<void> {
	try {
		await file?.close();
		await disk.unlink(temporary);
	} catch {
		// createAnew removes what is left.
	}
}
