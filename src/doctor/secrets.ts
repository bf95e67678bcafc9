/** Finds the files that keyturn.yaml names as secrets, and how they lie there. */

import type { Disk } from "../ports/disk.ts";
import { secretsIn } from "../settings/named-secrets.ts";
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
	const named = secretsIn(settings).flatMap((one) => ("file" in one ? [one.file] : []));
	const isObject = typeof settings === "object" && settings !== null;
	const keyFile = isObject && "keyfile" in settings ? settings.keyfile : undefined;
	return typeof keyFile === "string" ? [...named, keyFile] : named;
}
