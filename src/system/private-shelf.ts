/** Lays private keys out in a directory of this machine. */

import { isSelector, parseDomain } from "../dkim/names.ts";
import { directoryOf, durableCreate } from "../durable.ts";
import { KeyturnError } from "../errors.ts";
import type { Disk } from "../ports/disk.ts";
import type { PrivateShelf } from "../ports/private-shelf.ts";

const LIMIT_BYTES = 65_536;

export function createPrivateShelf(disk: Disk): PrivateShelf {
	return {
		async layOut(directory, { domain, selector }, pem) {
			if (parseDomain(domain) !== domain || !isSelector(selector))
				throw new KeyturnError("bug", `key of ${JSON.stringify(domain)}: not safe names`);
			const path = `${directory}/${domain}/${selector}.pem`;
			try {
				await ensureOpen(disk, directory);
				await ensureOpen(disk, directoryOf(path));
				const bytes = new TextEncoder().encode(pem);
				if ((await durableCreate(disk, path, bytes, { mode: 0o644 })) === "created") return;
			} catch (thrown) {
				throw new KeyturnError("disk.failed", `${path}: the private key could not be published there`, {
					cause: thrown,
					hint: `let user keyturn write to ${directory}; under systemd: systemctl edit keyturn.service, ReadWritePaths=${directory}`,
				});
			}
			const found = await disk.read(path, LIMIT_BYTES);
			if (found !== null && new TextDecoder().decode(found) === pem) return;
			throw new KeyturnError(
				"key.invalid",
				`${path}: expected the key of ${selector}, or nothing, got something else`,
				{
					hint: "move it away",
				},
			);
		},
	};
}

async function ensureOpen(disk: Disk, path: string): Promise<void> {
	if ((await disk.makeDirectory(path, 0o755)) === "made") await disk.syncDirectory(directoryOf(path));
}
