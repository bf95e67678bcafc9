/** Finds TSIG keys as BIND keeps them, for a first configuration. */

import type { Disk } from "../ports/disk.ts";

const DIRECTORIES: readonly string[] = ["/etc/bind", "/etc/bind/keys", "/etc/named"];
const LIMIT_BYTES = 16 * 1024;

/** Paths; one that is named after keyturn comes first, and rndc's own key not at all. Reads only. */
export async function findTsigKeys(disk: Disk): Promise<readonly string[]> {
	const found: string[] = [];
	for (const directory of DIRECTORIES)
		for (const name of (await disk.list(directory).catch(() => null)) ?? [])
			if (name.endsWith(".key") && (await isTsigKey(disk, `${directory}/${name}`)))
				found.push(`${directory}/${name}`);
	const isOurs = (path: string): number => (path.includes("keyturn") ? 0 : 1);
	return found.toSorted((one, other) => isOurs(one) - isOurs(other) || (one < other ? -1 : 1));
}

async function isTsigKey(disk: Disk, path: string): Promise<boolean> {
	const bytes = await disk.read(path, LIMIT_BYTES).catch(() => null);
	const text = bytes === null ? "" : Buffer.from(bytes).toString("latin1");
	const [, name = ""] = /\bkey\s+"?([^"\s{]+)"?\s*\{/.exec(text) ?? [];
	return name !== "" && !name.startsWith("rndc") && !name.startsWith("ddns-") && /\bsecret\b/.test(text);
}
