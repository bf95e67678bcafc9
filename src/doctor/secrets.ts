/** Finds the files that keyturn.yaml names as secrets, and how they lie there. */

import type { Disk } from "../ports/disk.ts";
import type { Settings } from "../settings/settings.ts";
import type { SecretFile } from "./facts.ts";

/** Only of those that can be looked at: a directory that nobody else may enter keeps its secrets. */
export async function findSecrets(
	{ providers, alerts }: Settings,
	disk: Pick<Disk, "stat">,
): Promise<readonly SecretFile[]> {
	const paths = new Set([...providers, ...alerts].flatMap(({ settings }) => pathsIn(settings)));
	const found = await Promise.all(
		[...paths].map(async (path) => {
			const stat = await disk.stat(path).catch(() => null);
			return stat === null ? [] : [{ path, mode: stat.mode }];
		}),
	);
	return found.flat();
}

/** A secret by reference is `{ file: PATH }`; a TSIG key may be a file as BIND writes it. */
function pathsIn(settings: unknown): readonly string[] {
	if (typeof settings !== "object" || settings === null) return [];
	const entries: readonly (readonly [string, unknown])[] = Object.entries(settings);
	const [only] = entries;
	if (entries.length === 1 && only?.[0] === "file" && typeof only[1] === "string") return [only[1]];
	return entries.flatMap(([name, value]) =>
		name === "keyfile" && typeof value === "string" ? [value] : pathsIn(value),
	);
}
