/**
 * A system call of a turn, named so that the next turn finds it again: by the process that makes it, the call, the file that
 * it is made on, and how many of that sort came before it in its thread. A call without a file (a socket, a pipe, a process)
 * is the n-th of its name.
 */

export interface Call {
	/** "agent", or "door 3": the doors of a turn are counted as they are started. */
	readonly process: string;
	readonly name: string;
	/** Absolute; null for a call that is made on no file. */
	readonly path: string | null;
	/** From 1. */
	readonly ordinal: number;
	/** It makes something, or tells somebody; others only look. */
	readonly changes: boolean;
	/** As strace shows it, up to its data. */
	readonly shown: string;
}

/** What makes something of files, sockets and processes, or tells somebody. */
const CHANGING = `
	write pwrite64 fsync fdatasync ftruncate rename renameat renameat2 link linkat symlink unlink unlinkat mkdir mkdirat rmdir
	chmod fchmod fchmodat chown fchown lchown fchownat utimensat
	bind connect sendto sendmsg sendmmsg shutdown
	clone vfork fork execve kill`
	.trim()
	.split(/\s+/);
/** What looks at them. Left out is what a process does with itself: memory, threads, polling, flags. */
const LOOKING = `
	openat read pread64 close statx stat lstat fstat newfstatat access faccessat2 readlink readlinkat getdents64
	socket socketpair listen accept4 recvfrom recvmsg recvmmsg setsockopt getsockopt getsockname getpeername pipe2
	wait4 waitid setsid chdir exit_group`
	.trim()
	.split(/\s+/);
export const TRACED = [...CHANGING, ...LOOKING].join(",");
const CHANGES = new Set(CHANGING);
/** Between the threads of one process. */
const WITHIN = /^\d+<anon_inode:/;
/** Node's own: its modules, and what it asks of the machine when it starts. */
const LOADING = new RegExp(
	[
		"^/proc/(?:self|\\d+)/(?:maps|exe)$",
		"^/proc/meminfo$",
		"/(?:dist|node_modules)(?:/|$)",
		"^/(?:sys|usr/lib|lib|etc/ssl)/",
		`^${process.execPath}$`,
		"^/dev/null",
	].join("|"),
);

interface Line {
	readonly thread: string;
	readonly name: string;
	readonly rest: string;
}

/** The calls of one process, from the first one below `root`, or on a socket or another process; in their order. */
export function callsOf(process: string, log: string, root: string): readonly Call[] {
	const counts = new Map<string, number>();
	const next = (...key: readonly string[]): number => {
		const joined = key.join(" ");
		counts.set(joined, (counts.get(joined) ?? 0) + 1);
		return counts.get(joined) ?? 0;
	};
	const children = childrenOf(log);
	/** Pipes from before: by them a process wakes itself. */
	const ownPipes = new Set<string>();
	const calls: Call[] = [];
	let hasBegun = false;
	for (const { thread, name, rest } of linesOf(log)) {
		const paths = pathsOf(rest);
		const ofName = next(thread, name);
		const ofPaths = paths.map((path) => next(thread, name, path));
		// strace finds a rename or a link by its first path.
		const path = paths[0] ?? null;
		hasBegun ||= name !== "execve" && (path === null ? BEGINNING.has(name) : path.startsWith(`${root}/`));
		const pipe = /^\d+<(pipe:\[\d+\])>/.exec(rest)?.[1];
		if (!hasBegun && pipe !== undefined) ownPipes.add(pipe);
		// A child between its fork and its program is counted anew in each: it cannot be told from its sisters.
		if (!hasBegun || children.has(thread) || WITHIN.test(rest) || (pipe !== undefined && ownPipes.has(pipe)))
			continue;
		if (path !== null && LOADING.test(path)) continue;
		const isOnFile = path !== null && !path.endsWith(" (deleted)");
		calls.push({
			process,
			name,
			path: isOnFile ? path : null,
			ordinal: isOnFile ? (ofPaths[0] ?? 0) : ofName,
			changes: CHANGES.has(name) || (name === "openat" && rest.includes("O_CREAT")),
			shown: `${name}(${rest}`.slice(0, 160),
		});
	}
	return unique(calls);
}

const BEGINNING = new Set(["socket", "connect", "clone", "vfork", "fork"]);

/** As KEYTURN_STRIKE names it, the same for each host. */
export function nameOf(call: Pick<Call, "process" | "name" | "path" | "ordinal">, root: string): string {
	const path = call.path === null ? "" : ` ${call.path === root ? "." : call.path.replace(`${root}/`, "")}`;
	return `${call.process}: ${call.name} ${call.ordinal}${path}`;
}

function unique(calls: readonly Call[]): readonly Call[] {
	const seen = new Set<string>();
	return calls.filter((call) => {
		const name = nameOf(call, "");
		if (seen.has(name)) return false;
		seen.add(name);
		return true;
	});
}

function linesOf(log: string): readonly Line[] {
	return log.split("\n").flatMap((text) => {
		const found = /^(\d+) +([a-z0-9_]+)\((.*)$/.exec(text);
		return found === null ? [] : [{ thread: found[1] ?? "", name: found[2] ?? "", rest: found[3] ?? "" }];
	});
}

/** Children that are about to become other programs: forked, not threads. */
function childrenOf(log: string): ReadonlySet<string> {
	return new Set(
		[...log.matchAll(/^\d+ +(?:<\.\.\. )?v?(?:clone|fork)\b.* = (\d+)$/gm)].map((match) => match[1] ?? ""),
	);
}

/** Of the file named or open: what strace shows in quotes, or behind the descriptor; sockets and pipes have none. */
function pathsOf(rest: string): readonly string[] {
	const args = rest.replace(/ = .*$/, "");
	const open = /^\d+<(\/[^>]*)>(\(deleted\))?/.exec(args);
	if (open !== null) return [`${open[1]}${open[2] === undefined ? "" : " (deleted)"}`];
	if (/^\d+</.test(args)) return [];
	// What a program is given beside its name is data.
	return [...args.replace(/, \[.*$/, "").matchAll(/"(\/[^"]*)"/g)].map((match) => match[1] ?? "");
}
