/** What a restart of rspamd takes up besides its keys: a fault that somebody left there would show in the middle of a switch. */

import { directoryOf } from "../../durable.ts";
import type { Disk } from "../../ports/disk.ts";

/** Where administrators write, beside the main configuration, which includes all of it. */
const DIRECTORIES = ["local.d", "override.d"];
const SUFFIXES = ["", ".local", ".override"];

/** Those that are there. Maps are not among them: rspamd looks at those again by itself. */
export async function includedFiles(disk: Disk, main: string): Promise<readonly string[]> {
	const real = (await disk.realpath(main)) ?? main;
	const files: string[] = [];
	for (const path of SUFFIXES.map((suffix) => `${real}${suffix}`))
		if ((await disk.stat(path)) !== null) files.push(path);
	for (const name of DIRECTORIES) {
		const directory = `${directoryOf(real)}/${name}`;
		const listed = (await disk.list(directory).catch(() => null)) ?? [];
		files.push(
			...listed.filter((file) => /^[^.].*\.(?:conf|inc)$/.test(file)).map((file) => `${directory}/${file}`),
		);
	}
	return files;
}
