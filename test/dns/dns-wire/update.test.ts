import { assert, property, string, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { joinTxt } from "../../../src/dkim/txt-strings.ts";
import { readServerMessage, readTxtData } from "../../../src/dns/dns-wire/server-message.ts";
import { encodeTxtData, encodeUpdate } from "../../../src/dns/dns-wire/update.ts";

const NAME = "s1._domainkey.example.test";

test("an update holds zone, prerequisites and updates as RFC 2136 section 2 has them", () => {
	const data = encodeTxtData("v=DKIM1;p=");
	const bytes = encodeUpdate({
		id: 0x1234,
		zone: "Example.test.",
		prerequisites: [
			{ kind: "absent", name: NAME, type: "TXT" },
			{ kind: "equals", name: NAME, data: [data] },
		],
		updates: [
			{ kind: "delete", name: NAME, data },
			{ kind: "add", name: NAME, data, ttlSeconds: 3600 },
		],
	});
	const read = readServerMessage(bytes);
	expect(read).toMatchObject({ id: 0x1234, opcode: 5, isAnswer: false });
	expect(read?.questions).toEqual([{ name: "example.test", type: 6 }]);
	expect(read?.answers).toMatchObject([
		{ name: NAME, type: 16, class: 254, ttlSeconds: 0 },
		{ name: NAME, type: 16, class: 1, ttlSeconds: 0 },
	]);
	expect(read?.answers[0]?.data).toHaveLength(0);
	expect(read?.authority).toMatchObject([
		{ name: NAME, type: 16, class: 254, ttlSeconds: 0 },
		{ name: NAME, type: 16, class: 1, ttlSeconds: 3600 },
	]);
});

test("any value survives being cut into strings and joined", () => {
	assert(
		property(string({ maxLength: 1200 }), (value) => {
			expect(joinTxt(readTxtData(encodeTxtData(value)) ?? [])).toBe(value);
		}),
	);
});

test.each(["a..b", ".", "x".repeat(64), "a b.test", "a\nb.test", "a\\.b", `${"abcdefgh.".repeat(29)}test`])(
	"%j is refused as a name",
	(name) => {
		expect(() => encodeUpdate({ id: 1, zone: name, prerequisites: [], updates: [] })).toThrow(
			/cannot be a name/,
		);
	},
);

test("no octets make the reader do anything but read or decline", () => {
	assert(
		property(uint8Array({ maxLength: 200 }), (bytes) => {
			expect(() => readServerMessage(bytes)).not.toThrow();
		}),
		{ numRuns: 2_000 },
	);
});

test("a name that leads to itself is declined", () => {
	const loop = Buffer.from([0, 1, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 16, 0, 1]);
	expect(readServerMessage(loop)).toBeNull();
});
