import { describe, expect, it } from "vitest";
import { formatAnswer, parseRequest, REQUEST_LIMIT_BYTES } from "../../src/swap/protocol.ts";

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

function editTime(time: string): string {
	return edit(COMMIT, ["evidence", 0, "answers", 0, "at"], time);
}

function manyHashes(count: number): Readonly<Record<string, string>> {
	return Object.fromEntries(Array.from({ length: count }, (_, at) => [`s${at}`, "ab"]));
}

const ACTS = "act: expected inspect, stage, commit, drop or recover";
const NO_DOMAIN = "no domain name in lower case";
const NO_KEY = "changes[0].to.key: expected a private key in PEM";
const NO_TIME = "evidence[0].answers[0].at: expected a time such as 2026-11-01T03:00:00.000Z";

describe("parseRequest", () => {
	it.each([
		STAGE,
		COMMIT,
		DROP,
		{ act: "inspect", ids: [ID] },
		{ act: "inspect", ids: [], examine: true },
		{ act: "recover", filesOnly: true },
	])("reads %j", (request) => {
		expect(parseRequest(JSON.stringify(request))).toEqual(request);
	});

	it.each([
		["no JSON", "{", "the request is not JSON"],
		["nothing", "", "the request is not JSON"],
		["no object", "[]", ACTS],
		["null", "null", ACTS],
		["an unknown act", '{"act":"shell"}', ACTS],
		["an unknown field", edit(STAGE, ["path"], "/etc/shadow"), 'request: unknown field "path"'],
		[
			"an unknown field below",
			edit(STAGE, ["changes", 0, "to", "keyPath"], "/etc/shadow"),
			'changes[0].to: unknown field "keyPath"',
		],
		["a field with a long name", edit(STAGE, ["x".repeat(99)], 1), `unknown field "${"x".repeat(80)}"`],
		["a missing field", JSON.stringify({ act: "recover" }), "request.filesOnly: missing"],
		[
			"an examination that is no true",
			'{"act":"inspect","ids":[],"examine":false}',
			"examine: expected true, or nothing",
		],
		["ids that are no list", '{"act":"inspect","ids":"all"}', "ids: expected a list"],
		[
			"an id that is a path",
			edit(STAGE, ["id"], "../../../../etc/cron.d/x-0123456789"),
			"id: expected 32 lower-case hexadecimal digits",
		],
		["an id in upper case", edit(STAGE, ["id"], ID.toUpperCase()), "id: expected 32 lower-case"],
		["an id with more before it", edit(STAGE, ["id"], `x${ID}`), "id: expected 32 lower-case"],
		["an id with more behind it", edit(COMMIT, ["id"], `${ID}x`), "id: expected 32 lower-case"],
		["an id without end", edit(STAGE, ["id"], "0".repeat(65)), "id: expected at most 64 characters, got 65"],
		["a change that is a text", edit(STAGE, ["changes", 0], "all"), "changes[0]: expected an object"],
		["a change that is null", edit(STAGE, ["changes", 0], null), "changes[0]: expected an object"],
		["a change that is a list", edit(STAGE, ["changes", 0], []), "changes[0]: expected an object"],
		[
			"a signer that is a number",
			edit(STAGE, ["changes", 0, "signer"], 1),
			"changes[0].signer: expected a text",
		],
		[
			"a signer's name without end",
			edit(STAGE, ["changes", 0, "signer"], "x".repeat(254)),
			"changes[0].signer: expected at most 253 characters, got 254",
		],
		[
			"a domain that is a path",
			edit(STAGE, ["changes", 0, "domain"], "../etc"),
			`changes[0].domain: ${NO_DOMAIN}`,
		],
		["a domain in upper case", edit(STAGE, ["changes", 0, "domain"], "Example.com"), NO_DOMAIN],
		["a domain with a final dot", edit(STAGE, ["changes", 0, "domain"], "example.com."), NO_DOMAIN],
		[
			"a domain that is null",
			edit(STAGE, ["changes", 0, "domain"], null),
			"changes[0].domain: expected a text",
		],
		[
			"a selector that is a path",
			edit(STAGE, ["changes", 0, "to", "selector"], "a/b"),
			"changes[0].to.selector: no selector",
		],
		[
			"a selector with a colon",
			edit(STAGE, ["changes", 0, "to", "selector"], "a:b"),
			"changes[0].to.selector: no selector",
		],
		[
			"a selector of ours in upper case",
			edit(STAGE, ["changes", 0, "to", "selector"], "A"),
			"changes[0].to.selector: no selector",
		],
		[
			"a selector with a percent sign",
			edit(STAGE, ["changes", 0, "from"], "%"),
			"changes[0].from: no selector",
		],
		[
			"a selector that is a list",
			edit(STAGE, ["changes", 0, "from"], []),
			"changes[0].from: expected a text",
		],
		[
			"a target that is a text",
			edit(STAGE, ["changes", 0, "to"], "202611"),
			"changes[0].to: expected an object",
		],
		[
			"a line break in a record",
			edit(STAGE, ["changes", 0, "to", "record"], "v=DKIM1\np=x"),
			"changes[0].to.record: control characters",
		],
		[
			"a record without end",
			edit(STAGE, ["changes", 0, "to", "record"], "x".repeat(8193)),
			"changes[0].to.record: expected at most 8192 characters, got 8193",
		],
		["a key that is too long", edit(STAGE, ["changes", 0, "to", "key"], "x".repeat(16_385)), NO_KEY],
		["a key with a NUL", edit(STAGE, ["changes", 0, "to", "key"], `${SECRET}\0`), NO_KEY],
		["a key behind a NUL", edit(STAGE, ["changes", 0, "to", "key"], `\0${SECRET}`), NO_KEY],
		["a key that is a number", edit(STAGE, ["changes", 0, "to", "key"], 7), NO_KEY],
		["changes that are an object", edit(STAGE, ["changes"], {}), "changes: expected a list"],
		[
			"too many changes",
			edit(
				STAGE,
				["changes"],
				Array.from({ length: 20_001 }, () => 0),
			),
			"changes: expected at most 20000 entries",
		],
		["hashes as a list", edit(COMMIT, ["tableHashes"], ["ab"]), "tableHashes: expected an object"],
		["hashes that are null", edit(COMMIT, ["tableHashes"], null), "tableHashes: expected an object"],
		["hashes that are a text", edit(COMMIT, ["tableHashes"], "ab"), "tableHashes: expected an object"],
		[
			"a hash that is a number",
			edit(COMMIT, ["tableHashes", "main"], 1),
			"tableHashes.main: expected a text",
		],
		[
			"a hash without end",
			edit(COMMIT, ["tableHashes", "main"], "a".repeat(129)),
			"tableHashes.main: expected at most 128 characters, got 129",
		],
		[
			"a hash of a signer with a long name",
			edit(COMMIT, ["tableHashes", "m".repeat(99)], 1),
			`tableHashes.${"m".repeat(80)}: expected a text`,
		],
		["too many hashes", edit(COMMIT, ["tableHashes"], manyHashes(20_001)), "tableHashes: too long"],
		["evidence that is an object", edit(COMMIT, ["evidence"], {}), "evidence: expected a list"],
		["evidence that is a text", edit(COMMIT, ["evidence", 0], "yes"), "evidence[0]: expected an object"],
		[
			"evidence of no domain",
			edit(COMMIT, ["evidence", 0, "domain"], ".."),
			`evidence[0].domain: ${NO_DOMAIN}`,
		],
		[
			"evidence of no selector",
			edit(COMMIT, ["evidence", 0, "selector"], ".."),
			"evidence[0].selector: no selector",
		],
		[
			"evidence of no record",
			edit(COMMIT, ["evidence", 0, "record"], 1),
			"evidence[0].record: expected a text",
		],
		[
			"answers that are a text",
			edit(COMMIT, ["evidence", 0, "answers"], ""),
			"evidence[0].answers: expected a list",
		],
		[
			"an answer that is a text",
			edit(COMMIT, ["evidence", 0, "answers", 0], ""),
			"evidence[0].answers[0]: expected an object",
		],
		[
			"an answer of no server",
			edit(COMMIT, ["evidence", 0, "answers", 0, "server"], 1),
			"evidence[0].answers[0].server: expected a text",
		],
		[
			"an answer of no address",
			edit(COMMIT, ["evidence", 0, "answers", 0, "address"], 1),
			"evidence[0].answers[0].address: expected a text",
		],
		["a time that is none", editTime("yesterday"), NO_TIME],
		["a time with more before it", editTime("x2026-11-01T03:00:00Z"), NO_TIME],
		["a time with more behind it", editTime("2026-11-01T03:00:00Zx"), NO_TIME],
		["a time in another zone", editTime("2026-11-01T03:00:00+01:00"), NO_TIME],
		["a thirteenth month", editTime("2026-13-01T03:00:00.000Z"), NO_TIME],
		["a time of too many digits", editTime("2026-11-01T03:00:00.1234567890Z"), NO_TIME],
		["a time without end", editTime("2".repeat(41)), "expected at most 40 characters, got 41"],
		["keys to drop that are a text", edit(DROP, ["keys"], "all"), "keys: expected a list"],
		["a key to drop that is a text", edit(DROP, ["keys", 0], "all"), "keys[0]: expected an object"],
		["a key to drop of no signer", edit(DROP, ["keys", 0, "signer"], 1), "keys[0].signer: expected a text"],
		["a key to drop of no domain", edit(DROP, ["keys", 0, "domain"], "*"), `keys[0].domain: ${NO_DOMAIN}`],
		[
			"a key to drop of no selector",
			edit(DROP, ["keys", 0, "selector"], "*"),
			"keys[0].selector: no selector",
		],
		["a staged id that is none", edit(DROP, ["staged", 0], "x"), "staged[0]: expected 32 lower-case"],
		["filesOnly as text", '{"act":"recover","filesOnly":"false"}', "filesOnly: expected true or false"],
	])("refuses %s, and says what was expected where", (_what, text, message) => {
		const answer = parseRequest(text);
		expect(answer).toMatchObject({ act: "refused", why: "invalid" });
		expect(answer.act === "refused" && answer.message).toContain(message);
		expect(JSON.stringify(answer)).not.toMatch(/PRIVATE|MC4CAQ/);
	});

	it("takes what is just as long as it may be", { timeout: 60_000 }, () => {
		const longest = [
			edit(STAGE, ["changes", 0, "signer"], "x".repeat(253)),
			edit(STAGE, ["changes", 0, "to", "record"], "x".repeat(8192)),
			edit(STAGE, ["changes", 0, "to", "key"], "x".repeat(16_384)),
			edit(COMMIT, ["tableHashes", "main"], "a".repeat(128)),
			edit(COMMIT, ["tableHashes"], manyHashes(20_000)),
			JSON.stringify({ act: "inspect", ids: Array.from({ length: 20_000 }, () => ID) }),
		];
		for (const text of longest) expect(parseRequest(text)).toEqual(JSON.parse(text));
	});

	it("takes times with a fraction of a second or without", () => {
		for (const time of ["2026-11-01T03:00:00Z", "2026-11-01T03:00:00.5Z", "2026-11-01T03:00:00.123456789Z"])
			expect(parseRequest(editTime(time))).toMatchObject({ evidence: [{ answers: [{ at: time }] }] });
	});

	it("takes the selectors of others as what is replaced, however they are written", () => {
		const text = edit(STAGE, ["changes", 0, "from"], "Mail_2020");
		expect(parseRequest(text)).toMatchObject({ changes: [{ from: "Mail_2020" }, {}] });
	});

	it("takes a target whose key is here already, and lines to add", () => {
		for (const path of [
			["changes", 0, "to", "key"],
			["changes", 0, "from"],
		])
			expect(parseRequest(edit(STAGE, path, null))).toEqual(JSON.parse(edit(STAGE, path, null)));
	});

	it("does not even read what is longer than all that could be asked", { timeout: 60_000 }, () => {
		const padded = (length: number) => `{"act":"recover","filesOnly":true}${" ".repeat(length - 34)}`;
		expect(parseRequest(padded(REQUEST_LIMIT_BYTES))).toEqual({ act: "recover", filesOnly: true });
		expect(parseRequest(padded(REQUEST_LIMIT_BYTES + 1))).toMatchObject({
			act: "refused",
			why: "invalid",
			message: "the request is too long",
		});
		expect(REQUEST_LIMIT_BYTES).toBe(64 * 1024 * 1024);
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
