import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseKeyTable } from "../../../src/signers/opendkim/key-table.ts";
import { createSigningTable, entriesFor } from "../../../src/signers/opendkim/signing-table.ts";
import { makeKey, mayRun, prepareHost, signWith } from "./opendkim-host.ts";

const key = makeKey();

interface Tables {
	readonly keys: (path: string) => string;
	readonly signing?: string;
	readonly kind?: "file" | "refile";
	readonly sender?: string;
	readonly extra?: string;
}

/** What the real program signs with, and what the reader says it would. */
async function compared({ keys, signing = "*@example.com a\n", kind = "refile", sender, extra }: Tables) {
	const host = await prepareHost({ signing: kind === "refile" ? "refile:" : "file:", extra: extra ?? "" });
	const path = await host.writeKey("k", key);
	const table = keys(path);
	await host.write("key.table", table);
	await host.write("signing.table", signing);
	const address = sender ?? "somebody@example.com";
	const theirs = await signWith(host, address);
	const [name] = entriesFor(createSigningTable(kind, Buffer.from(signing, "latin1"), false), address);
	const entry = parseKeyTable(Buffer.from(table, "latin1")).find((entry) => entry.name === name);
	const readable = [path, join(host.directory, "keys", "k:1.private")];
	const ours = entry !== undefined && entry.problem === null && readable.includes(entry.path);
	return { theirs, ours: ours ? entry.selector : null };
}

const pad = (text: string, length: number) => text.padEnd(length, "x");

describe.skipIf(!mayRun)("key tables, as OpenDKIM itself reads them", () => {
	test.each<readonly [string, string | null, (path: string) => string]>([
		["a short name", "s1", (path) => `a example.com:s1:${path}\n`],
		["tabs, blanks around, no final newline", "s1", (path) => `\t a \t example.com:s1:${path} \t`],
		["CRLF", "s1", (path) => `# c\r\na example.com:s1:${path}\r\n`],
		["a comment behind", "s1", (path) => `a example.com:s1:${path} # it is\n`],
		["a comment without a blank", "s1", (path) => `a example.com:s1:${path}# it is\n`],
		["the first of two", "s1", (path) => `a example.com:s1:${path}\na example.com:s2:${path}\n`],
		["a broken first of two", null, (path) => `a example.com::${path}\na example.com:s2:${path}\n`],
		["a name in another case", null, (path) => `A example.com:s1:${path}\n`],
		[
			"a blank behind a colon",
			null,
			(path) => `a example.com:s1: ${path}
`,
		],
		["a word behind the path", null, (path) => `a example.com:s1:${path} more\n`],
		["no path", null, () => "a example.com:s1\n"],
		["a name alone", null, () => "a\n"],
		["a line as long as it may be", "s1", (path) => `${pad(`a example.com:s1:${path} #`, 1023)}\n`],
		[
			"a cut line whose rest is an entry",
			"s2",
			(path) => `${pad("#", 1023)}a example.com:s2:${path}\na example.com:s1:${path}\n`,
		],
		["a long comment behind, cut", "s1", (path) => `${pad(`a example.com:s1:${path} #`, 1023)}rest\n`],
		["a form feed as separator", "s1", (path) => `a\fexample.com:s1:${path}\n`],
	])("%s", async (what, selector, keys) => {
		const { theirs, ours } = await compared({ keys });
		expect(theirs).toBe(selector);
		// What OpenDKIM reads in pieces works for it, but we leave it alone.
		expect(ours).toBe(what.includes("cut") ? null : selector);
	});

	test("a fourth field is part of Debian's path, and kept by us", async () => {
		const { theirs } = await compared({ keys: (path) => `a example.com:s1:${path}:rsa-sha256\n` });
		expect(theirs).toBeNull();
	});
});

const two = (path: string) =>
	`a example.com:s1:${path}\nb example.com:s2:${path}\nexample.com example.com:s3:${path}\n`;

describe.skipIf(!mayRun)("signing tables, as OpenDKIM itself reads them", () => {
	test.each<readonly [string, string | null, Omit<Tables, "keys">]>([
		["the first pattern", "s1", { signing: "*@example.com a\n* b\n" }],
		["the first pattern, broader", "s2", { signing: "* b\n*@example.com a\n" }],
		["a pattern in another case", "s1", { signing: "*@EXAMPLE.com a\n" }],
		["a sub-domain, not covered", null, { signing: "*@example.com a\n", sender: "x@mail.example.com" }],
		["a sub-domain, covered", "s1", { signing: "*@*.example.com a\n", sender: "x@mail.example.com" }],
		["a dot is a dot", null, { signing: "*@example.com a\n", sender: "x@exampleXcom.net" }],
		["a plus is a plus", "s1", { signing: "a+b@example.com a\n", sender: "a+b@example.com" }],
		[
			"brackets are a regular expression",
			"s1",
			{ signing: "[a-c]@example.com a\n", sender: "b@example.com" },
		],
		["an identity behind the name", "s1", { signing: "*@example.com a:@example.com\n" }],
		["the sender's domain as name", "s3", { signing: "*@example.com %\n" }],
		["CRLF and comments", "s1", { signing: "# x\r\n*@example.com a # y\r\n" }],
		["a name that the key table lacks", null, { signing: "*@example.com c\n* a\n" }],
		["by domain", "s1", { kind: "file", signing: "example.com a\n" }],
		[
			"by address before domain",
			"s2",
			{ kind: "file", signing: "example.com a\nu@example.com b\n", sender: "u@example.com" },
		],
		["by parent domain", "s1", { kind: "file", signing: ".example.com a\n", sender: "x@m.example.com" }],
		["not by parent domain", null, { kind: "file", signing: ".example.com a\n" }],
		["by user anywhere", "s1", { kind: "file", signing: "u@* a\n", sender: "u@example.com" }],
		["by everything", "s1", { kind: "file", signing: "* a\n" }],
		["a pattern is none in a plain file", null, { kind: "file", signing: "*@example.com a\n" }],
	])("%s", async (_, selector, tables) => {
		expect(await compared({ keys: two, ...tables })).toEqual({ theirs: selector, ours: selector });
	});
});
