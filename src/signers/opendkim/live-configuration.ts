/** Gathers what OpenDKIM reads at its start: its options and both tables, with the files that they come from. */

import { createHash } from "node:crypto";
import { KeyturnError } from "../../errors.ts";
import type { Disk } from "../../ports/disk.ts";
import type { SignerFile } from "../../ports/signer.ts";
import type { SocketTarget } from "../../ports/sockets.ts";
import {
	type Configuration,
	type Dataset,
	isYes,
	parseConfiguration,
	parseDataset,
	parseSocket,
} from "./configuration.ts";
import { isLoopbackInternal } from "./internal-hosts.ts";
import { type KeyTableEntry, parseKeyTable } from "./key-table.ts";
import { createSigningTable, type SigningTable, type SigningTableKind } from "./signing-table.ts";
import { parseTable } from "./table-lines.ts";
import { readUnitArguments, type UnitArguments } from "./unit-arguments.ts";

export interface LiveConfiguration {
	/** The text of opendkim.conf. */
	readonly text: string;
	readonly options: Configuration;
	readonly unit: UnitArguments;
	readonly keyTable: SignerFile;
	readonly entries: readonly KeyTableEntry[];
	readonly signingFile: SignerFile;
	readonly signing: SigningTable;
	/** user[:group]; root where nothing says otherwise. */
	readonly user: string;
	readonly requireSafe: boolean;
	/** Whether mail that comes from loopback is signed. */
	readonly signsLoopback: boolean;
}

const CONFIG_LIMIT_BYTES = 1024 * 1024;
const TABLE_LIMIT_BYTES = 64 * 1024 * 1024;

/** Fails with `signer.config` on what is missing or not built yet. */
export async function readLive(disk: Disk, path: string, service: string): Promise<LiveConfiguration> {
	const text = latin1(await readWhole(disk, path, CONFIG_LIMIT_BYTES));
	const options = parseConfiguration({ path, text });
	const unit = await readUnitArguments(disk, service);
	const keyTable = await readKeyTable(disk, options);
	const signing = signingDataset(options);
	const signingFile = await readTable(disk, "SigningTable", signing.path);
	return {
		text,
		options,
		unit,
		keyTable,
		entries: parseKeyTable(keyTable.bytes),
		signingFile,
		signing: createSigningTable(
			signing.kind,
			signingFile.bytes,
			isYes(options.get("multiplesignatures"), false),
		),
		user: unit.user ?? options.get("userid") ?? "root",
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
	return parseSocket(socket);
}

async function readKeyTable(disk: Disk, options: Configuration): Promise<SignerFile> {
	const value = options.get("keytable") ?? "";
	const dataset = parseDataset(value);
	if (dataset.kind !== "file") throw unbuilt("KeyTable", value, dataset);
	return readTable(disk, "KeyTable", dataset.path);
}

function signingDataset(options: Configuration): { readonly kind: SigningTableKind; readonly path: string } {
	const value = options.get("signingtable");
	if (value === undefined)
		throw new KeyturnError("signer.config", "opendkim.conf has a KeyTable, but no SigningTable");
	const dataset = parseDataset(value);
	const { kind, path } = dataset;
	if (kind !== "file" && kind !== "refile") throw unbuilt("SigningTable", value, dataset);
	return { kind, path };
}

function unbuilt(option: string, value: string, dataset: Dataset): KeyturnError {
	return new KeyturnError(
		"signer.config",
		`${option} ${value}: a table of the kind ${dataset.kind} is not built yet, expected the path of a file`,
		{ hint: `Write the table into a file and name that with ${option}.` },
	);
}

async function readTable(disk: Disk, option: string, path: string): Promise<SignerFile> {
	if (!path.startsWith("/"))
		throw new KeyturnError("signer.config", `${option} ${path}: expected an absolute path`);
	const real = (await disk.realpath(path)) ?? path;
	const bytes = await readWhole(disk, real, TABLE_LIMIT_BYTES);
	if (bytes.includes(0))
		throw new KeyturnError("signer.config", `${option} ${path}: there is a NUL byte in it`);
	return { path: real, bytes, hash: createHash("sha256").update(bytes).digest("hex") };
}

async function signsLoopback(disk: Disk, options: Configuration): Promise<boolean> {
	const value = options.get("internalhosts");
	if (value === undefined) return true;
	const { kind, path } = parseDataset(value);
	if (kind === "csl") return isLoopbackInternal(path.split(",").map((host) => host.trim()));
	if (kind !== "file" && kind !== "refile") return false;
	const bytes = await disk.read(path, TABLE_LIMIT_BYTES);
	return bytes !== null && isLoopbackInternal(parseTable(latin1(bytes)).map((record) => record.key));
}

async function readWhole(disk: Disk, path: string, limitBytes: number): Promise<Uint8Array> {
	const bytes = await disk.read(path, limitBytes);
	if (bytes === null) throw new KeyturnError("signer.config", `${path} is absent`);
	return bytes;
}

function latin1(bytes: Uint8Array): string {
	return Buffer.from(bytes).toString("latin1");
}
