/**
 * `ChangeRootDirectory`: OpenDKIM reads opendkim.conf and its tables as this host names them, at its start, and then changes its
 * root; key files, opened for every message, and a local socket are names below it (opendkim.c, main).
 */

import { KeyturnError } from "../../errors.ts";

/** How a key path of the tables is called on this host; null where no root is changed. */
export type Root = string | null;

/** What is not sound is told elsewhere, and stays as it is. */
export function toOutside(root: Root, path: string): string {
	return root === null || !path.startsWith("/") ? path : `${root}${path}`;
}

/** Fails with `signer.config` on a path that OpenDKIM would not see. */
export function toInside(root: Root, path: string): string {
	if (root === null) return path;
	if (path.startsWith(`${root}/`)) return path.slice(root.length);
	throw new KeyturnError("signer.config", `${path}: expected a path below ChangeRootDirectory ${root}`, {
		hint: "let `keys` in keyturn.yaml be a directory below it.",
	});
}

/** How a reading's table is marked: its kind, and the root that its paths begin at. */
export function formatOf(kind: "file" | "refile", root: Root): string {
	return root === null ? kind : `${kind} below ${root}`;
}

export function kindOf(format: string | undefined): "file" | "refile" {
	return format?.startsWith("refile") === true ? "refile" : "file";
}

export function rootOf(format: string | undefined): Root {
	return / below (\/.*)$/.exec(format ?? "")?.[1] ?? null;
}
