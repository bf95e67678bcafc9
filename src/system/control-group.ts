/** Whether any process of a unit is left: what systemd calls inactive may still have a master alive. */

import type { Disk } from "../ports/disk.ts";

/** Plain version 2, the hybrid's version 2 part, and version 1's tree of systemd. */
const ROOTS = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"];
const LIMIT_BYTES = 1_048_576;

/** True for a control group that is gone. */
export async function isControlGroupEmpty(disk: Disk, controlGroup: string): Promise<boolean> {
	for (const root of ROOTS) {
		if (await isPopulated(disk, root + controlGroup)) return false;
	}
	return true;
}

async function isPopulated(disk: Disk, directory: string): Promise<boolean> {
	const events = await readText(disk, `${directory}/cgroup.events`);
	if (events !== null) return /^populated 1$/m.test(events);
	const processes = await readText(disk, `${directory}/cgroup.procs`);
	if (processes === null) return false;
	if (processes.trim() !== "") return true;
	for (const name of (await disk.list(directory)) ?? []) {
		const below = `${directory}/${name}`;
		if ((await disk.lstat(below))?.kind === "directory" && (await isPopulated(disk, below))) return true;
	}
	return false;
}

/** A group may be removed while it is being read (ENODEV). */
async function readText(disk: Disk, path: string): Promise<string | null> {
	try {
		const bytes = await disk.read(path, LIMIT_BYTES);
		return bytes === null ? null : new TextDecoder().decode(bytes);
	} catch (error) {
		if (error instanceof Error && "errno" in error && error.errno === "ENODEV") return null;
		throw error;
	}
}
