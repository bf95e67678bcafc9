/** A real BIND for a test: authoritative zones on a free loopback port, dynamic where asked for. */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { servesZone } from "./dns-question.ts";
import { freePort, makeDirectory, type StartedServer, startServer } from "./program.ts";

export interface BindZone {
	readonly name: string;
	/** Lines of the zone file; SOA and NS are made if no line has an SOA. */
	readonly records: string;
	/** TSIG keys that may update it; "any" lets everybody do so. */
	readonly updateKeys?: readonly string[] | "any";
	/** Further statements inside `zone { }`. */
	readonly statements?: string;
}

export interface TsigKey {
	readonly name: string;
	/** As BIND has it: "hmac-sha256". */
	readonly algorithm: string;
	/** Base64. */
	readonly secret: string;
}

export interface BindOptions {
	readonly zones: readonly BindZone[];
	readonly tsigKeys?: readonly TsigKey[];
	readonly address?: string;
	/** Free if left out. */
	readonly port?: number;
	/** Further statements inside `options { }`. */
	readonly options?: string;
	/** What stands inside `controls { }`, for rndc. */
	readonly controls?: string;
	/** Where NOTIFY goes. */
	readonly notify?: readonly { readonly address: string; readonly port: number }[];
	/** Not waited for at the start: zones that BIND refuses to load on purpose. */
	readonly expectLoaded?: boolean;
}

export async function startBind(options: BindOptions): Promise<StartedServer> {
	const address = options.address ?? "127.0.0.1";
	const port = options.port ?? (await freePort(address));
	const directory = await makeDirectory("bind");
	await mkdir(join(directory, "zones"));
	for (const zone of options.zones)
		await writeFile(join(directory, "zones", `${zone.name}.zone`), zoneText(zone));
	await writeFile(join(directory, "named.conf"), configuration(options, { address, port, directory }));
	return startServer(
		{ address, port, directory },
		"/usr/sbin/named",
		["-g", "-c", join(directory, "named.conf")],
		async () => {
			const names = options.expectLoaded === false ? [] : options.zones.map((zone) => zone.name);
			const answers = await Promise.all(names.map((name) => servesZone({ address, port }, name)));
			return answers.every(Boolean);
		},
	);
}

/** A zone's file: what is given, under an SOA with a negative TTL of a minute and a name server at 127.0.0.1. */
export function zoneText(zone: Pick<BindZone, "name" | "records">): string {
	const soa = /\bSOA\b/.test(zone.records)
		? ""
		: "@ IN SOA ns1 hostmaster 1 3600 60 86400 60\n@ IN NS ns1\nns1 IN A 127.0.0.1\n";
	return `$ORIGIN ${zone.name}.\n$TTL 60\n${soa}${zone.records}\n`;
}

function configuration(
	options: BindOptions,
	place: { readonly address: string; readonly port: number; readonly directory: string },
): string {
	const listen = place.address.includes(":") ? "listen-on-v6" : "listen-on";
	const other = place.address.includes(":") ? "listen-on" : "listen-on-v6";
	const notify = (options.notify ?? []).map((to) => `${to.address} port ${to.port};`).join(" ");
	return `
options {
	directory "${place.directory}";
	pid-file "${place.directory}/named.pid";
	session-keyfile "${place.directory}/session.key";
	managed-keys-directory "${place.directory}";
	${listen} port ${place.port} { ${place.address}; };
	${other} { none; };
	recursion no;
	dnssec-validation no;
	notify ${notify === "" ? "no" : `explicit; also-notify { ${notify} }; notify-delay 0`};
	startup-notify-rate 1000;
	notify-rate 1000;
	allow-transfer { any; };
	check-integrity no;
	empty-zones-enable no;
	${options.options ?? ""}
};
controls { ${options.controls ?? ""} };
${(options.tsigKeys ?? []).map((key) => `key "${key.name}" { algorithm ${key.algorithm}; secret "${key.secret}"; };`).join("\n")}
${options.zones.map((zone) => zoneStatement(zone, place.directory)).join("\n")}
`;
}

function zoneStatement(zone: BindZone, directory: string): string {
	const keys = zone.updateKeys ?? [];
	const allowed = keys === "any" ? "any;" : keys.map((key) => `key "${key}";`).join(" ");
	return `zone "${zone.name}" {
	type primary;
	file "${directory}/zones/${zone.name}.zone";
	${allowed === "" ? "" : `allow-update { ${allowed} };`}
	${zone.statements ?? ""}
};`;
}
