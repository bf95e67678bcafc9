/** Transient units of systemd: how a program gets out of its walls, to another user, or to the credentials of a unit. */

import type { Disk, Owner } from "../ports/disk.ts";

export interface TransientUnit {
	/** Read by an administrator in `systemctl status`. */
	readonly description: string;
	/** Without its suffix; systemd makes one up if left out. */
	readonly name?: string;
	/** Root if left out. */
	readonly owner?: Owner;
	/** Everybody on the host can read it (`systemctl show`): no secret may be in it. */
	readonly env?: Readonly<Record<string, string>>;
	/** After which systemd ends it: killing the client would leave it running. In whole seconds, rounded up. */
	readonly limitMs?: number;
	/** Further properties, as systemd.exec(5) and its like write them. */
	readonly properties?: readonly string[];
}

/** Of a door outside its own unit: what it began is finished, not cut short, and no handler of dumps gets its memory, with keys in it. */
export const DOOR_PROPERTIES = ["KillMode=mixed", "TimeoutStopSec=180", "UMask=0077", "LimitCORE=0"];

/** Whether systemd is what started this host (sd_booted(3)). */
export async function isBooted(disk: Pick<Disk, "stat">): Promise<boolean> {
	return (await disk.stat("/run/systemd/system")) !== null;
}

/** Whether services and other users are reached through systemd here. */
export async function isSystemd(disk: Pick<Disk, "stat">): Promise<boolean> {
	return process.getuid?.() === 0 && (await isBooted(disk));
}

export function limitSeconds(limitMs: number): number {
	return Math.ceil(limitMs / 1000);
}

/**
 * The command line that runs `argv` as such a unit, with the caller's own input and outputs, and ends when it ends, with its
 * exit status (0 where SIGHUP, SIGINT or SIGTERM killed it). Killing that command leaves the unit running.
 */
export function inTransientUnit(
	{ description, name, owner, env = {}, limitMs, properties = [] }: TransientUnit,
	argv: readonly string[],
): readonly [string, ...string[]] {
	return [
		"/usr/bin/systemd-run",
		"--wait",
		"--pipe",
		"--collect",
		"--quiet",
		...(name === undefined ? [] : [`--unit=${name}`]),
		`--description=${description}`,
		...(owner === undefined ? [] : [`--uid=${owner.uid}`, `--gid=${owner.gid}`]),
		...Object.entries(env).map(([key, value]) => `--setenv=${key}=${value}`),
		...(limitMs === undefined ? [] : ["-p", `RuntimeMaxSec=${limitSeconds(limitMs)}`]),
		...properties.flatMap((property) => ["-p", property]),
		"--",
		// A unit's command line is expanded once more (systemd.service(5), COMMAND LINES).
		...argv.map((word) => word.replaceAll("$", "$$$$")),
	];
}
