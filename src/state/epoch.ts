/**
 * Grows with every lock taken, so that a writer who lost the lock without noticing is found out. It never falls behind the
 * clock: with the count of a restored or emptied directory a new holder could otherwise get the number of an old one.
 */

import { durableReplace } from "../durable.ts";
import { KeyturnError } from "../errors.ts";
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

export async function raiseEpoch(disk: Disk, directory: string, now: Date): Promise<number> {
	const epoch = Math.max((await lastEpoch(disk, directory)) + 1, now.getTime());
	await durableReplace(disk, `${directory}/epoch`, new TextEncoder().encode(`${epoch}\n`));
	return epoch;
}

/** One that cannot be read must not end every tick to come: the clock is beyond all that were counted. */
async function lastEpoch(disk: Disk, directory: string): Promise<number> {
	try {
		return await readEpoch(disk, directory);
	} catch (thrown) {
		if (thrown instanceof KeyturnError && thrown.code === "state.corrupt") return 0;
		throw thrown;
	}
}
