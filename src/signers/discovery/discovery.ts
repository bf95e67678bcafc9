/** Finds the signers that are installed on this host, and what their own configuration says that keyturn.yaml needs. */

import type { FoundSigner } from "../../ports/found-signer.ts";
import { findDkimproxy } from "./dkimproxy.ts";
import { findDockerMailservers } from "./docker-mailserver.ts";
import { findExim } from "./exim.ts";
import { findMilters } from "./milters.ts";
import type { DiscoveryTools } from "./proposal.ts";
import { findRspamd } from "./rspamd.ts";
import { findStrangers } from "./strangers.ts";

/** Each reads only, as whoever runs it: root sees all. One that cannot be read is told with its problem. */
const FINDERS: readonly ((tools: DiscoveryTools) => Promise<readonly FoundSigner[]>)[] = [
	findMilters,
	findRspamd,
	findExim,
	findDkimproxy,
	findDockerMailservers,
	findStrangers,
];

export async function discoverSigners(tools: DiscoveryTools): Promise<readonly FoundSigner[]> {
	const found: FoundSigner[] = [];
	for (const find of FINDERS) found.push(...(await find(tools)));
	return found;
}
