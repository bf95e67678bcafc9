/**
 * A disk with the crash semantics of a real one: data is durable after the file's sync(), a name after syncDirectory()
 * of its directory, and what was not synced may each survive a power loss or not.
 */

import { KeyturnError } from "../../src/errors.ts";
import type { Disk, DiskFile, DiskStat, Owner } from "../../src/ports/disk.ts";
import type { SimProcess } from "./sim-process.ts";

export type DiskCall =
	| "create"
	| "append"
	| "read"
	| "rename"
	| "link"
	| "unlink"
	| "stat"
	| "lstat"
	| "list"
	| "makeDirectory"
	| "chown"
	| "realpath"
	| "syncDirectory"
	| "file.write"
	| "file.chown"
	| "file.chmod"
	| "file.sync"
	| "file.close";

export interface DiskViewOptions {
	readonly process: SimProcess;
	/** Who makes files; root by default. */
	readonly owner?: Owner;
	/** The errno that this call fails with, null to let it work. A failing write leaves half of its bytes. */
	readonly fault?: (call: DiskCall, path: string) => string | null;
	/** Told after each call that changed something. */
	readonly onChange?: (call: DiskCall, path: string) => void;
}

interface Attributes {
	mode: number;
	uid: number;
	gid: number;
	modifiedAt: number;
}

interface Inode extends Attributes {
	readonly number: number;
	readonly kind: "file" | "directory" | "symlink";
	content: Uint8Array;
	/** Of a directory. */
	readonly entries: Map<string, number>;
	links: number;
	/** What a power loss leaves for certain. */
	kept: Attributes & { content: Uint8Array };
	readonly keptEntries: Map<string, number>;
	keptLinks: number;
	/** A failed fsync: the kernel calls the pages clean, so that no later sync writes them. */
	lost: boolean;
}

interface NameEdit {
	readonly directory: number;
	readonly name: string;
	readonly inode: number | null;
}

const EMPTY = new Uint8Array(0);
/** Of all that is no directory; nothing is ever put into it. */
const NO_ENTRIES = new Map<string, number>();
const ROOT = 1;

export class SimDisk {
	readonly #inodes = new Map<number, Inode>();
	/** Changes of names that no syncDirectory covers yet, oldest first; the edits of one entry are atomic. */
	#unsynced: NameEdit[][] = [];
	#next = ROOT;
	readonly #mounts = new Set<string>();
	readonly #now: () => Date;

	constructor(now: () => Date) {
		this.#now = now;
		this.#make("directory", 0o755, { uid: 0, gid: 0 });
	}

	/** The disk as one process uses it. */
	open(options: DiskViewOptions): Disk {
		return createView(this, options);
	}

	/** What is there after the process died: everything. */
	crash(): SimDisk {
		const copy = new SimDisk(this.#now);
		copy.#inodes.clear();
		for (const [number, inode] of this.#inodes)
			copy.#inodes.set(number, {
				...inode,
				entries: inode.kind === "directory" ? new Map(inode.entries) : NO_ENTRIES,
				kept: { ...inode.kept },
				keptEntries: inode.kind === "directory" ? new Map(inode.keptEntries) : NO_ENTRIES,
			});
		copy.#unsynced = [...this.#unsynced];
		copy.#next = this.#next;
		for (const path of this.#mounts) copy.#mounts.add(path);
		return copy;
	}

	/** What is there after the power went: `choose(n)` gives a number from 0 to n - 1 and decides what survives of the rest. */
	powerLoss(choose: (count: number) => number): SimDisk {
		const copy = this.crash();
		const surviving = copy.#unsynced.filter(() => choose(2) === 1);
		copy.#unsynced = [];
		for (const edits of surviving) copy.#keep(edits);
		for (const inode of copy.#inodes.values()) copy.#loseUnsynced(inode, choose);
		copy.#recount();
		return copy;
	}

	/** Sets up a durable file, making the directories above it (0755 root). */
	put(path: string, content: Uint8Array | string, mode = 0o644, owner: Owner = { uid: 0, gid: 0 }): void {
		const inode = this.#make("file", mode, owner);
		inode.content = typeof content === "string" ? new TextEncoder().encode(content) : content;
		inode.kept.content = inode.content;
		this.#putName(path, inode);
	}

	putDirectory(path: string, mode = 0o755, owner: Owner = { uid: 0, gid: 0 }): void {
		if (this.find(path, true) === null) this.#putName(path, this.#make("directory", mode, owner));
	}

	putSymlink(path: string, target: string): void {
		const inode = this.#make("symlink", 0o777, { uid: 0, gid: 0 });
		inode.content = new TextEncoder().encode(target);
		inode.kept.content = inode.content;
		this.#putName(path, inode);
	}

	/** A second name of a durable file. */
	putLink(path: string, existing: string): void {
		const inode = this.find(existing, false);
		if (inode === null) throw failed("ENOENT", existing);
		this.#putName(path, inode);
	}

	/** A single file mounted over `path`: it cannot be renamed over or linked elsewhere. */
	putMount(path: string): void {
		this.#mounts.add(path);
	}

	isMount(path: string): boolean {
		return this.#mounts.has(path);
	}

	/** Removes a durable name, as an administrator would. */
	remove(path: string): void {
		const { directory, name } = this.parent(path);
		this.edit([{ directory: directory.number, name, inode: null }]);
		this.sync(directory);
	}

	text(path: string): string | null {
		const inode = this.find(path, true);
		return inode === null ? null : textOf(inode.content);
	}

	/** Every path with what stands there, for checks. */
	all(): readonly { readonly path: string; readonly stat: DiskStat }[] {
		const found: { path: string; stat: DiskStat }[] = [];
		const walk = (inode: Inode, path: string): void => {
			for (const [name, number] of [...inode.entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
				const child = this.#inode(number);
				found.push({ path: `${path}/${name}`, stat: this.describe(child, `${path}/${name}`) });
				walk(child, `${path}/${name}`);
			}
		};
		walk(this.#inode(ROOT), "");
		return found;
	}

	find(path: string, follow: boolean, depth = 0): Inode | null {
		if (depth > 16) throw failed("ELOOP", path);
		let inode = this.#inode(ROOT);
		const names = namesOf(path);
		for (let index = 0; index < names.length; index += 1) {
			if (inode.kind !== "directory") throw failed("ENOTDIR", path);
			const number = inode.entries.get(names[index] ?? "");
			if (number === undefined) return null;
			inode = this.#inode(number);
			if (inode.kind === "symlink" && (follow || index < names.length - 1))
				return this.find(followed(inode, names, index), follow, depth + 1);
		}
		return inode;
	}

	parent(path: string): { readonly directory: Inode; readonly name: string } {
		const slash = path.lastIndexOf("/");
		const directory = this.find(path.slice(0, slash), true);
		if (directory === null) throw failed("ENOENT", path);
		if (directory.kind !== "directory") throw failed("ENOTDIR", path);
		return { directory, name: path.slice(slash + 1) };
	}

	create(path: string, kind: "file" | "directory", mode: number, owner: Owner): Inode {
		const { directory, name } = this.parent(path);
		const inode = this.#make(kind, mode, owner);
		this.edit([{ directory: directory.number, name, inode: inode.number }]);
		return inode;
	}

	/** Changes names together, in the page cache. */
	edit(edits: NameEdit[]): void {
		for (const { directory, name, inode } of edits) {
			const { entries } = this.#inode(directory);
			const old = entries.get(name);
			if (inode === null) entries.delete(name);
			else {
				entries.set(name, inode);
				this.#inode(inode).links += 1;
			}
			if (old !== undefined) this.#inode(old).links -= 1;
		}
		this.#unsynced.push(edits);
	}

	/** fsync of a directory. */
	sync(directory: Inode): void {
		const isCovered = (edits: NameEdit[]) => edits.some((edit) => edit.directory === directory.number);
		const covered = this.#unsynced.filter(isCovered);
		this.#unsynced = this.#unsynced.filter((edits) => !isCovered(edits));
		for (const number of covered.flatMap((edits) => this.#keep(edits))) this.#forgetIfGone(number);
		keepAttributes(directory, directory.kept);
	}

	syncFile(inode: Inode): void {
		if (inode.lost) return;
		inode.kept.content = inode.content;
		keepAttributes(inode, inode.kept);
	}

	write(inode: Inode, bytes: Uint8Array): void {
		inode.content = joined(inode.content, bytes);
		inode.modifiedAt = this.#now().getTime();
	}

	realpath(path: string, depth = 0): string | null {
		if (depth > 16) throw failed("ELOOP", path);
		const names = namesOf(path);
		let inode = this.#inode(ROOT);
		for (let index = 0; index < names.length; index += 1) {
			if (inode.kind !== "directory") throw failed("ENOTDIR", path);
			const number = inode.entries.get(names[index] ?? "");
			if (number === undefined) return null;
			inode = this.#inode(number);
			if (inode.kind === "symlink") return this.realpath(followed(inode, names, index), depth + 1);
		}
		return `/${names.join("/")}`;
	}

	describe(inode: Inode, path: string): DiskStat {
		return {
			kind: inode.kind,
			mode: inode.mode,
			uid: inode.uid,
			gid: inode.gid,
			sizeBytes: inode.content.length,
			modifiedAt: new Date(inode.modifiedAt),
			device: this.#mounts.has(path) ? 2 : 1,
			inode: inode.number,
			links: inode.links,
		};
	}

	#make(kind: Inode["kind"], mode: number, owner: Owner): Inode {
		const { uid, gid } = owner;
		const modifiedAt = this.#now().getTime();
		const inode: Inode = {
			mode,
			uid,
			gid,
			modifiedAt,
			number: this.#next,
			kind,
			content: EMPTY,
			entries: kind === "directory" ? new Map() : NO_ENTRIES,
			links: 0,
			kept: { mode, uid, gid, modifiedAt, content: EMPTY },
			keptEntries: kind === "directory" ? new Map() : NO_ENTRIES,
			keptLinks: 0,
			lost: false,
		};
		this.#next += 1;
		this.#inodes.set(inode.number, inode);
		return inode;
	}

	#inode(number: number): Inode {
		const inode = this.#inodes.get(number);
		if (inode === undefined) throw new Error(`sim-disk: no inode ${number}`);
		return inode;
	}

	#putName(path: string, inode: Inode): void {
		const above = path.slice(0, path.lastIndexOf("/"));
		if (above !== "") this.putDirectory(above);
		const { directory, name } = this.parent(path);
		this.edit([{ directory: directory.number, name, inode: inode.number }]);
		this.sync(directory);
	}

	/** Makes name changes durable; gives the inodes that they touched. */
	#keep(edits: readonly NameEdit[]): number[] {
		const touched: number[] = [];
		for (const { directory, name, inode } of edits) {
			const { keptEntries } = this.#inode(directory);
			const old = keptEntries.get(name);
			if (inode === null) keptEntries.delete(name);
			else {
				keptEntries.set(name, inode);
				this.#inode(inode).keptLinks += 1;
				touched.push(inode);
			}
			if (old === undefined) continue;
			this.#inode(old).keptLinks -= 1;
			touched.push(old);
		}
		return touched;
	}

	#forgetIfGone(number: number): void {
		const inode = this.#inodes.get(number);
		if (inode === undefined || inode.links > 0 || inode.keptLinks > 0) return;
		if (this.#unsynced.some((edits) => edits.some((edit) => edit.inode === number))) return;
		this.#inodes.delete(number);
	}

	#loseUnsynced(inode: Inode, choose: (count: number) => number): void {
		if (inode.kind === "directory") inode.entries.clear();
		for (const [name, number] of inode.keptEntries) inode.entries.set(name, number);
		const { kept } = inode;
		if (kept.mode !== inode.mode && choose(2) === 0) inode.mode = kept.mode;
		if ((kept.uid !== inode.uid || kept.gid !== inode.gid) && choose(2) === 0) {
			inode.uid = kept.uid;
			inode.gid = kept.gid;
		}
		if (kept.content !== inode.content) {
			const length = kept.content.length + choose(inode.content.length - kept.content.length + 1);
			inode.content = inode.content.slice(0, length);
		}
		inode.kept = { ...inode.kept, content: inode.content };
		keepAttributes(inode, inode.kept);
		inode.lost = false;
	}

	/** Counts links anew and forgets what has no name any more. */
	#recount(): void {
		const counts = new Map<number, number>([[ROOT, 1]]);
		const walk = (inode: Inode): void => {
			for (const number of inode.entries.values()) {
				const seen = counts.get(number) ?? 0;
				counts.set(number, seen + 1);
				if (seen === 0) walk(this.#inode(number));
			}
		};
		walk(this.#inode(ROOT));
		for (const [number, inode] of this.#inodes) {
			const count = counts.get(number);
			if (count === undefined) this.#inodes.delete(number);
			else {
				inode.links = count;
				inode.keptLinks = count;
			}
		}
	}
}

const knownNames = new Map<string, readonly string[]>();
const KNOWN_LIMIT = 20_000;

/** The names that a path is made of; the same few paths are walked for ever. */
function namesOf(path: string): readonly string[] {
	const known = knownNames.get(path);
	if (known !== undefined) return known;
	const names = path.split("/").filter((name) => name !== "");
	if (knownNames.size >= KNOWN_LIMIT) knownNames.clear();
	knownNames.set(path, names);
	return names;
}

/** Where a path leads whose name at `index` is this symbolic link. */
function followed(link: Inode, names: readonly string[], index: number): string {
	const target = textOf(link.content);
	const rest = names.slice(index + 1).map((name) => `/${name}`);
	const above = names.slice(0, index).map((name) => `/${name}`);
	return [...(target.startsWith("/") ? [] : [...above, "/"]), target, ...rest].join("");
}

/** How much of each buffer is content. What comes behind it is free for the end of a file that grows. */
const used = new WeakMap<ArrayBufferLike, number>();

/** A file that grows line by line is not copied for each: whoever holds the content of before sees that and no more. */
function joined(content: Uint8Array, bytes: Uint8Array): Uint8Array {
	const { buffer, byteOffset } = content;
	const end = byteOffset + content.length;
	const length = content.length + bytes.length;
	if (used.get(buffer) === end && byteOffset + length <= buffer.byteLength) {
		const grown = new Uint8Array(buffer, byteOffset, length);
		grown.set(bytes, content.length);
		used.set(buffer, byteOffset + length);
		return grown;
	}
	const room = new Uint8Array(content.length === 0 ? length : 2 * length);
	room.set(content);
	room.set(bytes, content.length);
	used.set(room.buffer, length);
	return room.subarray(0, length);
}

/** Content is replaced, never changed: its text is made once. */
const texts = new WeakMap<Uint8Array, string>();

function textOf(content: Uint8Array): string {
	const known = texts.get(content);
	if (known !== undefined) return known;
	const text = new TextDecoder().decode(content);
	texts.set(content, text);
	return text;
}

function keepAttributes(inode: Attributes, kept: Attributes): void {
	kept.mode = inode.mode;
	kept.uid = inode.uid;
	kept.gid = inode.gid;
	kept.modifiedAt = inode.modifiedAt;
}

function createView(disk: SimDisk, { process, owner, fault, onChange }: DiskViewOptions): Disk {
	const maker = owner ?? { uid: 0, gid: 0 };

	/** After the process was let through. */
	function strike(call: DiskCall, path: string): void {
		const errno = fault?.(call, path) ?? null;
		if (errno !== null) throw failed(errno, `${call} ${path}`);
	}

	function existing(path: string, follow: boolean): Inode {
		const inode = disk.find(path, follow);
		if (inode === null) throw failed("ENOENT", path);
		return inode;
	}

	function fileOf(inode: Inode, path: string): DiskFile {
		let isOpen = true;
		async function enterFile(call: DiskCall): Promise<void> {
			if (!isOpen) throw failed("EBADF", path);
			await process.before(`disk.${call} ${path}`);
			strike(call, path);
		}
		return {
			async write(bytes) {
				if (!isOpen) throw failed("EBADF", path);
				await process.before(`disk.file.write ${path}`);
				const errno = fault?.("file.write", path) ?? null;
				disk.write(inode, errno === null ? bytes : bytes.slice(0, bytes.length >> 1));
				onChange?.("file.write", path);
				if (errno !== null) throw failed(errno, `write ${path}`);
			},
			async chown({ uid, gid }) {
				await enterFile("file.chown");
				inode.uid = uid;
				inode.gid = gid;
				onChange?.("file.chown", path);
			},
			async chmod(mode) {
				await enterFile("file.chmod");
				inode.mode = mode;
				onChange?.("file.chmod", path);
			},
			async sync() {
				await process.before(`disk.file.sync ${path}`);
				const errno = fault?.("file.sync", path) ?? null;
				if (errno === null) return disk.syncFile(inode);
				inode.lost = true;
				throw failed(errno, `fsync ${path}`);
			},
			async close() {
				if (!isOpen) return;
				isOpen = false;
				await process.before(`disk.file.close ${path}`);
			},
		};
	}

	return {
		async create(path, mode) {
			await process.before(`disk.create ${path}`);
			strike("create", path);
			if (disk.find(path, false) !== null) return "exists";
			const inode = disk.create(path, "file", mode, maker);
			onChange?.("create", path);
			return fileOf(inode, path);
		},
		async append(path, mode) {
			await process.before(`disk.append ${path}`);
			strike("append", path);
			const found = disk.find(path, false);
			if (found?.kind === "symlink") throw failed("ELOOP", path);
			if (found?.kind === "directory") throw failed("EISDIR", path);
			const inode = found ?? disk.create(path, "file", mode, maker);
			onChange?.("append", path);
			return fileOf(inode, path);
		},
		async read(path, limitBytes) {
			await process.before(`disk.read ${path}`);
			strike("read", path);
			const inode = disk.find(path, true);
			if (inode === null) return null;
			if (inode.kind === "directory") throw failed("EISDIR", path);
			if (inode.content.length > limitBytes) throw failed("EFBIG", path);
			return inode.content;
		},
		async readOwned(path, limitBytes, uid) {
			const bytes = await this.read(path, limitBytes);
			return bytes === null || disk.find(path, true)?.uid === uid ? bytes : "another's";
		},
		async rename(from, to) {
			await process.before(`disk.rename ${to}`);
			strike("rename", to);
			const inode = existing(from, false);
			const source = disk.parent(from);
			const target = disk.parent(to);
			if (disk.isMount(to)) throw failed("EBUSY", to);
			if (target.directory.entries.get(target.name) === inode.number) return;
			disk.edit([
				{ directory: target.directory.number, name: target.name, inode: inode.number },
				{ directory: source.directory.number, name: source.name, inode: null },
			]);
			onChange?.("rename", to);
		},
		async link(existingPath, path) {
			await process.before(`disk.link ${path}`);
			strike("link", path);
			const inode = existing(existingPath, false);
			if (disk.isMount(existingPath)) throw failed("EXDEV", path);
			if (disk.find(path, false) !== null) return "exists";
			const { directory, name } = disk.parent(path);
			disk.edit([{ directory: directory.number, name, inode: inode.number }]);
			onChange?.("link", path);
			return "linked";
		},
		async unlink(path) {
			await process.before(`disk.unlink ${path}`);
			strike("unlink", path);
			const above = disk.find(path.slice(0, path.lastIndexOf("/")), true);
			const inode = above === null ? null : disk.find(path, false);
			if (inode === null) return;
			if (inode.kind === "directory") throw failed("EISDIR", path);
			const { directory, name } = disk.parent(path);
			disk.edit([{ directory: directory.number, name, inode: null }]);
			onChange?.("unlink", path);
		},
		async stat(path) {
			await process.before(`disk.stat ${path}`);
			strike("stat", path);
			const inode = disk.find(path, true);
			return inode === null ? null : disk.describe(inode, path);
		},
		async lstat(path) {
			await process.before(`disk.lstat ${path}`);
			strike("lstat", path);
			const inode = disk.find(path, false);
			return inode === null ? null : disk.describe(inode, path);
		},
		async list(path) {
			await process.before(`disk.list ${path}`);
			strike("list", path);
			const inode = disk.find(path, true);
			if (inode === null) return null;
			if (inode.kind !== "directory") throw failed("ENOTDIR", path);
			return [...inode.entries.keys()].sort();
		},
		async makeDirectory(path, mode) {
			await process.before(`disk.makeDirectory ${path}`);
			strike("makeDirectory", path);
			if (disk.find(path, false) !== null) return "exists";
			disk.create(path, "directory", mode, maker);
			onChange?.("makeDirectory", path);
			return "made";
		},
		async chown(path, { uid, gid }) {
			await process.before(`disk.chown ${path}`);
			strike("chown", path);
			const inode = existing(path, false);
			inode.uid = uid;
			inode.gid = gid;
			onChange?.("chown", path);
		},
		async realpath(path) {
			await process.before(`disk.realpath ${path}`);
			strike("realpath", path);
			return disk.realpath(path);
		},
		async syncDirectory(path) {
			await process.before(`disk.syncDirectory ${path}`);
			strike("syncDirectory", path);
			const inode = existing(path, true);
			if (inode.kind !== "directory") throw failed("ENOTDIR", path);
			disk.sync(inode);
		},
	};
}

function failed(errno: string, what: string): KeyturnError {
	return new KeyturnError("disk.failed", `${what}: ${errno}`, { errno });
}
