/**
 * A file system in a file, which can be cut off: a copy of the file holds what had reached the device at that moment, and
 * nothing of what was only in memory.
 */

import { execFile, spawnSync } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";

const run = promisify(execFile);

/** Without the right to mount it is left out, except where everything must run. */
export const isImageLeftOut = process.env["CI"] !== "true" && !mayMount();

export interface Image {
	/** All that was written is on the device. */
	sync(): Promise<void>;
	/** Keeps the device as it is now. */
	copy(): Promise<void>;
	/** Mounts what was kept, in place of what went on. Nothing may be open below the directory. */
	lose(): Promise<void>;
}

/** Inside a test; `place` is where the files lie. */
export async function mountImage(directory: string, place: string): Promise<Image> {
	// Each copy is a file of its own: the kernel may still have the one before in its hands, and in its caches.
	const file = (count: number): string => join(place, `${count}.img`);
	let count = 0;
	// Nothing gets to the device by itself.
	const mount = () => run("/bin/mount", ["-o", "loop,commit=3600", file(count), directory]);
	await run("/usr/bin/truncate", ["-s", "24M", file(count)]);
	await run("/usr/sbin/mkfs.ext4", ["-qF", file(count)]);
	await mount();
	onTestFinished(async () => void (await run("/bin/umount", ["-l", directory])));
	return {
		sync: async () => void (await run("/bin/sync", ["-f", directory])),
		copy: () => copyAtOnce(file(count), file(count + 1)),
		lose: async () => {
			await run("/bin/umount", [directory]);
			await rm(file(count));
			count += 1;
			await mount();
		},
	};
}

/** What the kernel writes meanwhile would tear the copy: one that equals the file once more is of a single moment. */
async function copyAtOnce(from: string, to: string): Promise<void> {
	for (let tries = 0; tries < 20; tries += 1) {
		await run("/bin/cp", ["--sparse=always", from, to]);
		const isSame = await run("/usr/bin/cmp", ["-s", from, to]).then(
			() => true,
			() => false,
		);
		if (isSame) return;
	}
	throw new Error(`${from} goes on changing`);
}

function mayMount(): boolean {
	const trial = `directory=$(mktemp -d); trap 'rm -rf "$directory"' EXIT; cd "$directory"
		truncate -s 4M a.img; /usr/sbin/mkfs.ext4 -qF a.img; mkdir mounted; mount -o loop a.img mounted; umount mounted`;
	const { status, stderr } = spawnSync("/bin/sh", ["-euc", trial], { encoding: "utf8" });
	if (status !== 0)
		console.log(`LEFT OUT: power loss, since no file system image can be mounted here: ${stderr.trim()}`);
	return status === 0;
}
