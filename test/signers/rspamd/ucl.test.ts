import { expect, test } from "vitest";
import { parseUcl, type UclEntry, type UclNode } from "../../../src/signers/rspamd/ucl.ts";

const TEXT = `# a comment; { not read }
enabled = true;
use_domain: "header"
path /a/b.key; /* one
  /* in another */ */
domain {
  example.com { path = "/k/a"; selector = "mail"; }
  "example.org" {
    selectors [ { path = /k/b\t# why
      selector = 'rsa' }, { selector = "ed", path = "/k/c" } ]
  }
}
worker "normal" { count = 1 }
last = 5`;

function plain(node: UclNode): unknown {
	if (node.kind === "value") return node.text;
	return node.kind === "array" ? node.items.map(plain) : named(node.entries);
}

function named(entries: readonly UclEntry[]): unknown {
	return Object.fromEntries(entries.map(({ key, node }) => [key, plain(node)]));
}

test("names, values, sections, lists and comments are read as rspamd reads them", () => {
	expect(named(parseUcl(TEXT, "/f"))).toEqual({
		enabled: "true",
		use_domain: "header",
		path: "/a/b.key",
		domain: {
			"example.com": { path: "/k/a", selector: "mail" },
			"example.org": {
				selectors: [
					{ path: "/k/b", selector: "rsa" },
					{ selector: "ed", path: "/k/c" },
				],
			},
		},
		worker: { normal: { count: "1" } },
		last: "5",
	});
});

test("each value has its place, each entry its whole", () => {
	const seen: string[] = [];
	const look = (node: UclNode): void => {
		if (node.kind === "value") seen.push(node.text);
		if (node.kind === "value") expect(TEXT.slice(node.span.start, node.span.end)).toBe(node.text);
		else if (node.kind === "array") for (const item of node.items) look(item);
		else for (const entry of node.entries) look(entry.node);
	};
	const entries = parseUcl(TEXT, "/f");
	for (const { node } of entries) look(node);
	expect(seen).toHaveLength(11);
	const [, , , domain] = entries;
	expect(TEXT.slice(domain?.start, domain?.end)).toMatch(/^domain \{[^]*\n\}$/);
});

test("a guide's value with half a quote is what rspamd makes of it", () => {
	expect(named(parseUcl('path = /a/ed25519.private";\n', "/f"))).toEqual({ path: '/a/ed25519.private"' });
});

test.each([
	['.include "/x"', "expected no macro"],
	["a = <<EOD\nx\nEOD\n", "expected a value"],
	['a = "x\\ny"', "without backslashes"],
	["a {", "expected a closing brace"],
	["a [ 1, 2", "expected a closing bracket"],
	["a = 1\n}", "expected a name or the end"],
	["/* a", "expected the end of a comment"],
	["a = ;", "expected a value"],
	["a {".repeat(30), "expected less than 20 levels"],
])("%j is refused with its line", (text, why) => {
	expect(() => parseUcl(`\n${text}`, "/f")).toThrow(why);
	expect(() => parseUcl(`\n${text}`, "/f")).toThrow(/^\/f: line [234] is not understood/);
});
