/** Reads opendkim.conf as OpenDKIM does: what of it decides which key signs, and where in the file that stands. */

import { KeyturnError } from "../../errors.ts";
import type { InetTarget, SocketTarget } from "../../ports/sockets.ts";

/** Values by key in lower case. */
export type Configuration = ReadonlyMap<string, string>;

/** One option as it stands in a file; positions are byte offsets, the text is Latin-1. */
export interface OptionLine {
	/** In lower case. */
	readonly key: string;
	readonly value: string;
	/** Where the value begins. */
	readonly valueAt: number;
}

/** A table's place: which kind of data set, and the path of those that are files. */
export interface Dataset {
	readonly kind: string;
	readonly path: string;
}

/** The lines of a file as OpenDKIM cuts them: `#` and CR end one, blanks around are none of it. */
export function optionLines(text: string): readonly OptionLine[] {
	const lines: OptionLine[] = [];
	let start = 0;
	for (const line of text.split("\n")) {
		const option = splitOption(line);
		if (option !== null) lines.push({ ...option, valueAt: start + option.valueAt });
		start += line.length + 1;
	}
	return lines;
}

/** The last one of a key counts. */
export function valuesOf(lines: readonly OptionLine[]): Configuration {
	return new Map(lines.map(({ key, value }) => [key, value]));
}

/**
 * The configuration for signing offline: `tables` in place of the live ones, or none where the key stands in the
 * configuration itself; what needs root or a running daemon is left out.
 */
export function offlineConfiguration(
	text: string,
	tables: { readonly keyTable: string; readonly signingTable: string } | null,
): string {
	const kept = text.split("\n").filter((line) => {
		const option = splitOption(line);
		return option === null || !LEFT_OUT_OFFLINE.has(option.key);
	});
	const own = tables === null ? [] : [`KeyTable ${tables.keyTable}`, `SigningTable ${tables.signingTable}`];
	return [...kept, "Background no", ...own, ""].join("\n");
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
	return { kind: "inet", port: Number(port), ...reachable(family === "inet6", host) };
}

const LEFT_OUT_OFFLINE: ReadonlySet<string> = new Set([
	"keytable",
	"signingtable",
	"changerootdirectory",
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
	// Whose mail is signed: a message that is given to it in a file comes from somebody who has logged in.
	"internalhosts",
	"externalignorelist",
	"peerlist",
]);

/** A socket bound to every address is reached on loopback; brackets are Postfix's way of writing an address. */
function reachable(six: boolean, host: string): Pick<InetTarget, "host" | "isOnEveryAddress"> {
	const bare = host.replace(/^\[(.*)\]$/, "$1");
	if (!["", "0.0.0.0", "::"].includes(bare)) return { host: bare };
	return { host: six ? "::1" : "127.0.0.1", isOnEveryAddress: true };
}

function splitOption(line: string): OptionLine | null {
	const text = /^[^#\r]*/.exec(line)?.[0] ?? "";
	const before = /^[ \t]*/.exec(text)?.[0] ?? "";
	const key = /^[^ \t]*/.exec(text.slice(before.length))?.[0] ?? "";
	if (key === "") return null;
	const behind = text.slice(before.length + key.length);
	const gap = /^[ \t]*/.exec(behind)?.[0] ?? "";
	return {
		key: key.toLowerCase(),
		value: withoutBlanksBehind(behind.slice(gap.length)),
		valueAt: before.length + key.length + gap.length,
	};
}

/** A regular expression would look again at every blank of a long run in the middle. */
function withoutBlanksBehind(text: string): string {
	let end = text.length;
	while (end > 0 && " \t".includes(text.charAt(end - 1))) end--;
	return text.slice(0, end);
}
