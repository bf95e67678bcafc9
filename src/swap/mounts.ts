/** Which tables are mounts of their own: such a file cannot be renamed over, which has to be known before a key is published. */

import type { Disk } from "../ports/disk.ts";
import type { SignerReading } from "../ports/signer.ts";

export interface MountedTables {
	/** Why no key can be turned; null if they can. */
	readonly turns: string | null;
	/** Why no line can come; null if they can. */
	readonly firsts: string | null;
}

/** Where it cannot be told, the staging finds out. */
export const NOT_KNOWN: MountedTables = { turns: null, firsts: null };

const LIMIT_BYTES = 16 * 1024 * 1024;

/** A turn changes the first table alone, a first key all of them. Nothing is known where there is no /proc. */
export async function mountedTables(
	disk: Disk,
	{ files }: Pick<SignerReading, "files">,
): Promise<MountedTables> {
	const bytes = await disk.read("/proc/self/mountinfo", LIMIT_BYTES);
	const points = new Set(mountPoints(new TextDecoder().decode(bytes ?? new Uint8Array())));
	const [first, ...others] = files.map(({ path }) => (points.has(path) ? sentence(path) : null));
	return { turns: first ?? null, firsts: first ?? others.find((why) => why !== null) ?? null };
}

/** The fifth field of each line; blanks and the like stand in it as three octal digits (proc(5)). */
function mountPoints(text: string): readonly string[] {
	return text
		.split("\n")
		.map((line) =>
			(line.split(" ")[4] ?? "").replace(/\\([0-7]{3})/g, (_, digits: string) =>
				String.fromCharCode(Number.parseInt(digits, 8)),
			),
		);
}

function sentence(path: string): string {
	return `${path} is a mount of its own and cannot be replaced at once: mount its directory in its place`;
}
