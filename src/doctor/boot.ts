/** Looks at the installed units: whether a boot repairs what a power loss left half done, and where the door may write. */

import type { Disk } from "../ports/disk.ts";
import type { Settings } from "../settings/settings.ts";
import type { Facts } from "./facts.ts";

const UNIT = "keyturn-recover.service";
/** In the order in which systemd believes them. */
const INSTALLED: readonly string[] = [
	"/etc/systemd/system",
	"/usr/lib/systemd/system",
	"/lib/systemd/system",
];

/** There while systemd is what started this host (sd_booted(3)). */
const SYSTEMD_RUNS = "/run/systemd/system";

/** However services are stopped and started: a container starts with its tables as well, once its engine does. */
export async function findRecovery(disk: Pick<Disk, "lstat">): Promise<Facts["recovery"]> {
	const isThere = async (path: string): Promise<boolean> =>
		(await disk.lstat(path).catch(() => null)) !== null;
	if (!(await isThere(SYSTEMD_RUNS))) return "absent";
	const installed = await Promise.all(INSTALLED.map(async (directory) => isThere(`${directory}/${UNIT}`)));
	if (!installed.includes(true)) return "absent";
	return (await isThere(`/etc/systemd/system/multi-user.target.wants/${UNIT}`)) ? "enabled" : "off";
}

const DOOR = "keyturn-apply@.service";
/** Elsewhere the door is no unit of ours. */
const CONFIGURED = "/etc/keyturn/keyturn.yaml";
const LIMIT_BYTES = 64 * 1024;

/** ReadWritePaths= of the door's unit and its drop-ins (systemd.exec(5)). */
export async function findDoorWrites(
	{ path }: Settings,
	disk: Pick<Disk, "read" | "list">,
): Promise<Facts["doorWrites"]> {
	if (path !== CONFIGURED) return null;
	return (await linesOf(DOOR, disk))?.reduce(withPaths, [] as readonly string[]) ?? null;
}

/** ConditionDirectoryNotEmpty= of the unit that repairs at boot and its drop-ins (systemd.unit(5)): each has to hold. */
export async function findRecoveryConditions(
	{ path }: Settings,
	disk: Pick<Disk, "read" | "list">,
): Promise<Facts["recoveryConditions"]> {
	if (path !== CONFIGURED) return null;
	return (await linesOf(UNIT, disk))?.reduce(withCondition, [] as readonly string[]) ?? null;
}

/** Of a unit and its drop-ins, in the order in which they count; null where it is not installed. */
async function linesOf(unit: string, disk: Pick<Disk, "read" | "list">): Promise<readonly string[] | null> {
	for (const directory of INSTALLED) {
		const text = await read(disk, `${directory}/${unit}`);
		if (text === null) continue;
		const parts = [text, ...(await dropIns(unit, disk))];
		return parts.flatMap((part) => part.split("\n"));
	}
	return null;
}

async function dropIns(unit: string, disk: Pick<Disk, "read" | "list">): Promise<readonly string[]> {
	const texts: string[] = [];
	for (const directory of INSTALLED.toReversed()) {
		const names = (await disk.list(`${directory}/${unit}.d`).catch(() => null)) ?? [];
		for (const name of names.filter((one) => one.endsWith(".conf")).toSorted())
			texts.push((await read(disk, `${directory}/${unit}.d/${name}`)) ?? "");
	}
	return texts;
}

async function read(disk: Pick<Disk, "read">, path: string): Promise<string | null> {
	const bytes = await disk.read(path, LIMIT_BYTES).catch(() => null);
	return bytes === null ? null : Buffer.from(bytes).toString("utf8");
}

/** An empty value forgets those before. */
function withPaths(before: readonly string[], line: string): readonly string[] {
	const [, value] = /^\s*ReadWritePaths\s*=\s*(.*?)\s*$/.exec(line) ?? [];
	if (value === undefined) return before;
	if (value === "") return [];
	return [...before, ...value.split(/\s+/).map((path) => path.replace(/^[-+]+/, "").replace(/\/+$/, ""))];
}

/** An empty value, of any condition, forgets all those before. */
function withCondition(before: readonly string[], line: string): readonly string[] {
	const [, name, value] = /^\s*(Condition\w+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
	if (value === "") return [];
	// With a mark before it, it need not hold.
	if (name !== "ConditionDirectoryNotEmpty" || !(value?.startsWith("/") ?? false)) return before;
	return [...before, value?.replace(/\/+$/, "") ?? ""];
}
