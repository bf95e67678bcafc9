import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { publicHalf } from "../../src/dkim/key-material.ts";
import { keyOfRecord, mismatch, staleness } from "../../src/swap/evidence.ts";
import { simKey } from "../fakes/sim-signer.ts";

const { key, record } = simKey("one");
const other = simKey("other").record;

describe("the key of a record", () => {
	it("is the public half of the private key", () => {
		expect(keyOfRecord(record)).toEqual(publicHalf(key));
	});

	it.each([
		["no record", "just text", 'the record is no key record: "just text" is no tag=value'],
		["a revoked record", "v=DKIM1;k=ed25519;p=", "the record holds no readable key"],
		["a record that no verifier takes", `${record};s=other`, /^verifiers would refuse the record: s=other /],
	])("is not taken from %s", (_what, value, why) => {
		expect(keyOfRecord(value)).toEqual(typeof why === "string" ? why : expect.stringMatching(why));
	});
});

describe("a private key", () => {
	it("belongs to the record made of it", () => {
		expect(mismatch(key, record)).toBeNull();
	});

	it("does not belong to another record, and is told of by no part of it", () => {
		expect(mismatch(key, other)).toBe("the private key does not match the record");
		expect(mismatch(key, "just text")).toMatch(/^the record is no key record/);
	});

	it("has to be one that DKIM knows", () => {
		const none = "the private key is no RSA or Ed25519 key in PEM";
		const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
		expect(mismatch(privateKey.export({ format: "pem", type: "pkcs8" }).toString(), record)).toBe(none);
		expect(mismatch("secret", record)).toBe(none);
	});
});

describe("what the servers answered", () => {
	const now = new Date("2026-11-01T03:00:00.000Z");
	const staged = { domain: "a.example", selector: "new", record };
	const answer = (at: string) => ({ server: "ns1.example", address: "192.0.2.1", at });
	const seen = (...ats: readonly string[]) => ({ ...staged, answers: ats.map(answer) });
	const why = (evidence: Parameters<typeof staleness>[1]) => staleness(staged, evidence, now);

	it("is fresh for five minutes to the millisecond, and a second of rounding ahead", () => {
		expect(why([seen("2026-11-01T02:55:00.000Z", "2026-11-01T03:00:01.000Z")])).toBeNull();
		expect(why([seen("2026-11-01T03:00:00.000Z", "2026-11-01T02:54:59.999Z")])).toBe(
			"new of a.example: the answer of ns1.example is of 2026-11-01T02:54:59.999Z, " +
				"expected at most 5 minutes before 2026-11-01T03:00:00.000Z",
		);
		expect(why([seen("2026-11-01T03:00:01.001Z")])).toMatch(/the answer of ns1\.example is of /);
	});

	it("has to be there, for this selector of this domain", () => {
		const right = seen("2026-11-01T03:00:00.000Z");
		const none = "new of a.example: no answers were given";
		expect(why([])).toBe(none);
		expect(why([{ ...right, domain: "b.example" }])).toBe(none);
		expect(why([{ ...right, selector: "old" }])).toBe(none);
		expect(why([{ ...right, domain: "b.example" }, right])).toBeNull();
		expect(why([seen()])).toBe("new of a.example: no server's answer was given");
	});

	it("has to hold the key that was staged, however its record is written", () => {
		const right = seen("2026-11-01T03:00:00.000Z");
		const another = "new of a.example: the servers answered another key than the one staged";
		expect(why([{ ...right, record: other }])).toBe(another);
		expect(why([{ ...right, record: record.replaceAll(";", " ; ") }])).toBeNull();
		expect(why([{ ...right, record: "just text" }])).toMatch(
			/^new of a\.example: the record is no key record/,
		);
		expect(staleness({ ...staged, record: "just text" }, [right], now)).toBe(another);
	});
});
