import { describe, expect, it } from "vitest";
import { formatAnswer, parseRequest } from "../../src/swap/protocol.ts";

const ID = "0123456789abcdef0123456789abcdef";
const SECRET = "-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\n";

const STAGE = {
	act: "stage",
	id: ID,
	changes: [
		{
			signer: "main",
			domain: "example.com",
			from: "202610",
			to: { selector: "202611", record: "v=DKIM1;p=x", key: SECRET },
		},
		{ signer: "main", domain: "example.org", from: "202610", to: null },
	],
};

const COMMIT = {
	act: "commit",
	id: ID,
	tableHashes: { main: "ab" },
	evidence: [
		{
			domain: "example.com",
			selector: "202611",
			record: "v=DKIM1;p=x",
			answers: [{ server: "ns1.example.com", address: "192.0.2.1", at: "2026-11-01T03:00:00.000Z" }],
		},
	],
};

const DROP = {
	act: "drop",
	keys: [{ signer: "main", domain: "example.com", selector: "202610" }],
	staged: [ID],
};

/** A copy with the value at a path of names replaced. */
function edit(request: object, path: readonly (string | number)[], value: unknown): string {
	const copy = structuredClone(request) as Record<string | number, unknown>;
	let at = copy;
	for (const name of path.slice(0, -1)) at = at[name] as Record<string | number, unknown>;
	at[path.at(-1) ?? ""] = value;
	return JSON.stringify(copy);
}

describe("parseRequest", () => {
	it.each([STAGE, COMMIT, DROP, { act: "inspect", ids: [ID] }, { act: "recover", filesOnly: true }])(
		"reads %j",
		(request) => {
			expect(parseRequest(JSON.stringify(request))).toEqual(request);
		},
	);

	it.each([
		["no JSON", "{"],
		["nothing", ""],
		["no object", "[]"],
		["null", "null"],
		["an unknown act", '{"act":"shell"}'],
		["an unknown field", edit(STAGE, ["path"], "/etc/shadow")],
		["an unknown field below", edit(STAGE, ["changes", 0, "to", "keyPath"], "/etc/shadow")],
		["a missing field", JSON.stringify({ act: "recover" })],
		["an id that is a path", edit(STAGE, ["id"], "../../../../etc/cron.d/x-0123456789")],
		["an id in upper case", edit(STAGE, ["id"], ID.toUpperCase())],
		["a domain that is a path", edit(STAGE, ["changes", 0, "domain"], "../etc")],
		["a domain in upper case", edit(STAGE, ["changes", 0, "domain"], "Example.com")],
		["a domain with a final dot", edit(STAGE, ["changes", 0, "domain"], "example.com.")],
		["a selector that is a path", edit(STAGE, ["changes", 0, "to", "selector"], "a/b")],
		["a selector with a colon", edit(STAGE, ["changes", 0, "to", "selector"], "a:b")],
		["a selector with a percent sign", edit(STAGE, ["changes", 0, "from"], "%")],
		["a line break in a record", edit(STAGE, ["changes", 0, "to", "record"], "v=DKIM1\np=x")],
		["a record without end", edit(STAGE, ["changes", 0, "to", "record"], "x".repeat(10_000))],
		["a key that is too long", edit(STAGE, ["changes", 0, "to", "key"], "x".repeat(20_000))],
		["a key with a NUL", edit(STAGE, ["changes", 0, "to", "key"], `${SECRET}\0`)],
		["a key that is a number", edit(STAGE, ["changes", 0, "to", "key"], 7)],
		["changes that are an object", edit(STAGE, ["changes"], {})],
		[
			"too many changes",
			edit(
				STAGE,
				["changes"],
				Array.from({ length: 20_001 }, () => 0),
			),
		],
		["hashes as a list", edit(COMMIT, ["tableHashes"], ["ab"])],
		["a hash that is a number", edit(COMMIT, ["tableHashes", "main"], 1)],
		["a time that is none", edit(COMMIT, ["evidence", 0, "answers", 0, "at"], "yesterday")],
		[
			"a time in another zone",
			edit(COMMIT, ["evidence", 0, "answers", 0, "at"], "2026-11-01T03:00:00+01:00"),
		],
		["a thirteenth month", edit(COMMIT, ["evidence", 0, "answers", 0, "at"], "2026-13-01T03:00:00.000Z")],
		["filesOnly as text", '{"act":"recover","filesOnly":"false"}'],
	])("refuses %s", (_what, text) => {
		const answer = parseRequest(text);
		expect(answer).toMatchObject({ act: "refused", why: "invalid" });
		expect(JSON.stringify(answer)).not.toMatch(/PRIVATE|MC4CAQ/);
	});

	it("takes no field from a prototype", () => {
		const text = '{"__proto__":{"filesOnly":true},"act":"recover"}';
		expect(parseRequest(text)).toMatchObject({ act: "refused" });
		const hashes = parseRequest(edit(COMMIT, ["tableHashes"], JSON.parse('{"__proto__":"ab"}')));
		expect(hashes).toMatchObject({ act: "commit" });
		expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
	});
});

describe("formatAnswer", () => {
	it("is one line", () => {
		const text = formatAnswer({ act: "recover", results: [], did: ["one\ntwo"] });
		expect(text.indexOf("\n")).toBe(text.length - 1);
		expect(JSON.parse(text)).toEqual({ act: "recover", results: [], did: ["one\ntwo"] });
	});
});
