/** Finds a DKIMproxy, from a package or as its author's own instructions install it. */

import type { FoundSigner } from "../../ports/found-signer.ts";
import type { SignerTools } from "../registry.ts";
import { firstThere, lookAt, textOf } from "./proposal.ts";

export async function findDkimproxy(tools: SignerTools): Promise<readonly FoundSigner[]> {
	if ((await firstThere(tools, PROGRAMS)) === null) return [];
	const config = await firstThere(tools, CONFIGS);
	if (config === null) return [];
	const user = await userOf(tools);
	return [
		await lookAt(tools, {
			type: "dkimproxy",
			service: "dkimproxy",
			config,
			settings: { config, keys: "/var/lib/dkimproxy", ...(user === null ? {} : { user }) },
			keysFollow: true,
			swap: { recommended: "restart", why: "dkimproxy reads its keys at its start only", isOnly: true },
		}),
	];
}

const PROGRAMS = ["/usr/sbin/dkimproxy.out", "/usr/local/dkimproxy/bin/dkimproxy.out"];
const CONFIGS = ["/etc/dkimproxy/dkimproxy_out.conf", "/usr/local/dkimproxy/etc/dkimproxy_out.conf"];
const STARTERS = ["/etc/default/dkimproxy", "/etc/init.d/dkimproxy"];

/** As its start script has it; null where none says. */
async function userOf(tools: SignerTools): Promise<string | null> {
	for (const path of STARTERS) {
		const named = /^\s*DKIMPROXY_?USER=["']?([A-Za-z0-9_.-]+)/m.exec((await textOf(tools, path)) ?? "");
		if (named?.[1] !== undefined) return named[1];
	}
	return null;
}
