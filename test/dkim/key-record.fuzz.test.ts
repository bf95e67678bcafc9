/** Whatever stands in a TXT record: a key record, or why it is none; and strings of any length, there and back. */

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { publicHalfOf, recordKey } from "../../src/dkim/key-material.ts";
import {
	carriedTags,
	formatKeyRecord,
	type KeyRecord,
	parseKeyRecord,
	refusedTags,
} from "../../src/dkim/key-record.ts";
import { joinTxt, quoteTxt, splitTxt, unquoteTxt } from "../../src/dkim/txt-strings.ts";
import { judge } from "../../src/dns/judgement.ts";
import { fuzzed, PATIENCE } from "../fuzz/fuzzing.ts";
import { mutatedText } from "../fuzz/mutations.ts";
import { anyText, NEVER_SHOWN } from "../fuzz/nasty-text.ts";

const ED25519 = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const SEEDS = [
	`v=DKIM1;k=ed25519;p=${ED25519}`,
	`v=DKIM1; h=sha256:sha1; k=rsa; s=email:*; t=y:s; n=a note; p=${"A".repeat(300)}`,
	"v=DKIM1; p=",
	"p=QUJD",
	"v=spf1 -all",
];
const ANY_RECORD = fc.oneof(mutatedText(SEEDS), mutatedText(SEEDS, "latin1"), anyText);

test("any text is a key record or says why it is none", PATIENCE, () => {
	const seen = new Set<string>();
	fc.assert(
		fc.property(ANY_RECORD, (text) => {
			const parsed = parseKeyRecord(text);
			seen.add(parsed.kind);
			if (parsed.kind === "unreadable") {
				expect(parsed.why.length).toBeLessThan(450);
				expect(parsed.why).not.toMatch(NEVER_SHOWN);
				return;
			}
			recordKey(parsed.record);
			refusedTags(parsed.record, "rsa");
			carriedTags(parsed.record);
		}),
		fuzzed(300),
	);
	expect([...seen].sort()).toEqual(["record", "unreadable"]);
});

test("what is told of a record can be shown as it is", PATIENCE, () => {
	fc.assert(
		fc.property(fc.array(ANY_RECORD, { minLength: 1, maxLength: 3 }), (texts) => {
			const key = publicHalfOf(
				Buffer.concat([
					Buffer.from("302a300506032b6570032100", "hex"),
					Buffer.from(ED25519, "base64"),
				]).toString("base64"),
			);
			if (key === null) throw new Error("no key to judge by");
			const records = texts.map((text) => ({ text, chunks: [text.length], ttlSeconds: 60 }));
			for (const expected of [{ kind: "key", key } as const, { kind: "revoked" } as const]) {
				const { got } = judge(records, expected);
				expect(got).not.toMatch(NEVER_SHOWN);
				expect(got.length).toBeLessThan(900);
			}
		}),
		fuzzed(500),
	);
});

test("what is written is read back, and no tag of another record gets in between", PATIENCE, () => {
	const word = fc.stringMatching(/^[a-z0-9]{1,8}$/);
	const record: fc.Arbitrary<KeyRecord> = fc.record(
		{
			algorithm: fc.constantFrom("rsa", "ed25519"),
			publicKey: fc.base64String({ maxLength: 600 }),
			hash: fc.array(word, { minLength: 1, maxLength: 3 }),
			service: fc.array(fc.constantFrom("*", "email"), { minLength: 1, maxLength: 2 }),
			flags: fc.array(fc.constantFrom("s", "y"), { minLength: 1, maxLength: 2 }),
			notes: fc.stringMatching(/^[!-:<-~]{1,20}$/),
		},
		{ requiredKeys: ["algorithm", "publicKey"] },
	);
	fc.assert(
		fc.property(record, (written) => {
			expect(parseKeyRecord(formatKeyRecord(written))).toEqual({ kind: "record", record: written });
		}),
		fuzzed(500),
	);
});

test("strings of any length and any content come back from a zone file's form", PATIENCE, () => {
	const text = fc.oneof(anyText, fc.string({ unit: "grapheme", minLength: 200, maxLength: 800 }));
	fc.assert(
		fc.property(
			text.filter((one) => !/\p{Cs}/u.test(one)),
			(value) => {
				const quoted = quoteTxt(value);
				expect(quoted).toMatch(/^"[\x20-\x7e]*"$/);
				expect(unquoteTxt(quoted)).toBe(value);
				expect(joinTxt(splitTxt(value))).toBe(value);
				expect(splitTxt(value).every((octets) => octets.length <= 255)).toBe(true);
			},
		),
		fuzzed(500),
	);
});

test.each([
	["tags", "a=b;".repeat(16_383)],
	["blanks", `v=DKIM1; p=${" ".repeat(65_000)}`],
	["blanks in front", `${" ".repeat(65_000)}v=DKIM1`],
	["of p=", `v=DKIM1;p=${"A".repeat(65_000)}`],
	["padding", `v=DKIM1;p=${"=".repeat(65_000)}!`],
	["colons", `v=DKIM1;h=${":".repeat(60_000)};p=QUJD`],
])("a record of 64 KiB full of %s is read", (_, text) => {
	const parsed = parseKeyRecord(text);
	expect(["record", "unreadable"]).toContain(parsed.kind);
	if (parsed.kind === "record") recordKey(parsed.record);
});

test.each([
	["quotes", '"'.repeat(1_000_000)],
	["strings", '"a" '.repeat(250_000)],
	["backslashes", `"${"\\".repeat(1_000_000)}"`],
	["one string", `"${"a".repeat(1_000_000)}"`],
	["one string without end", `"${"a".repeat(1_000_000)}`],
	["blanks", `"a"${" ".repeat(1_000_000)}x`],
])("a value of a megabyte of %s is read or none", (_, text) => {
	const read = unquoteTxt(text);
	expect(read === null || typeof read === "string").toBe(true);
});
