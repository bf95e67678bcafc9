/** A real Knot DNS for a test: secondary of another server, or primary with updates by TSIG. */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TsigKey, zoneText } from "./bind.ts";
import { servesZone } from "./dns-question.ts";
import { freePort, makeDirectory, type StartedServer, startServer } from "./program.ts";

export interface KnotZone {
	readonly name: string;
	/** Lines of the zone file of a primary, as for BIND; absent for a secondary. */
	readonly records?: string;
	/** The server that this one is secondary of. */
	readonly primary?: { readonly address: string; readonly port: number };
	/** TSIG keys that may update it. */
	readonly updateKeys?: readonly string[];
	/** Further lines of the acl for updates: "update-type: TXT". */
	readonly updateAcl?: readonly string[];
}

export interface KnotOptions {
	readonly zones: readonly KnotZone[];
	readonly tsigKeys?: readonly TsigKey[];
	readonly address?: string;
	/** Free if left out. */
	readonly port?: number;
}

export async function startKnot(options: KnotOptions): Promise<StartedServer> {
	const address = options.address ?? "127.0.0.1";
	const port = options.port ?? (await freePort(address));
	const directory = await makeDirectory("knot");
	await mkdir(join(directory, "zones"));
	// Knot does not make it itself, and without it answers SERVFAIL to every update.
	await mkdir(join(directory, "db"));
	for (const zone of options.zones)
		if (zone.records !== undefined)
			await writeFile(
				join(directory, "zones", `${zone.name}.zone`),
				zoneText({ name: zone.name, records: zone.records }),
			);
	await writeFile(join(directory, "knot.conf"), configuration(options, { address, port, directory }));
	return startServer(
		{ address, port, directory },
		"/usr/sbin/knotd",
		["-c", join(directory, "knot.conf")],
		async () => {
			const answers = await Promise.all(
				options.zones.map((zone) => servesZone({ address, port }, zone.name)),
			);
			return answers.every(Boolean);
		},
	);
}

function configuration(
	options: KnotOptions,
	place: { readonly address: string; readonly port: number; readonly directory: string },
): string {
	const keys = options.tsigKeys ?? [];
	const primaries = options.zones.flatMap((zone) =>
		zone.primary === undefined ? [] : [{ name: zone.name, primary: zone.primary }],
	);
	const updatable = options.zones.filter((zone) => (zone.updateKeys ?? []).length > 0);
	return `
server:
    rundir: "${place.directory}"
    listen: "${place.address}@${place.port}"
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "${place.directory}/db"
log:
  - target: stderr
    any: info
${section(
	"key",
	keys.map((key) => `  - id: "${key.name}"\n    algorithm: ${key.algorithm}\n    secret: "${key.secret}"`),
)}
${section(
	"remote",
	primaries.map(
		({ name, primary }) => `  - id: "primary.${name}"\n    address: "${primary.address}@${primary.port}"`,
	),
)}
acl:
  - id: notify
    address: [127.0.0.0/8, "::1"]
    action: [notify, transfer]
${updatable
	.map(
		(zone) =>
			`  - id: "update.${zone.name}"\n    key: [${(zone.updateKeys ?? []).map((key) => `"${key}"`).join(", ")}]\n    action: update${(zone.updateAcl ?? []).map((line) => `\n    ${line}`).join("")}`,
	)
	.join("\n")}
zone:
${options.zones.map((zone) => zoneLines(zone, place.directory)).join("\n")}
`;
}

function section(name: string, items: readonly string[]): string {
	return items.length === 0 ? "" : `${name}:\n${items.join("\n")}`;
}

function zoneLines(zone: KnotZone, directory: string): string {
	const acl = (zone.updateKeys ?? []).length > 0 ? `[notify, "update.${zone.name}"]` : "[notify]";
	const primary = zone.primary === undefined ? "" : `    master: "primary.${zone.name}"\n`;
	return `  - domain: "${zone.name}"\n    storage: "${directory}/zones"\n    file: "${zone.name}.zone"\n${primary}    acl: ${acl}`;
}
