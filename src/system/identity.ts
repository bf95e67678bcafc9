/** Who and where this process is: the user it acts as, the host's name, the system's time zone. */

import { hostname, networkInterfaces } from "node:os";
import { KeyturnError } from "../errors.ts";
import type { Disk, Owner } from "../ports/disk.ts";

/**
 * As root, goes on as the owner of `directory`, so that nothing is left there that the daemon could not replace. Only the
 * effective user changes: the door, started as a child, has to be root again. Null if nothing had to be done; a directory
 * that is not there yet leaves root as it is.
 */
export async function dropToOwner(disk: Disk, directory: string): Promise<Owner | null> {
	if (process.geteuid?.() !== 0) return null;
	const stat = await disk.stat(directory);
	if (stat === null || stat.uid === 0) return null;
	const owner = { uid: stat.uid, gid: stat.gid };
	takeGroups(owner);
	process.setegid?.(owner.gid);
	process.seteuid?.(owner.uid);
	if (process.geteuid?.() === owner.uid && process.getegid?.() === owner.gid) return owner;
	throw new KeyturnError(
		"bug",
		`${directory}: expected to go on as its owner ${owner.uid}, still somebody else`,
	);
}

const HOSTS_LIMIT_BYTES = 1_048_576;

/**
 * In lower case. A system that is called by its short name alone mostly has the full one beside it in /etc/hosts (hosts(5)):
 * there is no asking of DNS here. The short one where nothing says more.
 */
export async function fullHostName(disk: Disk, own = hostname()): Promise<string> {
	const name = own.toLowerCase();
	if (name.includes(".")) return name;
	const bytes = await disk.read("/etc/hosts", HOSTS_LIMIT_BYTES).catch(() => null);
	const lines = bytes === null ? [] : new TextDecoder().decode(bytes).toLowerCase().split("\n");
	const names = lines.map((line) => line.replace(/#.*/, "").trim().split(/\s+/).slice(1));
	return names.flat().find((one) => one.startsWith(`${name}.`)) ?? name;
}

/** The addresses by which the world may know this host; none where it stands behind another. */
export function publicAddresses(): readonly string[] {
	const found = Object.values(networkInterfaces()).flatMap((interfaces) => interfaces ?? []);
	return [
		...new Set(
			found.filter(({ internal, address }) => !internal && isPublic(address)).map(({ address }) => address),
		),
	];
}

/** RFC 6890: private, shared, link-local, loopback, documentation and unique local addresses are nobody's in the world. */
function isPublic(address: string): boolean {
	if (address.includes(":")) return /^[23]/.test(address) && !/^2001:db8:/i.test(address);
	return !/^(?:0|10|127|192\.168|169\.254|172\.(?:1[6-9]|2\d|3[01])|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])|192\.0\.[02]|198\.51\.100|203\.0\.113|198\.1[89])\./.test(
		address,
	);
}

/**
 * TZ, then what /etc/localtime points to, then Debian's /etc/timezone, then UTC. What cannot be read says nothing: Docker makes
 * /etc/timezone a directory where a container mounts it and it is not there.
 */
export async function systemTimezone(disk: Disk): Promise<string> {
	const localtime = await disk.realpath("/etc/localtime").catch(() => null);
	const linked = /\/zoneinfo\/(?:posix\/|right\/)?(.+)$/.exec(localtime ?? "")?.[1];
	const bytes = await disk.read("/etc/timezone", 1_024).catch(() => null);
	const named = bytes === null ? undefined : new TextDecoder().decode(bytes).trim();
	const candidates = [process.env["TZ"]?.replace(/^:/, ""), linked, named];
	return candidates.find((zone) => zone !== undefined && isTimezone(zone)) ?? "UTC";
}

function isTimezone(zone: string): boolean {
	try {
		return new Intl.DateTimeFormat("en-US", { timeZone: zone }).format(0) !== "";
	} catch {
		return false;
	}
}

/** Of POSIX; missing in the types. */
type WithInitgroups = NodeJS.Process & { initgroups(user: number, extraGroup: number): void };

/** A user that no passwd knows (a container's) has its own group only. */
function takeGroups(owner: Owner): void {
	try {
		(process as WithInitgroups).initgroups(owner.uid, owner.gid);
	} catch {
		process.setgroups?.([owner.gid]);
	}
}
