/** Counts the locks taken, so that a writer who lost the lock without noticing is found out. */

import { durableReplace } from "../durable.ts";
import type { Disk } from "../ports/disk.ts";
import { corrupt } from "./stored-json.ts";

export async function readEpoch(disk: Disk, directory: string): Promise<number> {
	const path = `${directory}/epoch`;
	const bytes = await disk.read(path, 64);
	if (bytes === null) return 0;
	const text = new TextDecoder().decode(bytes);
	if (!/^[1-9]\d{0,14}\n$/.test(text)) throw corrupt(path, "expected a number and a line end");
	return Number(text);
}

export async function raiseEpoch(disk: Disk, directory: string): Promise<number> {
	const epoch = (await readEpoch(disk, directory)) + 1;
	await durableReplace(disk, `${directory}/epoch`, new TextEncoder().encode(`${epoch}\n`));
	return epoch;
}
