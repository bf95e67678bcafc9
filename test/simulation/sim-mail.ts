/** Signed mail of the simulated host: what its signer would put on a message now, and how a receiver judges it. */

import { createHash, createPrivateKey, createPublicKey } from "node:crypto";
import { type KeySpec, recordKey } from "../../src/dkim/key-material.ts";
import { parseKeyRecord } from "../../src/dkim/key-record.ts";
import { rsaKeyOf } from "./rsa-keys.ts";
import type { MailVerifier, SignatureVerdict } from "../../src/ports/mail-verifier.ts";

const PKCS8_ED25519 = Buffer.from("302e020100300506032b657004220420", "hex");

/** Real private keys, each run the same ones in the same order: every one is parsed once, whatever runs follow. */
export function createSimKeys(): (algorithm?: KeySpec["algorithm"]) => string {
	let made = 0;
	let madeRsa = 0;
	return (algorithm = "ed25519") => {
		if (algorithm === "rsa") {
			madeRsa += 1;
			const pem = rsaPool[madeRsa] ?? pemOf(rsaKeyOf(madeRsa));
			rsaPool[madeRsa] = pem;
			return pem;
		}
		made += 1;
		const pem = pool[made] ?? privateKeyOf(made);
		pool[made] = pem;
		return pem;
	};
}

const pool: string[] = [];
const rsaPool: string[] = [];

function privateKeyOf(number: number): string {
	const bytes = createHash("sha256").update(`simulated key ${number}`).digest();
	return pemOf(Buffer.concat([PKCS8_ED25519, bytes]).toString("base64"));
}

function pemOf(der: string): string {
	return `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`;
}

const halves = new Map<string, string | null>();

/** Base64 of the SPKI of a private key's public half; null if it is none. The same key is parsed once. */
export function publicHalfOf(pem: string): string | null {
	const known = halves.get(pem);
	if (known !== undefined) return known;
	if (halves.size > 5000) halves.clear();
	const half = parsePrivate(pem);
	halves.set(pem, half);
	return half;
}

function parsePrivate(pem: string): string | null {
	try {
		return createPublicKey(createPrivateKey(inPem(pem)))
			.export({ format: "der", type: "spki" })
			.toString("base64");
	} catch {
		return null;
	}
}

/** An Ed25519 key may stand as its bare 32 bytes in base64. */
function inPem(text: string): string {
	if (!/^[A-Za-z0-9+/]{43}=\n$/.test(text)) return text;
	return pemOf(Buffer.concat([PKCS8_ED25519, Buffer.from(text, "base64")]).toString("base64"));
}

/** Of an SPKI in base64; null for what is none. */
export function algorithmOf(publicKey: string): KeySpec["algorithm"] | null {
	if (publicKey === "") return null;
	return publicKey.startsWith(SPKI_ED25519) ? "ed25519" : "rsa";
}

/** How the SPKI of every Ed25519 key begins in base64. */
const SPKI_ED25519 = "MCowBQYDK2Vw";

const published = new Map<string, string | null>();

/** The SPKI that a verifier takes out of a TXT value; null if it takes none. */
export function publishedKey(value: string): string | null {
	const known = published.get(value);
	if (known !== undefined) return known;
	if (published.size > 5000) published.clear();
	const parsed = parseKeyRecord(value);
	const key = parsed.kind === "record" ? (recordKey(parsed.record)?.publicKey ?? null) : null;
	published.set(value, key);
	return key;
}

/** RFC 6376 section 3.6.2.2: exactly one record, and that with this key. */
export function verifies(publicKey: string, values: readonly string[]): boolean {
	const [value] = values;
	return values.length === 1 && value !== undefined && publishedKey(value) === publicKey;
}

/** A message that names the key which signed it: what a signature proves, without the arithmetic. */
export function signedMessage(domain: string, selector: string, publicKey: string): string {
	return `DKIM-Signature: v=1; d=${domain}; s=${selector}; x=${publicKey}\r\nFrom: <mail@${domain}>\r\n\r\nhello\r\n`;
}

export const simMailVerifier: MailVerifier = {
	verify: async (message, lookup): Promise<readonly SignatureVerdict[]> => {
		const match = /^DKIM-Signature: v=1; d=([^;]+); s=([^;]+); x=(\S+)\r\n/.exec(message);
		if (match === null) return [];
		const [, domain = "", selector = "", publicKey = ""] = match;
		const values = await lookup(`${selector}._domainkey.${domain}`);
		if (values === null) return [{ domain, selector, outcome: "unknown", reason: "no answer from DNS" }];
		return verifies(publicKey, values)
			? [{ domain, selector, outcome: "pass", reason: null }]
			: [{ domain, selector, outcome: "fail", reason: `${values.length} records, none with this key` }];
	},
};
