/** The table files of a switch on disk: which version stands there, putting the new one in place and the old one back. */

import {
	besidePath,
	directoryOf,
	hashOfFile,
	replaceIfUnchanged,
	syncIfThere,
	temporaryPath,
	undoReplace,
} from "../durable.ts";
import type { Disk } from "../ports/disk.ts";
import type { RenderedFile } from "../ports/signer.ts";
import type { JournalFile, JournalSigner } from "./journal.ts";

export type Standing = "before" | "after" | "partial" | "mixed" | "conflict";

/** Which version stands, told by the hashes in the journal. "mixed": a crash between two renames; "conflict": not ours. */
export async function lookAtFiles(disk: Disk, entry: JournalSigner): Promise<Standing> {
	const hashes = await Promise.all(entry.files.map(({ path }) => hashOfFile(disk, path)));
	const isAll = (expected: (file: JournalFile, index: number) => string | undefined) =>
		entry.files.every((file, index) => hashes[index] === expected(file, index));
	if (isAll((file) => file.hashBefore)) return "before";
	if (entry.partial !== null && isAll((_file, index) => entry.partial?.hashes[index])) return "partial";
	if (isAll((file) => file.hashAfter)) return "after";
	const isOurs = entry.files.every((_file, index) => versions(entry, index).includes(hashes[index] ?? ""));
	return isOurs ? "mixed" : "conflict";
}

/** Renames the new files into place in their order, the last being the commit point. */
export async function putInPlace(
	disk: Disk,
	entry: JournalSigner,
	rendered: readonly RenderedFile[],
): Promise<"replaced" | "changed"> {
	for (const [index, file] of rendered.entries()) {
		const { hashBefore, path } = file;
		const keepBefore = entry.files[index]?.kept ?? keptPath(path);
		const outcome = await replaceIfUnchanged(disk, path, hashBefore, file.bytes, { keepBefore });
		if (outcome === "changed") {
			await takeBackBegun(disk, entry);
			return "changed";
		}
	}
	return "replaced";
}

/**
 * Others changed a table before ours came there: those that came before it go back. Half of a change would leave a domain
 * without its signing line, or a line that nothing names. Where all had come, and where that cannot be told, nothing is touched.
 */
async function takeBackBegun(disk: Disk, entry: JournalSigner): Promise<void> {
	const begun = entry.files.slice(0, entry.partial === null ? await countReplaced(disk, entry) : 0);
	for (const { path, hashAfter, kept } of begun.toReversed())
		await undoReplace(disk, path, [hashAfter], kept);
}

/** 0 if all were. A new file that still waits beside its table, or no link to the table before, says that this one was not. */
async function countReplaced(disk: Disk, { files }: JournalSigner): Promise<number> {
	for (const [index, { path, kept }] of files.entries())
		if ((await disk.lstat(temporaryPath(path))) !== null || (await disk.lstat(kept)) === null) return index;
	return 0;
}

/** From the whole change to the part of it that is kept, last file first, so that no line ever names what is gone. */
export async function putPartInPlace(
	disk: Disk,
	entry: JournalSigner,
	contents: ReadonlyMap<string, Uint8Array>,
): Promise<"replaced" | "changed"> {
	for (const { path, hashAfter } of entry.files.toReversed()) {
		const bytes = contents.get(path);
		if (bytes === undefined) continue;
		const outcome = await replaceIfUnchanged(disk, path, hashAfter, bytes, { keepBefore: null });
		if (outcome === "changed") return "changed";
	}
	return "replaced";
}

/** Puts the old files back, last file first; "conflict" when one of them is not as we left it: then none is touched. */
export async function putBack(disk: Disk, entry: JournalSigner): Promise<"before" | "conflict"> {
	if ((await lookAtFiles(disk, entry)) === "conflict") return "conflict";
	for (const [index, file] of [...entry.files.entries()].toReversed()) {
		if ((await hashOfFile(disk, file.path)) === file.hashBefore) continue;
		const after = versions(entry, index).filter((hash) => hash !== file.hashBefore);
		if ((await undoReplace(disk, file.path, after, file.kept)) !== "undone") return "conflict";
	}
	return "before";
}

/** After a crash: makes what the page cache shows durable, so that what is decided on it stays true, and ends a half rename. */
export async function repairFiles(disk: Disk, entry: JournalSigner): Promise<Exclude<Standing, "mixed">> {
	const standing = await lookAfterCrash(disk, entry);
	return standing === "mixed" ? putBack(disk, entry) : standing;
}

/** The same, but leaves a half rename to whoever sees to it that nothing runs with it. */
export async function lookAfterCrash(disk: Disk, entry: JournalSigner): Promise<Standing> {
	for (const directory of directories(entry)) await syncIfThere(disk, directory);
	const standing = await lookAtFiles(disk, entry);
	if (standing === "conflict") await takeBackBegun(disk, entry);
	return standing;
}

/** Removes what stands beside the tables once nothing can need it any more. */
export async function tidy(disk: Disk, entry: JournalSigner): Promise<void> {
	for (const { path, kept } of entry.files) {
		await disk.unlink(temporaryPath(path));
		await disk.unlink(kept);
	}
	for (const directory of directories(entry)) await syncIfThere(disk, directory);
}

/** Where the table before stays while a switch is under way. */
export function keptPath(path: string): string {
	return besidePath(path, "keyturn-before");
}

/** Where a rendered table lies for the offline signatures: beside the live one, readable as that is. */
export function stagedPath(path: string): string {
	return besidePath(path, "keyturn-staged");
}

function versions(entry: JournalSigner, index: number): readonly string[] {
	const file = entry.files[index];
	const part = entry.partial?.hashes[index];
	return [file?.hashBefore, file?.hashAfter, part].filter((hash) => hash !== undefined);
}

function directories(entry: JournalSigner): ReadonlySet<string> {
	return new Set(entry.files.map(({ path }) => directoryOf(path)));
}
