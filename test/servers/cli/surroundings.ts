/** What the tests of the command line look at around it. */

import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { startBind } from "../bind.ts";
import type { StartedServer } from "../program.ts";
import type { CliHost } from "./cli-host.ts";

/** Every file below the host's directories, with its content; what BIND writes is not among them. */
export async function treeOf(host: CliHost): Promise<Readonly<Record<string, string>>> {
	const root = dirname(host.directory);
	const names = (await readdir(root, { recursive: true, encoding: "utf8" })).toSorted();
	const found: Record<string, string> = {};
	for (const name of names) {
		const path = join(root, name);
		if ((await stat(path)).isFile()) found[name] = await readFile(path, "latin1");
	}
	if (names.length < 5) throw new Error(`too little in ${root}`);
	return found;
}

export interface Behind {
	readonly server: StartedServer;
	/** The configuration with this server among those asked. */
	readonly listed: (text: string) => string;
}

/** A second server of the first zone that never gets a new record; it knows the first key's. */
export async function behind(host: CliHost): Promise<Behind> {
	const zone = host.domains[0] ?? "";
	const name = `${zone}.zone`;
	const records = await readFile(join(host.bind.directory, "zones", name), "utf8");
	const server = await startBind({ zones: [{ name: zone, records: records.replaceAll(/^\$.*$/gm, "") }] });
	onTestFinished(server.stop);
	const listed = (text: string): string =>
		text.replace(/nameservers: \["([^"]+)"\]/, `nameservers: ["$1", "${server.address}:${server.port}"]`);
	return { server, listed };
}
