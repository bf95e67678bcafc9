/** What a key file is held against before OpenDKIM is to sign with it (RequireSafeKeys). */

import type { SignerReading } from "../../ports/signer.ts";
import { readAccounts } from "../accounts.ts";
import type { SafetyQuestion } from "../safe-keys.ts";
import { readLive } from "./live-configuration.ts";
import type { OpenDkimOptions } from "./options.ts";

/** Fails with `signer.config`. */
export async function safetyRules(options: OpenDkimOptions, reading: SignerReading): Promise<SafetyQuestion> {
	const { disk, settings, service, swap } = options;
	const live = await readLive({ disk, config: settings.config, service });
	return {
		disk,
		accounts: await readAccounts(disk),
		account: reading.owner,
		requireSafe: live.requireSafe,
		// One key is read at the start, by root; at a reload, and from tables, by the signer itself.
		isReadByRoot: live.oneKey !== null && swap === "restart" && live.unit.startedAs === null,
		directories: new Map(),
		...(live.root === null || live.oneKey !== null ? {} : { root: live.root }),
	};
}
