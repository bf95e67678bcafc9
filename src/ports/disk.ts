/** The file system as single system calls, so that a simulated power loss can stand between any two of them. */

export interface DiskStat {
	readonly kind: "file" | "directory" | "symlink" | "other";
	/** The permission bits, `mode & 0o7777`. */
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
	readonly sizeBytes: number;
	readonly modifiedAt: Date;
	readonly device: number;
	readonly inode: number;
	readonly links: number;
}

export interface Owner {
	readonly uid: number;
	readonly gid: number;
}

/** A file being written. Every member fails with `disk.failed` and the errno. */
export interface DiskFile {
	/** Appends all bytes or throws; after a throw any prefix may be there. */
	write(bytes: Uint8Array): Promise<void>;
	chown(owner: Owner): Promise<void>;
	chmod(mode: number): Promise<void>;
	/** fsync: what was written survives power loss once this resolves. After a failure the content is lost, never retry. */
	sync(): Promise<void>;
	/** Can be repeated. */
	close(): Promise<void>;
}

/** Every member fails with `disk.failed` and the errno, except for the outcomes that it names. */
export interface Disk {
	/** O_CREAT|O_EXCL|O_NOFOLLOW|O_WRONLY with exactly `mode`; "exists" if anything stands at `path`, a dangling link too. */
	create(path: string, mode: number): Promise<DiskFile | "exists">;
	/** O_APPEND|O_CREAT|O_NOFOLLOW; `mode` only if the file is new. */
	append(path: string, mode: number): Promise<DiskFile>;
	/** The whole content, following links; null if absent; a file longer than `limitBytes` is an error. */
	read(path: string, limitBytes: number): Promise<Uint8Array | null>;
	/**
	 * The same, of a file that belongs to this user at the moment it is read; "another's" of any other. Whoever owns the file, or
	 * a directory above it, may put a link there to what only root can read.
	 */
	readOwned(path: string, limitBytes: number, uid: number): Promise<Uint8Array | "another's" | null>;
	/** Atomic; replaces what stands at `to`. Durable only after `syncDirectory`. */
	rename(from: string, to: string): Promise<void>;
	/** A second hard link to `existing`. */
	link(existing: string, path: string): Promise<"linked" | "exists">;
	/** Absent is success. */
	unlink(path: string): Promise<void>;
	/** Following links; null if absent. */
	stat(path: string): Promise<DiskStat | null>;
	/** Not following a link; null if absent. */
	lstat(path: string): Promise<DiskStat | null>;
	/** The names in a directory, sorted; null if it is absent. */
	list(path: string): Promise<readonly string[] | null>;
	/** Makes one directory with exactly `mode`. */
	makeDirectory(path: string, mode: number): Promise<"made" | "exists">;
	/** Of a path itself, not following a link. */
	chown(path: string, owner: Owner): Promise<void>;
	/** The path with every link resolved; null if absent. */
	realpath(path: string): Promise<string | null>;
	/** fsync of a directory: its renames, links and removals survive power loss once this resolves. */
	syncDirectory(path: string): Promise<void>;
}
