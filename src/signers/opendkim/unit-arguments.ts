/** Reads which options the service's unit gives OpenDKIM on its command line, where they override opendkim.conf. */

import type { Disk } from "../../ports/disk.ts";

export interface UnitArguments {
	/** `-x` */
	readonly config: string | null;
	/** `-p` */
	readonly socket: string | null;
	/** `-u` */
	readonly user: string | null;
}

const LIMIT_BYTES = 64 * 1024;

/** Of the administrator's unit and drop-ins; Debian's own unit gives none. */
export async function readUnitArguments(disk: Disk, service: string): Promise<UnitArguments> {
	const unit = `/etc/systemd/system/${service.replace(/\.service$/, "")}.service`;
	const dropIns = (await disk.list(`${unit}.d`)) ?? [];
	const paths = [
		unit,
		...dropIns.filter((name) => name.endsWith(".conf")).map((name) => `${unit}.d/${name}`),
	];
	let command = "";
	for (const path of paths) {
		const bytes = await disk.read(path, LIMIT_BYTES);
		const text = bytes === null ? "" : Buffer.from(bytes).toString("utf8");
		for (const match of text.matchAll(/^[ \t]*ExecStart[ \t]*=(.*)$/gm)) command = match[1] ?? "";
	}
	const words = command.trim().split(/\s+/);
	return { config: wordAfter(words, "-x"), socket: wordAfter(words, "-p"), user: wordAfter(words, "-u") };
}

function wordAfter(words: readonly string[], option: string): string | null {
	const at = words.lastIndexOf(option);
	return at === -1 ? null : (words[at + 1] ?? null);
}
