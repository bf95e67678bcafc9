/** What `keyturn init` finds around it: a host as the first guide sets it up, with its zone beside it. */

import type { InitHost } from "../../src/cli/init-host.ts";
import type { FoundKey, FoundSigner } from "../../src/ports/found-signer.ts";

export const OPENDKIM: FoundSigner = {
	type: "opendkim",
	service: "opendkim",
	settings: { config: "/etc/opendkim.conf", keys: "/etc/opendkim/keys" },
	swap: {
		recommended: "reload",
		why: "opendkim takes the new key up while it runs, and no message waits",
		isOnly: false,
	},
	isBehindMailServer: true,
	commands: null,
	keys: [foundKey("example.com", "202610"), foundKey("example.org", "202610")],
	problems: [],
	steps: [],
};

export function foundKey(domain: string, selector: string): FoundKey {
	return { domain, selector, path: `/etc/opendkim/keys/${domain}/${selector}.private`, algorithm: "rsa" };
}

export interface FakeInitHost extends InitHost {
	readonly files: Map<string, string>;
}

export function initHost(changes: Partial<InitHost> = {}): FakeInitHost {
	const files = new Map<string, string>();
	return {
		files,
		signers: async () => Promise.resolve([OPENDKIM]),
		mailServer: async () => Promise.resolve("postfix"),
		zoneOf: async (zone) =>
			Promise.resolve({ zone, servers: [`ns1.${zone}`, `ns2.${zone}`], localPrimary: "127.0.0.1:53" }),
		guess: () => null,
		tsigKeys: async () => Promise.resolve(["/etc/bind/keyturn.key"]),
		timezone: "Europe/Berlin",
		hasSystemd: true,
		isThere: async (path) => Promise.resolve(files.has(path)),
		copyKey: async (from, to) => {
			files.set(to, `a copy of ${from}`);
			return Promise.resolve("copied");
		},
		write: async (path, text) => {
			files.set(path, text);
			return Promise.resolve("written");
		},
		...changes,
	};
}
