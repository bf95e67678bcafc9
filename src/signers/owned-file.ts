/** A file for one program of the signer's to read, as the signer's user. */

import { KeyturnError } from "../errors.ts";
import type { Disk, Owner } from "../ports/disk.ts";

/** In place of what lay there; 0600 and the owner's before the first byte. Fails with `signer.config`. May be repeated. */
export async function writeOwned(
	disk: Disk,
	path: string,
	{ uid, gid }: Owner,
	bytes: Uint8Array,
): Promise<void> {
	await disk.unlink(path);
	const file = await disk.create(path, 0o600);
	if (file === "exists") throw new KeyturnError("signer.config", `${path}: somebody else keeps making it`);
	try {
		await file.chown({ uid, gid });
		await file.write(bytes);
	} finally {
		await file.close();
	}
}
