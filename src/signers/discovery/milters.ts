/** Finds OpenDKIM and dkimpy-milter, whose own configuration names their tables. */

import type { FoundSigner } from "../../ports/found-signer.ts";
import { findInstances } from "../opendkim/instances.ts";
import type { SignerTools } from "../registry.ts";
import { firstThere, lookAt, type Proposal, textOf } from "./proposal.ts";

export async function findMilters(tools: SignerTools): Promise<readonly FoundSigner[]> {
	const found: FoundSigner[] = [];
	for (const milter of MILTERS) {
		// Its configuration may be left of one that was removed.
		if ((await firstThere(tools, milter.programs)) === null) continue;
		const instances = milter.type === "opendkim" ? await findInstances(tools.disk) : [];
		// What its unit names is what it reads, whatever the package left beside that.
		const named = instances.find(({ service }) => service === milter.service)?.config ?? null;
		const config = named ?? (await firstThere(tools, milter.configs));
		if (config !== null) found.push(await lookAtMilter(tools, milter, milter.service, config));
		for (const { service, config: own } of instances)
			if (own !== config) found.push(await lookAtMilter(tools, milter, service, own));
	}
	return found;
}

async function lookAtMilter(
	tools: SignerTools,
	{ type, swap, keys }: Milter,
	service: string,
	config: string,
): Promise<FoundSigner> {
	const settings = { config, keys: `${await rootIn(tools, config)}${keys}` };
	return lookAt(tools, { type, swap, service, config, settings, keysFollow: true, reloadsAsItsUser: true });
}

/** Keys have to lie below it, where OpenDKIM changes its root; empty where none does. */
async function rootIn(tools: SignerTools, config: string): Promise<string> {
	const text = (await textOf(tools, config)) ?? "";
	return /^\s*ChangeRootDirectory\s+(\/\S*?)\/?\s*$/im.exec(text)?.[1] ?? "";
}

interface Milter extends Pick<Proposal, "type" | "service" | "swap"> {
	readonly programs: readonly string[];
	/** The first that is there is read. */
	readonly configs: readonly string[];
	/** Where Debian keeps its keys. */
	readonly keys: string;
}

const MILTERS: readonly Milter[] = [
	{
		type: "opendkim",
		service: "opendkim",
		programs: ["/usr/sbin/opendkim", "/usr/bin/opendkim"],
		configs: ["/etc/opendkim.conf", "/etc/opendkim/opendkim.conf"],
		keys: "/etc/dkimkeys",
		swap: {
			recommended: "reload",
			why: "opendkim takes the new key up while it runs, and no message waits",
			isOnly: false,
		},
	},
	{
		type: "dkimpy",
		service: "dkimpy-milter",
		programs: ["/usr/bin/dkimpy-milter"],
		configs: ["/etc/dkimpy-milter/dkimpy-milter.conf"],
		keys: "/etc/dkimkeys",
		swap: { recommended: "restart", why: "dkimpy reads its keys at its start only", isOnly: true },
	},
];
