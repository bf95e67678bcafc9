import { expect, test } from "vitest";
import { recordKey } from "../../src/dkim/key-material.ts";
import { parseKeyRecord } from "../../src/dkim/key-record.ts";
import { scratchRecord } from "../../src/dkim/scratch-record.ts";

test.each([754, 410] as const)("a scratch record of %i octets is a key record of that length", (octets) => {
	const record = scratchRecord("keyturn-check-1", octets);
	expect(Buffer.byteLength(record)).toBe(octets);
	const parsed = parseKeyRecord(record);
	expect(parsed.kind === "record" && recordKey(parsed.record)).toMatchObject({ algorithm: "rsa" });
});

test("is the same for one selector, and another's is another", () => {
	expect(scratchRecord("a", 754)).toBe(scratchRecord("a", 754));
	expect(scratchRecord("a", 754)).not.toBe(scratchRecord("b", 754));
});
