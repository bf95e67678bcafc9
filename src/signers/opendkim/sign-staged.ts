/** Has OpenDKIM sign one message per staged key, with the files that are staged in place of the live ones. */

import { KeyturnError } from "../../errors.ts";
import type { SignExpectation, SignerFile, SignerReading } from "../../ports/signer.ts";
import { offlineConfiguration } from "./configuration.ts";
import { findSender, whyNoSender } from "./found-sender.ts";
import { entriesInUse } from "./key-table.ts";
import { readLive } from "./live-configuration.ts";
import type { OpenDkimOptions } from "./options.ts";
import { kindOf, rootOf } from "./root-directory.ts";
import { signOffline } from "./sign-offline.ts";

/** The signed messages, in the order of the expectations; fails with `signer.config` or `signer.probe`. */
export async function signStaged(
	options: OpenDkimOptions,
	staged: ReadonlyMap<string, string>,
	expectations: readonly SignExpectation[],
	reading: SignerReading,
): Promise<readonly string[]> {
	const { disk, programs, settings, service } = options;
	const live = await readLive({ disk, config: settings.config, service, staged });
	const { entries, signing, files } = live;
	const senders = expectations.map(({ domain, selector }) => {
		const sender = findSender(signing, entriesInUse(entries, domain, selector));
		if (sender === null)
			throw new KeyturnError("signer.config", `SigningTable: ${whyNoSender(domain, selector)}`);
		return sender;
	});
	const [keyTable, signingTable] = files;
	if (keyTable === undefined) throw new KeyturnError("bug", "a configuration without a file to change");
	const first = staged.get(keyTable.path) ?? keyTable.path;
	const copies = { keyTable: `${first}.keys`, signingTable: `${first}.signing` };
	return signOffline(
		{
			disk,
			programs,
			program: settings.program,
			owner: reading.owner,
			path: `${first}.conf`,
			text: offlineConfiguration(
				live.text,
				signingTable === undefined
					? null
					: {
							keyTable: `${kindOf(keyTable.format)}:${copies.keyTable}`,
							signingTable: `${signing.kind}:${copies.signingTable}`,
						},
			),
			// The tables themselves may be root's alone, who reads them at a start.
			beside:
				signingTable === undefined
					? []
					: [
							{ path: copies.keyTable, text: outwards(keyTable, rootOf(keyTable.format)) },
							{ path: copies.signingTable, text: textOf(signingTable) },
						],
		},
		senders,
	);
}

function textOf({ bytes }: SignerFile): string {
	return Buffer.from(bytes).toString("latin1");
}

/** Who signs offline may not change its root: the key table for it has this host's paths. */
function outwards(keyTable: SignerFile, root: string | null): string {
	const text = textOf(keyTable);
	return root === null ? text : text.replace(/:(?=\/)/g, () => `:${root}`);
}
