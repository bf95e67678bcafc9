/** Whatever bytes come through the door's socket: an answer that says why, and nothing thrown. */

import * as fc from "fast-check";
import { expect, test, vi } from "vitest";
import { parseRequest, REQUEST_LIMIT_BYTES } from "../../src/swap/protocol.ts";
import { fuzzed, PATIENCE } from "../fuzz/fuzzing.ts";

const ID = "0123456789abcdef0123456789abcdef";
const NAMES = [
	"act",
	"id",
	"ids",
	"changes",
	"tableHashes",
	"evidence",
	"keys",
	"staged",
	"reveal",
	"probe",
	"filesOnly",
];
const HOSTILE = ["__proto__", "constructor", "path", "table", "service", "command", "toString"];

/** Each right, so that one wrong member is all that stands between it and the door. */
const KEY = { signer: "s", domain: "example.com", selector: "a1" };
const CHANGE = { signer: "s", domain: "example.com", from: "a", to: null };
const RIGHT: readonly Readonly<Record<string, unknown>>[] = [
	{ act: "inspect", ids: [ID] },
	{ act: "inspect", ids: [], probe: [{ ...KEY, record: "v=DKIM1;p=" }] },
	{ act: "stage", id: ID, changes: [CHANGE] },
	{ act: "commit", id: ID, tableHashes: { s: "ab" }, evidence: [] },
	{ act: "drop", keys: [KEY], staged: [ID] },
	{ act: "drop", keys: [], staged: [], reveal: [KEY] },
	{ act: "recover", filesOnly: true },
];
const nearly = fc
	.tuple(
		fc.constantFrom(...RIGHT),
		fc.dictionary(fc.constantFrom(...NAMES), fc.oneof(fc.jsonValue({ maxDepth: 4 }), fc.constant(ID)), {
			maxKeys: 2,
		}),
	)
	.map(([right, members]) => ({ ...right, ...members }));

test("bytes that are no request are refused with a reason", PATIENCE, () => {
	const bytes = fc.uint8Array({ maxLength: 400 }).map((sent) => Buffer.from(sent).toString("utf8"));
	fc.assert(
		fc.property(fc.oneof(bytes, fc.string({ maxLength: 400, unit: "binary" }), fc.json()), (text) => {
			isRefused(text);
		}),
		fuzzed(500),
	);
});

test("what is nearly a request is read whole, or refused with a reason", PATIENCE, () => {
	let read = 0;
	fc.assert(
		fc.property(nearly, (sent) => {
			const answer = parseRequest(JSON.stringify(sent));
			if (answer.act !== "refused") {
				read += 1;
				expect(answer).toEqual(sent);
			} else expect(answer).toMatchObject({ why: "invalid", message: expect.stringMatching(/\S/) });
		}),
		fuzzed(500),
	);
	expect(read).toBeGreaterThan(0);
});

test.each(HOSTILE)("a member named %s is refused wherever it stands", (name) => {
	const change = `{"signer":"s","domain":"example.com","from":"a","to":null,"${name}":"/etc/passwd"}`;
	isRefused(`{"act":"stage","id":"${ID}","changes":[${change}]}`);
	isRefused(`{"act":"stage","id":"${ID}","changes":[],"${name}":{"polluted":true}}`);
	isRefused(`{"act":"recover","filesOnly":true,"${name}":"/bin/sh"}`);
	expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
});

test.each([
	["lists", "[".repeat(1_000_000)],
	["closed lists", "[".repeat(200_000) + "]".repeat(200_000)],
	["objects", '{"act":'.repeat(300_000)],
	["lists in a member", `{"act":"inspect","ids":${"[".repeat(200_000)}${"]".repeat(200_000)}}`],
	["entries", `{"act":"inspect","ids":[${Array.from({ length: 20_001 }, () => `"${ID}"`).join()}]}`],
	["digits", `{"act":"recover","filesOnly":${"9".repeat(5_000_000)}}`],
	["characters", `"${"x".repeat(65 * 1024 * 1024)}"`],
])("endlessly many %s are refused", PATIENCE, (_, text) => {
	isRefused(text);
});

test("what is too long is not looked into", () => {
	const parse = vi.spyOn(JSON, "parse");
	isRefused("x".repeat(REQUEST_LIMIT_BYTES + 1));
	expect(parse).not.toHaveBeenCalled();
	let read = 0;
	const counted = (ids: readonly string[]) => ({
		act: "inspect",
		ids: new Proxy(ids, {
			get: (list, name) => {
				if (/^\d+$/.test(String(name))) read += 1;
				return Reflect.get(list, name) as unknown;
			},
		}),
	});
	for (const [count, looks] of [
		[20_000, 20_000],
		[20_001, 0],
	] as const) {
		parse.mockReturnValueOnce(counted(Array.from({ length: count }, () => ID)));
		read = 0;
		expect(parseRequest("{}").act).toBe(looks === 0 ? "refused" : "inspect");
		expect(read).toBe(looks);
	}
	parse.mockRestore();
});

test("a key is in no refusal, wherever it was put", PATIENCE, () => {
	const secret = "-----BEGIN PRIVATE KEY-----MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg";
	fc.assert(
		fc.property(nearly, fc.constantFrom(...NAMES), (sent, name) => {
			const answer = parseRequest(JSON.stringify({ ...sent, [name]: secret }));
			expect(JSON.stringify(answer.act === "refused" ? answer : null)).not.toContain("MIGHAg");
		}),
		fuzzed(500),
	);
});

function isRefused(text: string): void {
	const answer = parseRequest(text);
	expect(answer).toMatchObject({ act: "refused", why: "invalid", message: expect.stringMatching(/\S/) });
	// An answer is a line of a log, too.
	expect(JSON.stringify(answer).length).toBeLessThan(2000);
}
