/** Keys as key material: whether a private key, a record and an SPKI are the same key, never compared as text. */

import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { type KeyRecord, parseKeyRecord } from "./key-record.ts";

/** DER prefix of an Ed25519 SubjectPublicKeyInfo (RFC 8410 section 4); the raw 32 bytes follow. */
const ED25519_SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

/** DER prefix of an Ed25519 private key in PKCS#8 (RFC 8410 section 7); the 32 bytes of its seed follow. */
const ED25519_PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
/** Some programs keep the seed alone, others the public half behind it. */
const BARE_OCTETS: readonly number[] = [32, 64];

/** What key to make. */
export type KeySpec =
	| { readonly algorithm: "rsa"; readonly bits: number }
	| { readonly algorithm: "ed25519" };

export interface PublicHalf {
	readonly algorithm: "rsa" | "ed25519";
	/** Of an RSA modulus; null for Ed25519. */
	readonly bits: number | null;
	/** Base64 of the SPKI DER. */
	readonly publicKey: string;
}

/**
 * The public half of a private key in PEM (PKCS#1 or PKCS#8), or of an Ed25519 key as `bareKey` writes it; null if it is none
 * that DKIM knows.
 */
export function publicHalf(privateKey: string): PublicHalf | null {
	try {
		return describe(createPublicKey(privateKeyFrom(privateKey)));
	} catch {
		return null;
	}
}

/** A private key as `publicHalf` reads it; fails on what is none. */
export function privateKeyFrom(text: string): KeyObject {
	return bareEd25519(text) ?? createPrivateKey(text);
}

/** An Ed25519 key as rspamd and dkimpy-milter read it: base64 of its seed alone. Other keys as they are given, in PEM. */
export function bareKey(privatePem: string): string {
	const key = createPrivateKey(privatePem);
	if (key.asymmetricKeyType !== "ed25519") return privatePem;
	const der = key.export({ format: "der", type: "pkcs8" });
	return `${der.subarray(ED25519_PKCS8_PREFIX.length).toString("base64")}\n`;
}

function bareEd25519(text: string): KeyObject | null {
	if (!/^[A-Za-z0-9+/]+={0,2}\s*$/.test(text)) return null;
	const bytes = Buffer.from(text, "base64");
	if (!BARE_OCTETS.includes(bytes.length)) return null;
	const key = Buffer.concat([ED25519_PKCS8_PREFIX, bytes.subarray(0, 32)]);
	return createPrivateKey({ key, format: "der", type: "pkcs8" });
}

/** The key in a record's `p=`: RSA as SPKI (or bare PKCS#1, RFC 6376 errata 3017), Ed25519 raw (RFC 8463); null if unreadable. */
export function recordKey(record: KeyRecord): PublicHalf | null {
	if (!/^[A-Za-z0-9+/]+={0,2}$/.test(record.publicKey)) return null;
	// Padding may be left out, but what is there has to be right: some verifiers refuse it otherwise.
	if (record.publicKey.endsWith("=") && record.publicKey.length % 4 !== 0) return null;
	const der = Buffer.from(record.publicKey, "base64");
	try {
		if (record.algorithm === "ed25519")
			return der.length === 32
				? describe(publicKeyFrom(Buffer.concat([ED25519_SPKI_PREFIX, der]), "spki"))
				: null;
		return describe(rsaKeyFrom(der));
	} catch {
		return null;
	}
}

/** Whether a TXT value is a record of this key, however it is written. */
export function isRecordOf(value: string, publicKey: string): boolean {
	const parsed = parseKeyRecord(value);
	return parsed.kind === "record" && recordKey(parsed.record)?.publicKey === publicKey;
}

/** What stands in `p=` for a key: base64 of the SPKI for RSA, of the raw 32 bytes for Ed25519. */
export function recordText(key: PublicHalf): string {
	if (key.algorithm === "rsa") return key.publicKey;
	return Buffer.from(key.publicKey, "base64").subarray(ED25519_SPKI_PREFIX.length).toString("base64");
}

function rsaKeyFrom(der: Buffer): KeyObject {
	try {
		return publicKeyFrom(der, "spki");
	} catch {
		return publicKeyFrom(der, "pkcs1");
	}
}

function publicKeyFrom(der: Buffer, type: "spki" | "pkcs1"): KeyObject {
	return createPublicKey({ key: der, format: "der", type });
}

function describe(key: KeyObject): PublicHalf | null {
	const algorithm = key.asymmetricKeyType;
	if (algorithm !== "rsa" && algorithm !== "ed25519") return null;
	return {
		algorithm,
		bits: key.asymmetricKeyDetails?.modulusLength ?? null,
		publicKey: key.export({ format: "der", type: "spki" }).toString("base64"),
	};
}

/** Describes a public key given as base64 of its SPKI DER; null if it is none that DKIM knows. */
export function publicHalfOf(spki: string): PublicHalf | null {
	try {
		return describe(publicKeyFrom(Buffer.from(spki, "base64"), "spki"));
	} catch {
		return null;
	}
}
