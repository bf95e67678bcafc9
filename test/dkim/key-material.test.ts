import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
	bareKey,
	type PublicHalf,
	publicHalf,
	publicHalfOf,
	recordKey,
	recordText,
} from "../../src/dkim/key-material.ts";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ed25519 = generateKeyPairSync("ed25519");
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });

const rsaHalf: PublicHalf = { algorithm: "rsa", bits: 2048, publicKey: spki(rsa.publicKey) };
const edHalf: PublicHalf = { algorithm: "ed25519", bits: null, publicKey: spki(ed25519.publicKey) };

function spki(key: KeyObject): string {
	return key.export({ format: "der", type: "spki" }).toString("base64");
}

function pem(key: KeyObject, type: "pkcs1" | "pkcs8"): string {
	return String(type === "pkcs1" ? key.export({ format: "pem", type }) : key.export({ format: "pem", type }));
}

describe("the public half", () => {
	it("of a private key is the same in either form", () => {
		expect(publicHalf(pem(rsa.privateKey, "pkcs8"))).toEqual(rsaHalf);
		expect(publicHalf(pem(rsa.privateKey, "pkcs1"))).toEqual(rsaHalf);
		expect(publicHalf(pem(ed25519.privateKey, "pkcs8"))).toEqual(edHalf);
	});

	it("of what DKIM does not know, or of no key, is null", () => {
		expect(publicHalf(pem(ec.privateKey, "pkcs8"))).toBeNull();
		expect(publicHalf("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")).toBeNull();
		expect(publicHalfOf(spki(ec.publicKey))).toBeNull();
		expect(publicHalfOf("AAAA")).toBeNull();
	});

	it("of an SPKI is described", () => {
		expect(publicHalfOf(rsaHalf.publicKey)).toEqual(rsaHalf);
		expect(publicHalfOf(edHalf.publicKey)).toEqual(edHalf);
	});
});

describe("the key of a record", () => {
	it("is the one that was written into it", () => {
		for (const half of [rsaHalf, edHalf])
			expect(recordKey({ algorithm: half.algorithm, publicKey: recordText(half) })).toEqual(half);
	});

	it("is 32 bare octets for Ed25519", () => {
		expect(Buffer.from(recordText(edHalf), "base64")).toHaveLength(32);
		expect(edHalf.publicKey.endsWith(recordText(edHalf))).toBe(true);
	});

	it("may be bare PKCS#1 for RSA", () => {
		const bare = rsa.publicKey.export({ format: "der", type: "pkcs1" }).toString("base64");
		expect(recordKey({ algorithm: "rsa", publicKey: bare })).toEqual(rsaHalf);
	});

	it.each([
		["of a revoked record", "rsa", ""],
		["that is no base64 before", "rsa", `*${rsaHalf.publicKey}`],
		["that is no base64 after", "rsa", `${rsaHalf.publicKey}*`],
		["with more padding than there is", "rsa", `${rsaHalf.publicKey}===`],
		["that is base64 of no key", "rsa", "AAAA"],
		["of an elliptic curve", "rsa", spki(ec.publicKey)],
		["of 31 octets", "ed25519", Buffer.alloc(31, 1).toString("base64")],
		["of 33 octets", "ed25519", Buffer.alloc(33, 1).toString("base64")],
		["that is an SPKI where bare octets belong", "ed25519", edHalf.publicKey],
	])("is unreadable %s", (_what, algorithm, publicKey) => {
		expect(recordKey({ algorithm, publicKey })).toBeNull();
	});
});

it("an Ed25519 key as rspamd keeps it is the same key, with its public half behind it or not; others stay in PEM", () => {
	const { privateKey } = generateKeyPairSync("ed25519");
	const pem = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
	const bare = bareKey(pem);
	expect(bare).toMatch(/^[A-Za-z0-9+/]{43}=\n$/);
	expect(publicHalf(bare)).toEqual(publicHalf(pem));
	const raw = Buffer.from(publicHalf(pem)?.publicKey ?? "", "base64").subarray(-32);
	const whole = Buffer.concat([Buffer.from(bare, "base64"), raw]).toString("base64");
	expect(publicHalf(whole)).toEqual(publicHalf(pem));
	expect(publicHalf(bare.slice(4))).toBeNull();
	const rsa = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey;
	const rsaPem = rsa.export({ format: "pem", type: "pkcs8" }).toString();
	expect(bareKey(rsaPem)).toBe(rsaPem);
});
