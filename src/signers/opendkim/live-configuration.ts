/** Gathers what OpenDKIM reads at its start: its options and what names its keys, with the files that they come from. */

import { KeyturnError } from "../../errors.ts";
import type { Disk } from "../../ports/disk.ts";
import type { SignerFile } from "../../ports/signer.ts";
import type { SocketTarget } from "../../ports/sockets.ts";
import { type Configuration, isYes, parseDataset, parseSocket, valuesOf } from "./configuration.ts";
import {
	type ConfigurationFiles,
	NOTHING_STAGED,
	readConfigurationFiles,
	readSignerFile,
	type Staged,
} from "./configuration-files.ts";
import { isLoopbackInternal } from "./internal-hosts.ts";
import { type KeyTableEntry, parseKeyTable } from "./key-table.ts";
import { findOneKey, ONE_KEY, type OneKey } from "./one-key.ts";
import { formatOf, type Root, toOutside } from "./root-directory.ts";
import { withSenders } from "./senders.ts";
import { createSigningTable, type SigningTable } from "./signing-table.ts";
import { parseTable } from "./table-lines.ts";
import { readUnitArguments, type UnitArguments } from "./unit-arguments.ts";

export interface LiveConfiguration extends KeyNaming {
	/** The text of opendkim.conf with all that it includes. */
	readonly text: string;
	readonly options: Configuration;
	/** Real paths of opendkim.conf and what it includes. */
	readonly paths: readonly string[];
	readonly unit: UnitArguments;
	/** ChangeRootDirectory. */
	readonly root: Root;
	/** user[:group]; root where nothing says otherwise. */
	readonly user: string;
	readonly requireSafe: boolean;
	/** Whether mail that comes from loopback is signed. */
	readonly signsLoopback: boolean;
}

/** What names the keys: both tables, or opendkim.conf itself, then in the form of the tables that would say the same. */
export interface KeyNaming {
	readonly entries: readonly KeyTableEntry[];
	readonly signing: SigningTable;
	/** What a change may rewrite. */
	readonly files: readonly SignerFile[];
	/** Null where there are tables. */
	readonly oneKey: OneKey | null;
}

const TABLE_LIMIT_BYTES = 64 * 1024 * 1024;

export interface LiveOptions {
	readonly disk: Disk;
	/** Of opendkim.conf. */
	readonly config: string;
	readonly service: string;
	/** Read in place of live files. */
	readonly staged?: Staged;
}

/** Fails with `signer.config` on what is missing or not built yet. */
export async function readLive(given: LiveOptions): Promise<LiveConfiguration> {
	const { disk, config, service, staged = NOTHING_STAGED } = given;
	const files = await readConfigurationFiles(disk, config, staged);
	const options = valuesOf(files.options);
	const root = rootIn(options, config);
	const unit = await readUnitArguments(disk, service);
	const oneKey = findOneKey(files.options, config);
	return {
		...(oneKey === null
			? await readTables({ disk, staged, root }, options)
			: namedInside(files, options, oneKey)),
		root,
		text: files.text,
		options,
		paths: files.files.map(({ path }) => path),
		unit,
		user: unit.user ?? options.get("userid") ?? unit.startedAs ?? "root",
		requireSafe: isYes(options.get("requiresafekeys"), true),
		signsLoopback: await signsLoopback(disk, options),
	};
}

/** Where the running OpenDKIM takes connections. */
export function socketOf(live: LiveConfiguration): SocketTarget {
	const socket = live.unit.socket ?? live.options.get("socket");
	if (socket === undefined)
		throw new KeyturnError("signer.config", "opendkim.conf has no Socket", {
			hint: "Name it there, with the value that the mail server has in smtpd_milters.",
		});
	const target = parseSocket(socket);
	return target.kind === "unix" ? { ...target, path: toOutside(live.root, target.path) } : target;
}

function rootIn(options: Configuration, config: string): Root {
	const root = options.get("changerootdirectory")?.replace(/\/+$/, "");
	if (root === undefined || root === "") return null;
	if (root.startsWith("/")) return root;
	throw new KeyturnError(
		"signer.config",
		`${config}: ChangeRootDirectory ${root}: expected an absolute path`,
	);
}

async function readTables(
	{ disk, staged, root }: { readonly disk: Disk; readonly staged: Staged; readonly root: Root },
	options: Configuration,
): Promise<KeyNaming> {
	const reading = { disk, staged, limitBytes: TABLE_LIMIT_BYTES };
	const keys = tableDataset("KeyTable", options.get("keytable"));
	const keyTable = await readSignerFile(reading, "KeyTable", keys.path);
	const rules = tableDataset("SigningTable", options.get("signingtable"));
	const signingFile = await readSignerFile(reading, "SigningTable", rules.path);
	const isMultiple = isYes(options.get("multiplesignatures"), false);
	const signing = createSigningTable(rules.kind, signingFile.bytes, isMultiple);
	const entries = withSenders(parseKeyTable(keyTable.bytes, keys.kind), signing);
	return {
		entries: entries.map((entry) => ({ ...entry, path: toOutside(root, entry.path) })),
		signing,
		files: [
			{ ...keyTable, format: formatOf(keys.kind, root) },
			{ ...signingFile, format: rules.kind },
		],
		oneKey: null,
	};
}

function tableDataset(
	option: string,
	value: string | undefined,
): { readonly kind: "file" | "refile"; readonly path: string } {
	if (value === undefined)
		throw new KeyturnError("signer.config", `opendkim.conf has a KeyTable, but no ${option}`);
	const { kind, path } = parseDataset(value);
	if (kind === "file" || kind === "refile") return { kind, path };
	const served = SERVED_ELSEWHERE.get(kind);
	if (served !== undefined)
		throw new KeyturnError(
			"signer.config",
			`${option} ${kind}:…: ${served} holds this table, and keyturn changes tables only where a crash leaves them whole: in files`,
			{ hint: `Write the table into a file and name that with ${option}.` },
		);
	throw new KeyturnError(
		"signer.config",
		`${option} ${value}: a table of the kind ${kind} is not built yet, expected the path of a file`,
		{ hint: `Write the table into a file and name that with ${option}.` },
	);
}

/** Their values may hold passwords, and are not repeated. */
const SERVED_ELSEWHERE: ReadonlyMap<string, string> = new Map([
	["dsn", "a database (SQL)"],
	["ldap", "a directory (LDAP)"],
	["ldaps", "a directory (LDAP)"],
	["ldapi", "a directory (LDAP)"],
	["memcache", "a memcached"],
	["socket", "another program"],
	["lua", "a script"],
	["erlang", "another program"],
	["repute", "a reputation service"],
]);

/** As if both tables said it: lookups, probes and notes are the same. */
function namedInside({ files }: ConfigurationFiles, options: Configuration, oneKey: OneKey): KeyNaming {
	const { domains, selector, path, problem } = oneKey;
	const keys = domains.map((domain) => `${domain} ${domain}:${selector}:${path}\n`);
	const isBelow = isYes(options.get("subdomains"), false);
	const rules = domains.flatMap((domain) => [
		`${domain} ${domain}\n`,
		...(isBelow ? [`.${domain} ${domain}\n`] : []),
	]);
	const entries = parseKeyTable(Buffer.from(keys.join(""), "latin1"));
	return {
		entries: problem === null ? entries : entries.map((entry) => ({ ...entry, problem })),
		signing: createSigningTable("file", Buffer.from(rules.join(""), "latin1"), false),
		files: files.filter((file) => file.path === oneKey.file).map((file) => ({ ...file, format: ONE_KEY })),
		oneKey,
	};
}

async function signsLoopback(disk: Disk, options: Configuration): Promise<boolean> {
	const value = options.get("internalhosts");
	if (value === undefined) return true;
	const { kind, path } = parseDataset(value);
	if (kind === "csl") return isLoopbackInternal(path.split(",").map((host) => host.trim()));
	if (kind !== "file" && kind !== "refile") return false;
	const bytes = await disk.read(path, TABLE_LIMIT_BYTES);
	if (bytes === null) return false;
	return isLoopbackInternal(parseTable(Buffer.from(bytes).toString("latin1")).map((record) => record.key));
}
