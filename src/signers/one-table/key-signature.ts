/**
 * Signs the probe's message with a key file, for signers that cannot be had to sign offline: proves that the file at its
 * place is the private half of the record. RFC 6376 (simple/simple, rsa-sha256) and RFC 8463 (ed25519-sha256).
 */

import { createHash, sign } from "node:crypto";
import { privateKeyFrom } from "../../dkim/key-material.ts";
import { KeyturnError } from "../../errors.ts";
import type { Disk } from "../../ports/disk.ts";
import type { SignExpectation, SignerReading } from "../../ports/signer.ts";
import { readPrivateKey } from "../key-file.ts";
import { probeHeaders, PROBE_BODY, probeText } from "../probe-message.ts";
import { parseRows, type Row, type RowFormat } from "./rows.ts";

/** One message per expectation, signed with the key that a staged table names for it; fails with `signer.config`. */
export async function signWithKeys(
	disk: Disk,
	format: RowFormat,
	staged: ReadonlyMap<string, string>,
	expectations: readonly SignExpectation[],
	{ files }: SignerReading,
): Promise<readonly string[]> {
	const rows: Row[] = [];
	for (const { path } of files) {
		const bytes = await disk.read(staged.get(path) ?? path, LIMIT_BYTES);
		if (bytes !== null) rows.push(...parseRows(bytes, format));
	}
	const messages: string[] = [];
	for (const { domain, selector } of expectations) {
		const row = rows.find(
			(one) => one.problem === null && one.domain === domain && one.selector === selector,
		);
		const pem = row === undefined ? null : await readPrivateKey(disk, row.path);
		if (pem === null)
			throw new KeyturnError(
				"signer.config",
				`${files.map(({ path }) => path).join(", ")}: as staged, no line gives ${domain} a key for ${selector}`,
			);
		messages.push(signProbe(domain, selector, pem));
	}
	return messages;
}

const LIMIT_BYTES = 64 * 1024 * 1024;

/** The message of the probe, signed with a key in PEM. */
export function signProbe(domain: string, selector: string, pem: string): string {
	const key = privateKeyFrom(pem);
	const isRsa = key.asymmetricKeyType === "rsa";
	const sender = `postmaster@${domain}`;
	const headers = probeHeaders(sender);
	const bodyHash = createHash("sha256").update(PROBE_BODY).digest("base64");
	const names = headers.map(([name]) => name.toLowerCase()).join(":");
	const field = `DKIM-Signature: v=1; a=${isRsa ? "rsa" : "ed25519"}-sha256; c=simple/simple; d=${domain}; s=${selector};\r\n\th=${names}; bh=${bodyHash};\r\n\tb=`;
	const signed = Buffer.from(`${headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}${field}`);
	const signature = isRsa
		? sign("sha256", signed, key)
		: sign(null, createHash("sha256").update(signed).digest(), key);
	return `${field}${signature.toString("base64")}\r\n${probeText(sender)}`;
}
