/** The recursive resolvers of this host, as its C library finds them (resolv.conf(5)). */

import { readFile } from "node:fs/promises";
import type { Server } from "../ports/resolver.ts";

/** The C library takes no more. */
const MAX_SERVERS = 3;

/** Read anew each time: DHCP and VPNs change the file. Without one, or without `nameserver`, it is 127.0.0.1. */
export async function readSystemResolvers(path = "/etc/resolv.conf"): Promise<readonly Server[]> {
	const text = await readFile(path, "utf8").catch(() => "");
	const addresses = text.split("\n").flatMap((line) => {
		const match = /^nameserver[ \t]+([0-9A-Fa-f.:]+(?:%\S+)?)[ \t]*(?:[#;].*)?$/.exec(line.trimEnd());
		return match?.[1] === undefined ? [] : [match[1]];
	});
	return (addresses.length === 0 ? ["127.0.0.1"] : addresses.slice(0, MAX_SERVERS)).map((address) => ({
		address,
		port: 53,
	}));
}
