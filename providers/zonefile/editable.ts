/** What keeps a zone file from being edited, besides what is in it. */

import { directoryOf } from "../../src/durable.ts";
import type { Disk } from "../../src/ports/disk.ts";
import { BY_UPDATES, NotUnderstood } from "./tokens.ts";

/** Journals and signed copies of named (BIND 9 ARM, `journal` and `inline-signing`). */
const KEPT_BESIDE = [".jnl", ".jbk", ".signed", ".signed.jnl"];

/** Throws NotUnderstood; fails with `disk.failed`. `path` has its links resolved. */
export async function mustBeEditable(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
	const own = path.slice(path.lastIndexOf("/") + 1);
	const beside = (await disk.list(directoryOf(path))) ?? [];
	const kept = KEPT_BESIDE.map((suffix) => `${own}${suffix}`).find((name) => beside.includes(name));
	if (kept !== undefined)
		throw new NotUnderstood(
			`${kept} stands beside it: the server writes the zone itself, by updates or to sign it`,
			BY_UPDATES,
		);
	const stat = await disk.lstat(path);
	if (stat?.kind !== "file") throw new NotUnderstood(`expected a file, got ${stat?.kind ?? "nothing"}`);
	if (stat.links > 1) throw new NotUnderstood("it is a hard link: the other name would keep the old content");
	if (bytes.includes(0)) throw new NotUnderstood("it is no text (masterfile-format raw or map)");
}
