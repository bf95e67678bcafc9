/** Reads a signer whose keys stand in one table: what its rows name, and what lies at their paths. */

import { createHash } from "node:crypto";
import { publicHalf } from "../../dkim/key-material.ts";
import { hashOf } from "../../durable.ts";
import { KeyturnError } from "../../errors.ts";
import type { Disk } from "../../ports/disk.ts";
import type { SignerFile, SignerReading, SigningLine } from "../../ports/signer.ts";
import { findAccount, readAccounts } from "../accounts.ts";
import { readKeyFile } from "../key-file.ts";
import { parseRows, type Row, type RowFormat } from "./rows.ts";

export interface OneTable {
	readonly disk: Disk;
	readonly table: string;
	readonly format: RowFormat;
	/** Who reads the keys. */
	readonly user: string;
	/** Files whose change after the start of the signer holds a swap. */
	readonly configuration?: readonly string[];
	readonly notes?: readonly string[];
	/** Why no row of the table signs; null if they do. */
	readonly problem?: string | null;
}

const TABLE_LIMIT_BYTES = 64 * 1024 * 1024;

export async function readOneTable(given: OneTable): Promise<SignerReading> {
	const { disk, table, format, user } = given;
	const file = await readTable(disk, table);
	const account = findAccount(await readAccounts(disk), user);
	const lines: SigningLine[] = [];
	for (const row of parseRows(file.bytes, format))
		lines.push(await describe(disk, row, given.problem ?? null));
	return {
		lines,
		files: [file],
		tableHash: createHash("sha256").update(`${file.hash} ${file.path}\0`).digest("hex"),
		owner: { uid: account.uid, gid: account.gid, user: account.user },
		configuration: given.configuration ?? [],
		notes: given.notes ?? [],
	};
}

/** Fails with `signer.config` where it is missing. */
export async function readTable(disk: Disk, table: string): Promise<SignerFile> {
	const path = await disk.realpath(table);
	const bytes = path === null ? null : await disk.read(path, TABLE_LIMIT_BYTES);
	if (path === null || bytes === null)
		throw new KeyturnError(
			"signer.config",
			`${table}: expected the table of the keys in use, found nothing`,
			{
				hint: "Make it, with one line for each key that signs; it may be empty where nothing signs yet.",
			},
		);
	return { path, bytes, hash: hashOf(bytes) };
}

async function describe(disk: Disk, row: Row, problem: string | null): Promise<SigningLine> {
	const { pem, ...unread } = row.problem === null ? await readKeyFile(disk, row.path) : { pem: null };
	return {
		domain: row.domain,
		selector: row.selector,
		entry: row.label ?? row.domain,
		keyPath: row.path,
		publicKey: pem === null ? null : (publicHalf(pem)?.publicKey ?? null),
		...unread,
		problem: row.problem ?? problem,
		signs: row.problem === null && problem === null,
	};
}
