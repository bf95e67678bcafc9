import * as fc from "fast-check";
import { expect, test } from "vitest";
import { hashOf } from "../../../src/durable.ts";
import type { SignerChange } from "../../../src/ports/signer.ts";
import { parseKeyTable } from "../../../src/signers/opendkim/key-table.ts";
import {
	createSigningTable,
	entriesFor,
	ordinaryAddress,
} from "../../../src/signers/opendkim/signing-table.ts";
import { renderTables, whyNoFirstKey } from "../../../src/signers/opendkim/tables.ts";

const bytes = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));

const first = (domain: string, selector = "202611"): SignerChange => ({
	domain,
	from: null,
	to: { selector, keyPath: `/keys/${domain}/${selector}.private` },
});
const out = (domain: string, from: string): SignerChange => ({ domain, from, to: null });

function rendered(
	keys: string,
	signing: string,
	changes: readonly SignerChange[],
	kind: "file" | "refile" = "refile",
) {
	const file = (path: string, text: string) => ({ path, bytes: bytes(text), hash: hashOf(bytes(text)) });
	const files = {
		keyTable: file("/key", keys),
		signingTable: file("/signing", signing),
		kind,
		keyKind: "file" as const,
	};
	return renderTables(files, changes).map((one) => ({
		path: one.path,
		text: Buffer.from(one.bytes).toString("latin1"),
		hashBefore: one.hashBefore,
	}));
}

const KEYS = "# keys\nexample example.com:202610:/k/example.private # by hand\r\n";
const SIGNING = "# who\n*@example.com example\n";

test("a first key: the key table before the signing table, which is the commit", () => {
	expect(rendered(KEYS, SIGNING, [first("example.org")])).toEqual([
		{
			path: "/key",
			text: `${KEYS}example.org example.org:202611:/keys/example.org/202611.private\n`,
			hashBefore: hashOf(bytes(KEYS)),
		},
		{ path: "/signing", text: `${SIGNING}*@example.org example.org\n`, hashBefore: hashOf(bytes(SIGNING)) },
	]);
});

test("a first key whose line stands already, half of a switch that was interrupted, gets the other half", () => {
	const half = `${KEYS}example.org example.org:202611:/keys/example.org/202611.private\n`;
	expect(rendered(half, SIGNING, [first("example.org")])).toEqual([
		{ path: "/signing", text: `${SIGNING}*@example.org example.org\n`, hashBefore: hashOf(bytes(SIGNING)) },
	]);
	const [keys, signing] = rendered(half, SIGNING, [first("example.org"), first("example.net")]);
	expect(keys?.text).toBe(`${half}example.net example.net:202611:/keys/example.net/202611.private\n`);
	expect(signing?.text).toBe(`${SIGNING}*@example.org example.org\n*@example.net example.net\n`);
	const other = half.replace("/keys/example.org", "/elsewhere");
	expect(() => rendered(other, SIGNING, [first("example.org")])).toThrow(
		"expected no line of example.org with selector 202611, got one",
	);
});

test("taking out the line that is left of a key which no line of the signing table names", () => {
	const keys = `${KEYS}b b.example:s:/k/b\n`;
	expect(rendered(keys, SIGNING, [out("b.example", "s")])).toEqual([
		{ path: "/key", text: KEYS, hashBefore: hashOf(bytes(keys)) },
	]);
});

test("taking a key out: the signing table before the key table, which is the commit", () => {
	expect(
		rendered(`${KEYS}b b.example:s:/k/b\n`, `*@b.example b\n${SIGNING}`, [out("b.example", "s")]),
	).toEqual([
		{ path: "/signing", text: SIGNING, hashBefore: hashOf(bytes(`*@b.example b\n${SIGNING}`)) },
		{ path: "/key", text: KEYS, hashBefore: hashOf(bytes(`${KEYS}b b.example:s:/k/b\n`)) },
	]);
});

test("a turn leaves the signing table alone, and a turn beside a first key goes with it", () => {
	const turn = { domain: "example.com", from: "202610", to: { selector: "202611", keyPath: "/k/n" } };
	expect(rendered(KEYS, SIGNING, [turn]).map(({ path }) => path)).toEqual(["/key"]);
	const [keys, signing] = rendered(KEYS, SIGNING, [turn, first("example.org")]);
	expect(keys?.text).toContain("example example.com:202611:/k/n # by hand\r\nexample.org ");
	expect(signing?.text).toBe(`${SIGNING}*@example.org example.org\n`);
});

test("into empty tables, and the last lines out again", () => {
	const [keys, signing] = rendered("", "", [first("example.org")]);
	expect(signing?.text).toBe("*@example.org example.org\n");
	const emptied = rendered(keys?.text ?? "", signing?.text ?? "", [out("example.org", "202611")]);
	expect(emptied.map(({ text }) => text)).toEqual(["", ""]);
});

test.each([
	["a catch-all", "* any\n", "*@example.org example.org\n* any\n"],
	["all of a parent", "# c\n*@*org any\n", "# c\n*@example.org example.org\n*@*org any\n"],
	["an expression", "[a-z-]*@example.org any\n", "*@example.org example.org\n[a-z-]*@example.org any\n"],
	["a line with %", "* %\n", "*@example.org example.org\n* %\n"],
	["a line that names nothing there is", "* gone\n", "*@example.org example.org\n* gone\n"],
])("stands before %s, which would catch the domain", (_, signing, expected) => {
	expect(rendered("any d.example:s:/k\n", signing, [first("example.org")])[1]?.text).toBe(expected);
});

test("stands behind what is narrower, and behind lines of sub-domains", () => {
	const narrower = "news@example.org any\n*@*.example.org any\n* any\n";
	expect(rendered("any d.example:s:/k\n", narrower, [first("example.org")])[1]?.text).toBe(
		"news@example.org any\n*@*.example.org any\n*@example.org example.org\n* any\n",
	);
});

test("in a plain file the domain is the name, and its place means nothing", () => {
	const [, signing] = rendered("any d.example:s:/k\n", "* any\n.org any", [first("example.org")], "file");
	expect(signing?.text).toBe("* any\n.org any\nexample.org example.org\n");
});

test("an entry gets the domain's name, or one that neither table knows", () => {
	const [keys, signing] = rendered("example.org other.example:s:/k\n", "x@other.example example.org-2\n", [
		first("example.org"),
		first("b.example"),
	]);
	expect(keys?.text).toContain("\nexample.org-3 example.org:202611:");
	expect(signing?.text).toContain("\n*@example.org example.org-3\n*@b.example b.example\n");
});

test("every line that names the entry goes, whoever's mail it is for; others of the domain stay", () => {
	const keys = "a example.com:s:/k\nb example.com:s:/k\nnews example.com:n:/n\nc c.example:s:/c\n";
	const signing =
		"x@b.example b:i@example.com\r\nnews@example.com news\n*@example.com a # here\n*@c.example c";
	const [rules, entries] = rendered(keys, signing, [out("example.com", "s")]);
	expect(rules?.text).toBe("news@example.com news\n*@c.example c");
	expect(entries?.text).toBe("news example.com:n:/n\nc c.example:s:/c\n");
});

test.each([
	["of the same key", "b b.example:s:/k/b\n"],
	["of an older key", "\tb\tB.example:old:/k/old # left over\r\n"],
	["that OpenDKIM cannot use", "b b.example:old:relative\n"],
])("a later line with its name goes along: one %s", (_, later) => {
	const keys = `b b.example:s:/k/b\n# b b.example:s:/k/b\n\n${later}${KEYS}${later}`;
	expect(rendered(keys, `*@b.example b\n${SIGNING}`, [out("b.example", "s")])).toMatchObject([
		{ path: "/signing", text: SIGNING },
		{ path: "/key", text: `# b b.example:s:/k/b\n\n${KEYS}` },
	]);
});

test("so does one of whoever sends below one of whoever sends", () => {
	const keys = `b %:s:/k/%\nb %:old:/k/%\nb b.example:old:/k\n${KEYS}`;
	const [, entries] = rendered(keys, `*@b.example b\n${SIGNING}`, [out("b.example", "s")]);
	expect(entries?.text).toBe(KEYS);
});

test("a turn leaves a later line with its name where it is", () => {
	const turn = { domain: "example.com", from: "202610", to: { selector: "202611", keyPath: "/k/n" } };
	const later = "example example.com:old:/k/old\nexample other.example:s:/k\n";
	expect(rendered(KEYS + later, SIGNING, [turn])[0]?.text).toBe(
		`# keys\nexample example.com:202611:/k/n # by hand\r\n${later}`,
	);
});

test.each<readonly [string, string, string, SignerChange, string]>([
	["a selector that stands there", "a example.org:202611:/k\n", "", first("example.org"), "got one"],
	["a line of ours", "", "*@EXAMPLE.org gone\n", first("example.org"), "has a line *@EXAMPLE.org already"],
	["a line without a name", "", "*@example.org\n", first("example.org"), "which names nothing"],
	["who signs already", "a example.org:x:/k\n", "* a\n", first("example.org"), "signed already"],
	["who signs for all", "a %:x:/k/%\n", "* a\n", first("example.org"), "which keyturn cannot handle"],
	[
		"a key written there",
		"a example.org:x:MII\n",
		"*@*org a\n",
		first("example.org"),
		"cannot handle: the key",
	],
	["a key that is not there", KEYS, SIGNING, out("example.com", "other"), "got 0"],
	[
		"a line cut by OpenDKIM",
		KEYS,
		`*@example.com example ${"#".repeat(1100)}\n`,
		out("example.com", "202610"),
		"cannot be taken out",
	],
	["a regular expression", "", "(a|b)@example.org a\n", first("example.org"), "does not follow regular"],
	["what % leads to", "example.com example.com:s:/k\n", "*@* %\n", out("example.com", "s"), "deferred"],
	["what would be deferred", KEYS, `${SIGNING}* none\n`, out("example.com", "202610"), "the entry none"],
	[
		"what % leads to elsewhere",
		"b.example example.com:s:/k\n",
		"*@b.example %\n*@example.com b.example\n",
		out("example.com", "s"),
		"mail of b.example",
	],
	[
		"what % would lead to below",
		"example.com example.com:s:/k/new\nexample.com example.com:old:/k/old\n",
		"* %\n",
		out("example.com", "s"),
		"the entry example.com, which KeyTable lacks",
	],
	[
		"a later line of another domain",
		"a example.com:s:/k\na other.example:s:/k\n",
		"*@example.com a\n",
		out("example.com", "s"),
		"a later line has the name a, too, for other.example:",
	],
	[
		"a later line of whoever sends",
		"a example.com:s:/k\na %:s:/k\n",
		"*@example.com a\n",
		out("example.com", "s"),
		"a later line has the name a, too, for %:",
	],
	[
		"a later line read in pieces",
		`a example.com:s:/k\na example.com:s:/k #${"x".repeat(1100)}\n`,
		"*@example.com a\n",
		out("example.com", "s"),
		"a later line has the name a, too, and is longer than the 1023 bytes",
	],
	[
		"a path too long",
		"",
		"",
		{ domain: "b.example", from: null, to: { selector: "s", keyPath: `/${"k".repeat(1100)}` } },
		"1023",
	],
])("refuses %s", (_, keys, signing, change, why) => {
	expect(() => rendered(keys, signing, [change])).toThrow(why);
});

test("a first key and a key taken out are no one switch", () => {
	expect(() => rendered(KEYS, SIGNING, [out("example.com", "202610"), first("example.org")])).toThrow(
		"cannot be one switch",
	);
});

test("says beforehand whom it could not give a first key", () => {
	const parsed = {
		entries: parseKeyTable(bytes("all %:s:/k/%\nhand example.net:s:/k\n")),
		signing: createSigningTable("refile", bytes("*@example.net hand\n*@*.org all\n"), false),
	};
	expect(whyNoFirstKey(parsed, "example.org")).toContain("by the key table's line all");
	expect(whyNoFirstKey(parsed, "example.net")).toContain("the key table's line hand");
	expect(whyNoFirstKey(parsed, "example.com")).toBeNull();
});

const foreign = fc.oneof(
	fc.stringMatching(/^[ \t]*#[\x20-\xff]{0,40}\r?$/),
	fc.stringMatching(/^[ \t]*$/),
	fc.stringMatching(/^[a-z*@.]{1,10}[ \t]{1,3}[a-z]{1,5}[ \t\r]?$/),
	fc
		.uint8Array({ maxLength: 60 })
		.map((octets) => Buffer.from(octets).toString("latin1").replaceAll("\n", "")),
);

test("whatever stands in the tables, a first key signs, takes no byte away, and goes without a trace", () => {
	let tried = 0;
	let gone = 0;
	fc.assert(
		fc.property(fc.array(foreign), fc.array(foreign), (above, below) => {
			const keys = above.map((line) => `${line}\n`).join("");
			const signing = below.map((line) => `${line}\n`).join("");
			const parsed = {
				entries: parseKeyTable(bytes(keys)),
				signing: createSigningTable("refile", bytes(signing), false),
			};
			if (whyNoFirstKey(parsed, "example.com") !== null) return;
			tried += 1;
			const [entries, rules] = rendered(keys, signing, [first("example.com")]);
			if (entries === undefined || rules === undefined) throw new Error("nothing rendered");
			const table = createSigningTable("refile", bytes(rules.text), false);
			// A pattern for some mailboxes, `s*`, keeps them: who wrote it wanted that.
			expect(entriesFor(table, ordinaryAddress("example.com"))).toEqual(["example.com"]);
			expect(entries.text.startsWith(keys)).toBe(true);
			expect(rules.text.replace("*@example.com example.com\n", "")).toBe(signing);
			if (entriesFor(parsed.signing, ordinaryAddress("example.com")).length > 0) return;
			gone += 1;
			const again = rendered(entries.text, rules.text, [out("example.com", "202611")]);
			expect(again.map(({ text }) => text)).toEqual([signing, keys]);
		}),
		{ numRuns: 500 },
	);
	expect([tried > 250, gone > 100]).toEqual([true, true]);
});
