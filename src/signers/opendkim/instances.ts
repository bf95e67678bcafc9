/** Finds the OpenDKIMs that run beside the one of the package: a second one signs with Ed25519 keys, say. */

import type { Disk } from "../../ports/disk.ts";
import { readUnitArguments } from "./unit-arguments.ts";

export interface Instance {
	/** Without `.service`. */
	readonly service: string;
	/** What its unit names with `-x`. */
	readonly config: string;
}

/** Units of their own, and instances of a template that are enabled, by name; those that name no configuration are left out. Reads only. */
export async function findInstances(disk: Disk): Promise<readonly Instance[]> {
	const names = new Set<string>();
	for (const directory of [UNITS, `${UNITS}/multi-user.target.wants`])
		for (const name of (await disk.list(directory)) ?? [])
			if (/^opendkim.*(?<!@)\.service$/.test(name)) names.add(name.replace(/\.service$/, ""));
	const found: Instance[] = [];
	for (const service of [...names].toSorted()) {
		const { config } = await readUnitArguments(disk, service);
		if (config !== null && !config.includes("%")) found.push({ service, config });
	}
	return found;
}

const UNITS = "/etc/systemd/system";
