/** A real caching resolver for a test: unbound, with the way to the zones given and trust anchors where asked for. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { askPlainly } from "./dns-question.ts";
import { freePort, makeDirectory, type StartedServer, startServer } from "./program.ts";

export interface UnboundOptions {
	/** Whose servers are where. */
	readonly zones: readonly { readonly name: string; readonly address: string; readonly port: number }[];
	/** DS records in presentation form; with them it validates. */
	readonly trustAnchors?: readonly string[];
}

export async function startUnbound(options: UnboundOptions): Promise<StartedServer> {
	const address = "127.0.0.1";
	const port = await freePort(address);
	const directory = await makeDirectory("unbound");
	await writeFile(join(directory, "unbound.conf"), configuration(options, { port, directory }));
	return startServer(
		{ address, port, directory },
		"/usr/sbin/unbound",
		["-d", "-c", join(directory, "unbound.conf")],
		async () => (await askPlainly({ address, port }, "localhost", "A")) !== null,
	);
}

function configuration(
	{ zones, trustAnchors = [] }: UnboundOptions,
	place: { readonly port: number; readonly directory: string },
): string {
	const stubs = zones.map(
		(zone) =>
			`stub-zone:\n\tname: "${zone.name}"\n\tstub-addr: ${zone.address}@${zone.port}\n\tstub-prime: no\n`,
	);
	return `server:
	directory: "${place.directory}"
	chroot: ""
	username: ""
	pidfile: "${place.directory}/pid"
	use-syslog: no
	interface: 127.0.0.1
	port: ${place.port}
	num-threads: 1
	do-not-query-localhost: no
	do-ip6: no
	local-zone: "test." nodefault
	module-config: "${trustAnchors.length > 0 ? "validator iterator" : "iterator"}"
${trustAnchors.map((anchor) => `\ttrust-anchor: "${anchor}"`).join("\n")}
remote-control:
	control-enable: no
${stubs.join("")}`;
}
