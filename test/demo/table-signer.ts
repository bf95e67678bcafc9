/** Signs a message as OpenDKIM would by its tables: the sender's line of the signing table, that entry's key, and mailauth. */

import { readFile } from "node:fs/promises";
import { dkimSign } from "mailauth";
import { optionLines, parseDataset, valuesOf } from "../../src/signers/opendkim/configuration.ts";
import { type KeyTableEntry, parseKeyTable } from "../../src/signers/opendkim/key-table.ts";
import {
	createSigningTable,
	entriesFor,
	type SigningTable,
} from "../../src/signers/opendkim/signing-table.ts";

export interface Tables {
	readonly entries: readonly KeyTableEntry[];
	readonly signing: SigningTable;
}

export interface Signed {
	readonly selector: string;
	/** The header field, CRLF line ends, its last one too. */
	readonly field: string;
}

/** As OpenDKIM reads them at its start; the key files it opens for each message. */
export async function loadTables(configPath: string): Promise<Tables> {
	const text = await readFile(configPath, "latin1");
	const options = valuesOf(optionLines(text));
	const keys = parseDataset(options.get("keytable") ?? "");
	const signing = parseDataset(options.get("signingtable") ?? "");
	if (signing.kind !== "refile") throw new Error(`SigningTable: expected refile, got ${signing.kind}`);
	return {
		entries: parseKeyTable(await readFile(keys.path)),
		signing: createSigningTable(signing.kind, await readFile(signing.path), false),
	};
}

/** Null if no line of the tables is for this sender. */
export async function signBy(tables: Tables, message: string, at: Date): Promise<Signed | null> {
	const sender = /^From:.*<(.+)>/m.exec(message)?.[1] ?? "";
	const [name] = entriesFor(tables.signing, sender);
	const entry = tables.entries.find((one) => one.isUsed && one.name === name);
	if (entry === undefined) return null;
	const { domain: signingDomain, selector, path } = entry;
	const key = { signingDomain, selector, privateKey: await readFile(path, "utf8") };
	const how = { canonicalization: "relaxed/simple", signTime: at, signatureData: [key] };
	const { signatures, errors } = await dkimSign(message, { ...key, ...how });
	if (errors.length > 0 || signatures.trim() === "")
		throw new Error(`${path}: mailauth did not sign with it`);
	return { selector, field: `${signatures.trimEnd()}\r\n` };
}
