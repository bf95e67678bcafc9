/** Private keys at their final paths: placed once, 0600 from the first byte, never written over. */

import { publicHalf } from "../dkim/key-material.ts";
import { directoryOf, FILE_LIMIT_BYTES, hashOf, RIGHTS, syncIfThere } from "../durable.ts";
import { KeyturnError } from "../errors.ts";
import type { Disk, Owner } from "../ports/disk.ts";

const PEM_BEGINS = ["-----BEGIN PRIVATE KEY-----\n", "-----BEGIN RSA PRIVATE KEY-----\n"];

const LINE_END = Buffer.from("\n");

export interface KeyFile {
	readonly path: string;
	/** PEM. */
	readonly key: string;
	/** Whether the ledger has named it before: then what stands there is ours. */
	readonly isOurs: boolean;
}

/** Whether this key may be placed; makes nothing. A crash of ours may have left it cut short. */
export async function mayPlace(disk: Disk, file: KeyFile): Promise<boolean> {
	const stat = await disk.lstat(file.path);
	if (stat === null) return true;
	if (!file.isOurs || stat.kind !== "file") return false;
	const found = (await disk.read(file.path, FILE_LIMIT_BYTES)) ?? new Uint8Array();
	return isCutShort(found, bytesOf(file)) || isEqual(found, bytesOf(file));
}

/** Places the key, or finishes what a crash cut short. The ledger has to name the file before. */
export async function placeKey(disk: Disk, file: KeyFile, owner: Owner): Promise<void> {
	await refuseLink(disk, file.path);
	await makeKeyDirectories(disk, directoryOf(file.path), owner);
	const stat = await disk.lstat(file.path);
	if (stat !== null) {
		if (!(await mayPlace(disk, file))) throw occupied(file.path);
		const found = (await disk.read(file.path, FILE_LIMIT_BYTES)) ?? new Uint8Array();
		if (isEqual(found, bytesOf(file))) return keepKey(disk, file.path, owner);
		await disk.unlink(file.path);
	}
	const made = await disk.create(file.path, 0o600);
	if (made === "exists") throw occupied(file.path);
	try {
		await refuseNewLink(disk, file.path);
		await made.chown(owner);
		await made.write(bytesOf(file));
		await made.sync();
	} finally {
		await made.close();
	}
	await disk.syncDirectory(directoryOf(file.path));
}

/** A key file as the ledger knows it. */
export interface PlacedFile {
	readonly path: string;
	/** `hashOfKey` of what was placed; empty where that is not known. */
	readonly hash: string;
	/** Whether its signer reads Ed25519 keys bare, as `bareKey` writes them: then no word tells what a crash left of one. */
	readonly mayBeBare: boolean;
}

/**
 * Removes a key file if it is the one placed, or what a crash left of it; whatever else stands there is not ours, though
 * the ledger, written before the file, names the path. Absent is success.
 */
export async function removeKey(
	disk: Disk,
	{ path, hash, mayBeBare }: PlacedFile,
): Promise<"gone" | "foreign"> {
	if ((await findLink(disk, path)) !== null) return "foreign";
	const stat = await disk.lstat(path);
	if (stat !== null) {
		if (stat.kind !== "file") return "foreign";
		const found = (await disk.read(path, FILE_LIMIT_BYTES)) ?? new Uint8Array();
		// All of it may stand there but for the end of its line.
		const isOurs = [found, Buffer.concat([found, LINE_END])].some((bytes) => hashOf(bytes) === hash);
		if (!isOurs && !isRemnant(found) && !(mayBeBare && isBareRemnant(found))) return "foreign";
		await disk.unlink(path);
	}
	await syncIfThere(disk, directoryOf(path));
	return "gone";
}

export function hashOfKey(key: string): string {
	return hashOf(bytesOf({ key }));
}

/** Null if it is absent. */
export async function readKey(disk: Disk, path: string): Promise<string | null> {
	const bytes = await disk.read(path, FILE_LIMIT_BYTES);
	return bytes === null ? null : new TextDecoder().decode(bytes);
}

/** The same key was placed before; its owner or its durability may have been lost in a crash. */
async function keepKey(disk: Disk, path: string, owner: Owner): Promise<void> {
	const file = await disk.append(path, 0o600);
	await file.chown(owner);
	await file.chmod(0o600);
	await file.sync();
	await file.close();
	await disk.syncDirectory(directoryOf(path));
}

async function makeKeyDirectories(disk: Disk, path: string, owner: Owner): Promise<void> {
	const above = directoryOf(path);
	if ((await disk.stat(above)) === null || (await isLeftHalfMade(disk, above)))
		await makeKeyDirectories(disk, above, owner);
	const made = await disk.makeDirectory(path, 0o700);
	if (made === "made" || (await isLeftHalfMade(disk, path))) await disk.chown(path, owner);
	await disk.syncDirectory(path);
	await disk.syncDirectory(above);
}

/** Root's, closed and empty: a crash stood between making it and giving it to the signer. */
async function isLeftHalfMade(disk: Disk, path: string): Promise<boolean> {
	const stat = await disk.lstat(path);
	// One below a directory with the set-group bit has it too, until its mode is set.
	if (stat?.kind !== "directory" || stat.uid !== 0 || (stat.mode & RIGHTS) !== 0o700) return false;
	return (await disk.list(path))?.length === 0;
}

/** Whoever owns the directory may have swapped it while the file was made: that is empty and root's still, and goes. */
async function refuseNewLink(disk: Disk, path: string): Promise<void> {
	try {
		await refuseLink(disk, path);
	} catch (error) {
		if ((await disk.lstat(path))?.sizeBytes === 0) await disk.unlink(path);
		throw error;
	}
}

async function refuseLink(disk: Disk, path: string): Promise<void> {
	const link = await findLink(disk, path);
	if (link === null) return;
	throw new KeyturnError("signer.unsafe", `${link}: expected a directory, found a link`, {
		hint: "find out who put it there, and remove it; a link in place of the directory of all keys has to be root's",
	});
}

/** The signer's user may put links where it owns the directory above: no key goes through one. */
async function findLink(disk: Disk, path: string): Promise<string | null> {
	const own = directoryOf(path);
	const all = directoryOf(own);
	if ((await disk.lstat(own))?.kind === "symlink") return own;
	const stat = await disk.lstat(all);
	return stat?.kind === "symlink" && stat.uid !== 0 ? all : null;
}

/** A prefix, or the zeros that some file systems leave after a power loss. */
function isCutShort(found: Uint8Array, wanted: Uint8Array): boolean {
	if (found.length > wanted.length) return false;
	if (found.every((octet) => octet === 0)) return true;
	return found.length < wanted.length && isEqual(found, wanted.subarray(0, found.length));
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
	return one.length === other.length && one.every((octet, index) => octet === other[index]);
}

/** The beginning of a private key that is none yet. */
function isRemnant(found: Uint8Array): boolean {
	if (found.every((octet) => octet === 0)) return true;
	const text = new TextDecoder().decode(found);
	const begins = PEM_BEGINS.some((begin) => begin.startsWith(text) || text.startsWith(begin));
	return begins && publicHalf(text) === null;
}

/** The beginning of a seed of 32 bytes in base64, which is none yet. */
function isBareRemnant(found: Uint8Array): boolean {
	return /^[A-Za-z0-9+/]{1,43}$/.test(new TextDecoder().decode(found));
}

function bytesOf({ key }: Pick<KeyFile, "key">): Uint8Array {
	return new TextEncoder().encode(key.endsWith("\n") ? key : `${key}\n`);
}

function occupied(path: string): KeyturnError {
	return new KeyturnError("signer.unsafe", `${path}: expected no file, found one that keyturn did not make`, {
		hint: "move it away, or choose another selector",
	});
}
