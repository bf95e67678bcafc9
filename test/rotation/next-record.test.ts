import { expect, test } from "vitest";
import { recordText } from "../../src/dkim/key-material.ts";
import { nextRecord } from "../../src/rotation/next-record.ts";
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
