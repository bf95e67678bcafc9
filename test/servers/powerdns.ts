/** A real PowerDNS for a test: primary of zones in SQLite or LMDB, with updates by TSIG. */

import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type TsigKey, zoneText } from "./bind.ts";
import { servesZone } from "./dns-question.ts";
import { freePort, makeDirectory, type StartedServer, startServer } from "./program.ts";

export interface PowerDnsZone {
	readonly name: string;
	/** Lines of a zone file, as for BIND. */
	readonly records: string;
	/** TSIG keys that may update it. */
	readonly updateKeys?: readonly string[];
	/** Signed by the server with keys of its own. */
	readonly dnssec?: boolean;
}

/** With its HTTP interface. */
export interface StartedPowerDns extends StartedServer {
	readonly url: string;
	readonly apiKey: string;
	/** `pdnsutil` on its zones; what it printed. */
	util(...argv: readonly string[]): Promise<string>;
}

const BACKENDS = {
	sqlite: (file: string) => `
launch=gsqlite3
gsqlite3-database=${file}
gsqlite3-pragma-synchronous=0
gsqlite3-dnssec=yes
`,
	lmdb: (file: string) => `
launch=lmdb
lmdb-filename=${file}
lmdb-sync-mode=nosync
lmdb-shards=1
`,
};
const SCHEMA = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql";
const run = promisify(execFile);

export async function startPowerDns(options: {
	readonly zones: readonly PowerDnsZone[];
	readonly tsigKeys?: readonly TsigKey[];
	/** Where it keeps the zones; SQLite by default. */
	readonly backend?: keyof typeof BACKENDS;
}): Promise<StartedPowerDns> {
	const address = "127.0.0.1";
	const port = await freePort(address);
	const webPort = await freePort(address);
	const directory = await makeDirectory("powerdns");
	const { backend = "sqlite" } = options;
	await writeFile(
		join(directory, "pdns.conf"),
		configuration(address, { port, webPort }, directory) + BACKENDS[backend](join(directory, "zones.db")),
	);
	if (backend === "sqlite")
		await run("/usr/bin/sqlite3", [join(directory, "zones.db"), await readFile(SCHEMA, "utf8")]);
	const util = async (...argv: readonly string[]) =>
		(await run("/usr/bin/pdnsutil", [`--config-dir=${directory}`, ...argv])).stdout;
	for (const { name, algorithm, secret } of options.tsigKeys ?? [])
		await util("import-tsig-key", name, algorithm, secret);
	for (const { name, records, updateKeys = [], dnssec = false } of options.zones) {
		const file = join(directory, `${name}.zone`);
		await writeFile(file, zoneText({ name, records }));
		await util("load-zone", name, file);
		if (updateKeys.length > 0) await util("set-meta", name, "TSIG-ALLOW-DNSUPDATE", ...updateKeys);
		if (dnssec) await util("secure-zone", name);
	}
	const server = await startServer(
		{ address, port, directory },
		"/usr/sbin/pdns_server",
		[`--config-dir=${directory}`, "--daemon=no", "--guardian=no"],
		async () => {
			const answers = await Promise.all(
				options.zones.map((zone) => servesZone({ address, port }, zone.name)),
			);
			return answers.every(Boolean);
		},
	);
	return { ...server, url: `http://${address}:${webPort}`, apiKey: API_KEY, util };
}

const API_KEY = "the api-key of the tests";

/** Its caches would keep what has just been written out of sight. */
function configuration(
	address: string,
	{ port, webPort }: { readonly port: number; readonly webPort: number },
	directory: string,
): string {
	return `
local-address=${address}
local-port=${port}
socket-dir=${directory}
dnsupdate=yes
allow-dnsupdate-from=127.0.0.0/8
receiver-threads=1
distributor-threads=1
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
zone-metadata-cache-ttl=0
api=yes
api-key=${API_KEY}
webserver-address=${address}
webserver-port=${webPort}
webserver-allow-from=127.0.0.0/8
`;
}
