import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { publicHalfOf, recordText } from "../../src/dkim/key-material.ts";
import { nextRecord, nextRecordOctets } from "../../src/rotation/next-record.ts";
import { newHalf } from "../fakes/policies.ts";

const half = newHalf();
const key = recordText(half);
const inUse = "v=DKIM1;h=sha1:sha256;k=rsa;s=email;t=y:s;n=theirs;p=AAAA";

test("the first record has the key and nothing else", () => {
	expect(nextRecord(half, { ttlSeconds: 3600 }, null)).toBe(`v=DKIM1;k=ed25519;p=${key}`);
});

test("the record in use carries on what its successor may have", () => {
	expect(nextRecord(half, { ttlSeconds: 3600 }, inUse)).toBe(
		`v=DKIM1;h=sha256;k=ed25519;s=email;t=s;n=theirs;p=${key}`,
	);
});

test("what is configured stands above what is in use", () => {
	const policy = {
		ttlSeconds: 3600,
		hash: ["sha256", "sha512"],
		service: ["*"],
		flags: ["x"],
		notes: "ours",
	};
	const expected = `v=DKIM1;h=sha256:sha512;k=ed25519;s=*;t=x;n=ours;p=${key}`;
	expect(nextRecord(half, policy, inUse)).toBe(expected);
	expect(nextRecord(half, policy, null)).toBe(expected);
});

test("a record in use that is none carries nothing on", () => {
	expect(nextRecord(half, { ttlSeconds: 3600 }, "n=kept; t=s")).toBe(`v=DKIM1;k=ed25519;p=${key}`);
});

test("the length of the record of a key still to be made is that of the made one", () => {
	const spec = { algorithm: "rsa", bits: 2048 } as const;
	const { publicKey } = generateKeyPairSync("rsa", { modulusLength: spec.bits });
	const rsa = publicHalfOf(publicKey.export({ format: "der", type: "spki" }).toString("base64"));
	const policy = { ttlSeconds: 60, flags: ["s"] };
	expect(nextRecordOctets(spec, policy, inUse)).toBe(nextRecord(rsa ?? half, policy, inUse).length);
	expect(nextRecordOctets({ algorithm: "ed25519" }, policy, null)).toBe(
		nextRecord(half, policy, null).length,
	);
});
