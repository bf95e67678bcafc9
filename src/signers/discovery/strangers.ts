/** Finds programs that sign mail and that keyturn has no adapter of its own for: a program of the administrator's hands them keys. */

import type { FoundSigner } from "../../ports/found-signer.ts";
import type { SignerTools } from "../registry.ts";
import { amavisFiles, amavisReadings } from "../other-readers/amavis.ts";
import { firstThere, textOf } from "./proposal.ts";

export async function findStrangers(tools: SignerTools): Promise<readonly FoundSigner[]> {
	const found: FoundSigner[] = [];
	for (const [name, programs, keys] of STRANGERS)
		if ((await firstThere(tools, programs)) !== null) found.push(stranger(name, keys));
	const signing = await amavisThatSigns(tools).catch(() => null);
	return signing === null ? found : [...found, stranger("amavis", `the dkim_key lines of ${signing}`)];
}

/** Most have it look for spam only; null then, and where a file of it cannot be read. */
async function amavisThatSigns(tools: SignerTools): Promise<string | null> {
	for (const path of await amavisFiles(tools.disk))
		if (amavisReadings((await textOf(tools, path)) ?? "", path).length > 0) return path;
	return null;
}

/** How it is called, where its program, or what it is configured by, may be, and where it has its keys. */
const STRANGERS: readonly (readonly [name: string, programs: readonly string[], keys: string])[] = [
	[
		"Haraka",
		["/usr/bin/haraka", "/usr/local/bin/haraka", "/usr/lib/node_modules/Haraka/bin/haraka"],
		"config/dkim/DOMAIN of its directory",
	],
	[
		"maddy",
		["/usr/bin/maddy", "/usr/local/bin/maddy"],
		"the key_path of its dkim block, below /var/lib/maddy/dkim_keys",
	],
	["mox", ["/usr/local/bin/mox", "/home/mox/mox"], "the DKIM section of config/domains.conf"],
	["KumoMTA", ["/opt/kumomta/sbin/kumod"], "its policy, /opt/kumomta/etc/policy/init.lua"],
	[
		"Stalwart",
		[
			"/opt/stalwart/bin/stalwart",
			"/opt/stalwart-mail/bin/stalwart-mail",
			"/usr/local/bin/stalwart",
			"/usr/local/bin/stalwart-mail",
		],
		"its signatures, which its own interface sets",
	],
	[
		"mailcow",
		["/opt/mailcow-dockerized/mailcow.conf"],
		"its Redis (DKIM_PRIV_KEYS, DKIM_PUB_KEYS and DKIM_SELECTORS), by redis-cli in its container",
	],
];

function stranger(name: string, keys: string): FoundSigner {
	const service = name.toLowerCase();
	return {
		type: "command",
		service,
		settings: {},
		swap: { recommended: "reload", why: `${name} obeys a program of yours`, isOnly: true },
		isBehindMailServer: false,
		commands: null,
		keys: [],
		problems: [
			`${name} is installed, and keyturn has no adapter of its own for it: write a signer of type command into keyturn.yaml, with a program that puts the keys into ${keys}; docs/signers.md ("Any other signer") has the lines`,
		],
		steps: [],
	};
}
