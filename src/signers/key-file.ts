/** Reads the key files that a signer's configuration names; where one cannot be read that is the trouble of its line alone. */

import { KeyturnError, leadsNowhere } from "../errors.ts";
import type { Disk } from "../ports/disk.ts";
import { type SigningLine, UNREAD } from "../ports/signer.ts";

const KEY_LIMIT_BYTES = 64 * 1024;

/** What a line's key file holds, null where there is none; or why that cannot be told. */
export interface KeyFile extends Pick<SigningLine, "unread"> {
	readonly pem: string | null;
}

/** Of one line among others. */
export async function readKeyFile(disk: Disk, path: string): Promise<KeyFile> {
	try {
		return { pem: await readPrivateKey(disk, path) };
	} catch (thrown) {
		return { pem: null, unread: `${UNREAD}${reasonOf(thrown)}` };
	}
}

/** Null where nothing stands that could be a key. Fails with `disk.failed` where that cannot be told. */
export async function readPrivateKey(disk: Disk, path: string): Promise<string | null> {
	try {
		const stat = await disk.stat(path);
		if (stat?.kind !== "file" || stat.sizeBytes > KEY_LIMIT_BYTES) return null;
		const bytes = await disk.read(path, KEY_LIMIT_BYTES);
		return bytes === null ? null : Buffer.from(bytes).toString("latin1");
	} catch (thrown) {
		if (leadsNowhere(thrown)) return null;
		throw thrown;
	}
}

/** A failure of the disk as one sentence, of a path that one line alone names. */
export function reasonOf(thrown: unknown): string {
	if (!(thrown instanceof KeyturnError) || thrown.code !== "disk.failed") throw thrown;
	const { message, hint } = thrown;
	return hint === null ? message : `${message} (${hint})`;
}
