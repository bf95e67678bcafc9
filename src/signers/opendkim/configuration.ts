/** Reads opendkim.conf as OpenDKIM does: what of it decides which key signs, and what of it we cannot handle. */

import { KeyturnError } from "../../errors.ts";
import type { SocketTarget } from "../../ports/sockets.ts";

/** Values by key in lower case. */
export type Configuration = ReadonlyMap<string, string>;

export interface ConfigurationFiles {
	readonly path: string;
	readonly text: string;
}

/** A table's place: which kind of data set, and the path of those that are files. */
export interface Dataset {
	readonly kind: string;
	readonly path: string;
}

/** The options of a file that we can handle; fails with `signer.config` on one that we cannot. */
export function parseConfiguration(file: ConfigurationFiles): Configuration {
	const values = parseOptions(file.text);
	refuseUnbuilt(values, file.path);
	return values;
}

/** A line of the file as OpenDKIM cuts it: `#` and CR end it, the last one of a key counts. */
export function parseOptions(text: string): Configuration {
	const values = new Map<string, string>();
	for (const line of text.split("\n")) {
		const pair = splitOption(line);
		if (pair !== null) values.set(pair.key, pair.value);
	}
	return values;
}

/** The configuration for signing offline: both tables replaced, and what needs root or a running daemon left out. */
export function offlineConfiguration(
	text: string,
	{ keyTablePath, signingTable }: { readonly keyTablePath: string; readonly signingTable: string },
): string {
	const kept = text.split("\n").filter((line) => {
		const pair = splitOption(line);
		return pair === null || !LEFT_OUT_OFFLINE.has(pair.key);
	});
	const tables = [`KeyTable file:${keyTablePath}`, `SigningTable ${signingTable}`];
	return [...kept, "Background no", ...tables, ""].join("\n");
}

/** OpenDKIM's own rule: the first letter decides. */
export function isYes(value: string | undefined, absent: boolean): boolean {
	return value === undefined ? absent : /^[tTyY1]/.test(value);
}

/** A data set as opendkim-db.c tells its kind: by a prefix, else by its look. */
export function parseDataset(value: string): Dataset {
	const colon = value.indexOf(":");
	const comma = value.indexOf(",");
	if (colon !== -1 && (comma === -1 || colon < comma))
		return { kind: value.slice(0, colon).toLowerCase(), path: value.slice(colon + 1) };
	if (value.endsWith(".db")) return { kind: "db", path: value };
	return value.startsWith("/") ? { kind: "file", path: value } : { kind: "csl", path: value };
}

/** Where milter connections are taken: `inet:port[@host]`, `inet6:…`, `local:path`, `unix:path` or a bare path. */
export function parseSocket(value: string): SocketTarget {
	const unix = /^(?:(?:local|unix):)?(\/.*)$/.exec(value);
	if (unix !== null) return { kind: "unix", path: unix[1] ?? "" };
	const inet = /^(inet6?):(\d{1,5})(?:@(.+))?$/.exec(value);
	if (inet === null)
		throw new KeyturnError(
			"signer.config",
			`Socket ${value}: expected inet:port@host or local:/path, got neither`,
		);
	const [, family, port = "", host = ""] = inet;
	return { kind: "inet", port: Number(port), host: reachableHost(family === "inet6", host) };
}

const LEFT_OUT_OFFLINE: ReadonlySet<string> = new Set([
	"keytable",
	"signingtable",
	"userid",
	"pidfile",
	"socket",
	"umask",
	"mode",
	"background",
	"autorestart",
	"autorestartcount",
	"autorestartrate",
	"syslog",
	"syslogsuccess",
	"syslogfacility",
	"syslogname",
	"logwhy",
	"logresults",
	"statistics",
]);

/** A socket bound to every address is reached on loopback; brackets are Postfix's way of writing an address. */
function reachableHost(six: boolean, host: string): string {
	const bare = host.replace(/^\[(.*)\]$/, "$1");
	if (bare === "" || bare === "0.0.0.0" || bare === "::") return six ? "::1" : "127.0.0.1";
	return bare;
}

function splitOption(line: string): { readonly key: string; readonly value: string } | null {
	const text = /^[^#\r]*/.exec(line)?.[0] ?? "";
	const option = text.replace(/^[ \t]+/, "");
	const key = /^[^ \t]*/.exec(option)?.[0] ?? "";
	if (key === "") return null;
	const value = option.slice(key.length).replace(/^[ \t]+/, "");
	return { key: key.toLowerCase(), value: withoutBlanksBehind(value) };
}

/** A regular expression would look again at every blank of a long run in the middle. */
function withoutBlanksBehind(text: string): string {
	let end = text.length;
	while (end > 0 && " \t".includes(text.charAt(end - 1))) end--;
	return text.slice(0, end);
}

function refuseUnbuilt(values: Configuration, path: string): void {
	if (values.has("include"))
		throw refused(`${path}: Include is not built yet`, "Put the options into one file.");
	if (values.has("changerootdirectory"))
		throw refused(`${path}: ChangeRootDirectory is not built yet`, "Run OpenDKIM without it.");
	if (values.has("keytable")) return;
	if (values.has("keyfile") || values.has("domain") || values.has("selector"))
		throw refused(
			`${path}: a single key by Domain, Selector and KeyFile is not built yet`,
			"Use KeyTable and SigningTable: one line in each does what the three options did.",
		);
	throw refused(`${path}: no KeyTable, so there is no key to turn`, "Name the key table with KeyTable.");
}

function refused(message: string, hint: string): KeyturnError {
	return new KeyturnError("signer.config", message, { hint });
}
