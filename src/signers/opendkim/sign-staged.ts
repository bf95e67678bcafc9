/** Has OpenDKIM sign one message per staged key, with the files that are staged in place of the live ones. */

import { KeyturnError } from "../../errors.ts";
import type { SignExpectation, SignerReading } from "../../ports/signer.ts";
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
	const [keyTable] = files;
	const root = rootOf(keyTable?.format);
	const [first, second] = files.map(({ path }) => staged.get(path) ?? path);
	if (first === undefined) throw new KeyturnError("bug", "a configuration without a file to change");
	return signOffline(
		{
			disk,
			programs,
			program: settings.program,
			owner: reading.owner,
			path: `${first}.conf`,
			text: offlineConfiguration(
				live.text,
				second === undefined
					? null
					: {
							keyTable: `${kindOf(keyTable?.format)}:${root === null ? first : `${first}.outside`}`,
							signingTable: `${signing.kind}:${second}`,
						},
			),
			names: second === undefined ? [] : [first, second],
			beside:
				root === null
					? null
					: { path: `${first}.outside`, text: outwards(keyTable?.bytes ?? new Uint8Array(), root) },
		},
		senders,
	);
}

/** Who signs offline may not change its root: the key table for it has this host's paths. */
function outwards(keyTable: Uint8Array, root: string): string {
	return Buffer.from(keyTable)
		.toString("latin1")
		.replace(/:(?=\/)/g, () => `:${root}`);
}
