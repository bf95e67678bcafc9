import * as fc from "fast-check";
import { expect, test } from "vitest";
import { entriesInUse, parseKeyTable, renderKeyTable } from "../../../src/signers/opendkim/key-table.ts";

const bytes = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

const change = {
	domain: "example.com",
	from: "202610",
	to: { selector: "202611", keyPath: "/keys/example.com/202611.private" },
};

function rendered(table: string, changes = [change]): string {
	return text(renderKeyTable(bytes(table), changes));
}

test("reads short and full names alike", () => {
	const table =
		"example example.com:202610:/k/example.private\n202610._domainkey.example.org example.org:202610:/k/o\n";
	expect(parseKeyTable(bytes(table))).toMatchObject([
		{ name: "example", domain: "example.com", selector: "202610", path: "/k/example.private", problem: null },
		{ name: "202610._domainkey.example.org", domain: "example.org", path: "/k/o", problem: null },
	]);
});

test.each([
	["a % in the selector", "a %:s%:/k/%.private\n", "there is a %"],
	["a % in a domain", "a %.example.com:s:/k\n", "there is a %"],
	["a blank before a colon", "a example.com :s:/k\n", "blanks"],
	["a blank behind a colon", "a example.com:s: /k\n", "blanks"],
	["an inline key", "a example.com:s:MIIEow\n", "absolute path"],
	["a relative path", "a example.com:s:./k\n", "absolute path"],
	["no path", "a example.com:s\n", "domain:selector:path"],
	["a name alone", "a\n", "domain:selector:path"],
	["a line too long", `a example.com:s:/k #${"x".repeat(1023)}\n`, "1023 bytes"],
])("gives the problem of %s", (_, table, problem) => {
	expect(parseKeyTable(bytes(table))[0]?.problem).toContain(problem);
	expect(() => rendered(table)).toThrow("got 0");
});

test("a later line of the same name has the problem, and is not used", () => {
	const entries = parseKeyTable(bytes("a example.com:s:/k\na example.com:t:/l\n"));
	expect(entries.map((entry) => entry.isUsed)).toEqual([true, false]);
	expect(entries[0]?.problem).toBeNull();
	expect(entries[1]?.problem).toContain("same name");
});

test("a path may have colons, and a fourth field is none of it", () => {
	expect(parseKeyTable(bytes("a example.com:s:/k:1\n"))[0]?.path).toBe("/k:1");
	expect(parseKeyTable(bytes("a example.com:s:/k:1:rsa-sha256\n"))[0]?.path).toBe("/k:1");
});

test("% in an absolute path stands for the domain as the line has it; a turn writes the path out", () => {
	const table = "a Example.com:202610:/k/%/%.key\n";
	expect(parseKeyTable(bytes(table))[0]).toMatchObject({
		path: "/k/Example.com/Example.com.key",
		problem: null,
	});
	expect(rendered(table)).toBe("a Example.com:202611:/keys/example.com/202611.private\n");
});

test("turns the lines of the key in use, and nothing else", () => {
	const table = [
		"# one line per name\r",
		"\texample \t Example.COM:202610:/keys/example.private  # by hand",
		"",
		"news example.com:news1:/keys/news.private",
		"example2 example.com:202610:/keys/example.private:rsa-sha256\r",
		"example example.com:202610:/keys/never-used.private",
		"other example.org:202610:/keys/example.private",
		"# example example.com:202610:/keys/example.private",
		"caf\xe9 \xff",
	].join("\n");
	const expected = table
		.replace("202610:/keys/example.private  #", "202611:/keys/example.com/202611.private  #")
		.replace("202610:/keys/example.private:", "202611:/keys/example.com/202611.private:");
	expect(rendered(table)).toBe(expected);
});

test("turns many domains at once", () => {
	const line = (index: number, selector: string, path: string) =>
		`d${index} d${index}.example:${selector}:${path}`;
	const table = Array.from({ length: 500 }, (_, index) => line(index, "a", `/k/${index}`)).join("\n");
	const changes = Array.from({ length: 500 }, (_, index) => ({
		domain: `d${index}.example`,
		from: "a",
		to: { selector: "b", keyPath: `/k/d${index}.example/b.private` },
	}));
	expect(rendered(table, changes.toReversed())).toBe(
		changes.map(({ to }, index) => line(index, "b", to.keyPath)).join("\n"),
	);
});

test("refuses lines of one selector that name two keys", () => {
	const table = "a example.com:202610:/k/1\nb example.com:202610:/k/2\n";
	expect(() => rendered(table)).toThrow("got 2");
	expect(() => entriesInUse(parseKeyTable(bytes(table)), "example.com", "202610")).toThrow("got 2");
});

test("refuses a result that OpenDKIM would read in pieces", () => {
	const start = "a example.com:202610:/k #";
	const table = `${start.padEnd(1020, "x")}\n`;
	expect(() => rendered(table)).toThrow("1023 bytes");
	const longest = 1023 - ("/keys/example.com/202611.private".length - "/k".length);
	expect(rendered(`${start.padEnd(longest, "x")}\n`)).toHaveLength(1024);
	expect(() => rendered(`${start.padEnd(longest + 1, "x")}\n`)).toThrow("1023 bytes");
});

test.each(["/k/with blank", "/k/#1", "/k/%", "relative", "/k\n/x", "/k:rsa-sha256"])(
	"refuses the new path %j",
	(keyPath) => {
		const table = "a example.com:202610:/k\n";
		expect(() => rendered(table, [{ ...change, to: { selector: "s", keyPath } }])).toThrow();
	},
);

const foreign = fc.oneof(
	fc.stringMatching(/^[ \t]*#[\x20-\xff]{0,40}\r?$/),
	fc.stringMatching(/^[ \t]*$/),
	fc.stringMatching(/^[\x21\x24-\x7e]{1,10}[ \t]{1,3}[\x20-\x7e]{0,30}$/),
	fc.uint8Array({ maxLength: 60 }).map((octets) => text(octets).replaceAll("\n", "")),
);
const place = fc.record({
	before: fc.stringMatching(/^[ \t]{0,3}$/),
	gap: fc.stringMatching(/^[ \t]{1,4}$/),
	after: fc.stringMatching(/^[ \t]{0,3}(#[\x20-\x7e]{0,20})?\r?$/),
});

test("every byte of other lines, and around the key in use, survives a turn", () => {
	fc.assert(
		fc.property(fc.array(foreign), fc.array(foreign), place, (above, below, { before, gap, after }) => {
			const table = (key: string) =>
				[...above, `${before}unique-name-of-ours${gap}example.com:${key}${after}`, ...below].join("\n");
			const turned = rendered(table("202610:/keys/example.private"));
			expect(turned).toBe(table("202611:/keys/example.com/202611.private"));
		}),
		{ numRuns: 500 },
	);
});

test("in a refile table blanks in front hide a line, and a pattern makes all behind it unsure", () => {
	const table =
		"a a.example:s:/k/a\n b b.example:s:/k/b\nc.d c.example:s:/k/c\nx* x.example:s:/k/x\ne e.example:s:/k/e\n";
	const entries = parseKeyTable(bytes(table), "refile");
	expect(entries.map(({ name, problem }) => [name, problem])).toEqual([
		["a", null],
		["c.d", null],
		["x*", "its name x* is a pattern, which keyturn does not follow"],
		["e", "the pattern x* before it may catch its name"],
	]);
	expect(parseKeyTable(bytes(table))).toHaveLength(5);
});
