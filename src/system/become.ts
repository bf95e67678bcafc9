/**
 * How a program gets to run as another user. Node's own uid and gid options are not enough: libuv takes all supplementary
 * groups away (the signer's user would lose those it reaches its sockets by), and where only the effective user was
 * dropped they leave the real one root, so that any child could be root again. setpriv of util-linux changes all of it.
 */

import { KeyturnError } from "../errors.ts";
import type { Owner } from "../ports/disk.ts";
import type { ProgramRequest, ProgramResult } from "../ports/programs.ts";
import { inTransientUnit } from "./transient-unit.ts";

export interface Become {
	/** The command line by which a program gets to run so. */
	readonly commandFor: (request: ProgramRequest) => readonly [string, ...string[]];
	/** Take root back first: the effective user was dropped, the real one is still root. */
	readonly asRoot: boolean;
}

type RunOnce = (become: Become, request: ProgramRequest, signal: AbortSignal) => Promise<ProgramResult>;

const SETPRIV = "/usr/bin/setpriv";
const OURSELVES: Become = { commandFor: ({ argv }) => argv, asRoot: false };
const NEVER = new AbortController().signal;

/** Tries each way once per user with /bin/true, since a sandbox (seccomp, lost capabilities) shows only when tried. */
export function createBecome(runOnce: RunOnce): (request: ProgramRequest) => Promise<Become> {
	const ways = new Map<string, Promise<Become>>();
	return async (request) => {
		const target = request.owner ?? { uid: effective().uid, gid: effective().gid };
		if (!needsChange(target)) return OURSELVES;
		const key = `${target.uid}:${target.gid}`;
		const way = ways.get(key) ?? findWay(target, runOnce);
		ways.set(key, way);
		try {
			return await way;
		} catch (error) {
			// systemd may be too busy just now.
			ways.delete(key);
			throw error;
		}
	};
}

function needsChange(target: Owner): boolean {
	const real = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
	if (target.uid === effective().uid && real.uid === effective().uid && target.gid === effective().gid)
		return false;
	return real.uid === 0 || effective().uid === 0;
}

function effective(): Owner {
	return { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
}

async function findWay(target: Owner, runOnce: RunOnce): Promise<Become> {
	const dropped = effective().uid !== 0;
	for (const commandFor of candidates(target)) {
		const become = { commandFor, asRoot: dropped };
		if (await works(become, runOnce)) return become;
	}
	if (!dropped && target.uid === 0) return OURSELVES;
	throw cannotBecome(target);
}

function candidates(target: Owner): readonly Become["commandFor"][] {
	const ids = [`--reuid=${target.uid}`, `--regid=${target.gid}`];
	return [
		({ argv }) => [SETPRIV, ...ids, "--init-groups", "--", ...argv],
		({ argv }) => [SETPRIV, ...ids, "--clear-groups", "--", ...argv],
		(request) => asUnit(target, request),
	];
}

/** A killed systemd-run leaves its unit running and passes no environment on: both have to be said to the unit. */
function asUnit(owner: Owner, { argv, env = {}, timeoutMs }: ProgramRequest): readonly [string, ...string[]] {
	const description = "a program that keyturn runs";
	return inTransientUnit({ description, owner, env, limitMs: timeoutMs }, argv);
}

async function works(become: Become, runOnce: RunOnce): Promise<boolean> {
	try {
		const result = await runOnce(become, { argv: ["/bin/true"], timeoutMs: 20_000 }, NEVER);
		return result.status === 0;
	} catch {
		return false;
	}
}

/**
 * Root's own rights are for none of them, nor the hidden ones of a process that was dropped: they read tables that the signer's
 * user may have written, and Exim runs what stands in its own.
 */
function cannotBecome(target: Owner): KeyturnError {
	return new KeyturnError(
		"program.failed",
		`no program can be run as user ${target.uid}: expected ${SETPRIV} or systemd-run to do it, neither did`,
		{
			hint: "install util-linux, and dbus where systemd runs; a container of root's needs CAP_SETUID and CAP_SETGID",
			retry: true,
		},
	);
}
