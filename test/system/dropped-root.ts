/** Drops to the owner of its argument and tells who its programs and files are. */

import { join } from "node:path";
import { createSystemDisk } from "../../src/system/disk.ts";
import { dropToOwner } from "../../src/system/identity.ts";
import { createSystemPrograms } from "../../src/system/programs.ts";

const directory = process.argv[2] ?? "";
const disk = createSystemDisk();
const programs = createSystemPrograms();
// As in a shell of an administrator who is in further groups.
process.setgroups?.([0, 4711]);
const dropped = await dropToOwner(disk, directory);
const file = await disk.create(join(directory, "f"), 0o600);
if (file !== "exists") await file.close();

async function statusAs(owner?: { uid: number; gid: number }): Promise<string> {
	const request = {
		argv: ["/bin/cat", "/proc/self/status"] as const,
		timeoutMs: 20_000,
		...(owner && { owner }),
	};
	return (await programs.run(request, new AbortController().signal)).stdout;
}

process.stdout.write(
	JSON.stringify({
		dropped,
		groups: process.getgroups?.(),
		file: await disk.stat(join(directory, "f")),
		asItself: await statusAs(),
		asRoot: await statusAs({ uid: 0, gid: 0 }),
		asOther: await statusAs({ uid: 65_534, gid: 65_534 }),
	}),
);
