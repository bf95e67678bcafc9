/** What every signer has alike whose keys stand in one table: names, where its key files lie, and who may read them. */

import type { Disk } from "../../ports/disk.ts";
import type { Signer } from "../../ports/signer.ts";
import { readAccounts } from "../accounts.ts";
import { refusalBy } from "../safe-keys.ts";

export interface OneTableOptions {
	readonly name: string;
	readonly service: string;
	readonly swap: "restart" | "reload";
	readonly disk: Disk;
	readonly settings: { readonly keys: string };
}

/**
 * With `requireSafe` nobody but the key's owner may read it, as OpenDKIM has it by default; `isReadByRoot` asks whether root
 * reads it, before the signer becomes its user.
 */
export function oneTableParts(
	{ name, service, swap, disk, settings }: OneTableOptions,
	{
		requireSafe,
		isReadByRoot = async () => Promise.resolve(false),
	}: { readonly requireSafe: boolean; readonly isReadByRoot?: () => Promise<boolean> },
): Pick<Signer, "name" | "service" | "swap" | "keyPath" | "unsafe"> {
	return {
		name,
		service,
		swap,
		keyPath: (domain, selector) => `${settings.keys}/${domain}/${selector}.private`,
		unsafe: refusalBy(async ({ owner }) => ({
			disk,
			accounts: await readAccounts(disk),
			account: owner,
			isReadByRoot: await isReadByRoot(),
			requireSafe,
			directories: new Map(),
		})),
	};
}
