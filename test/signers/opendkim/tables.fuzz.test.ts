/** Whatever stands in OpenDKIM's tables and options: read without end or failure, and changed in nothing but what was asked. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KeyturnError } from "../../../src/errors.ts";
import type { Disk } from "../../../src/ports/disk.ts";
import type { SignerChange } from "../../../src/ports/signer.ts";
import {
	offlineConfiguration,
	optionLines,
	parseDataset,
	parseSocket,
	valuesOf,
} from "../../../src/signers/opendkim/configuration.ts";
import { isLoopbackInternal } from "../../../src/signers/opendkim/internal-hosts.ts";
import { parseKeyTable, renderKeyTable } from "../../../src/signers/opendkim/key-table.ts";
import {
	createSigningTable,
	entriesFor,
	isNamed,
	senderFor,
} from "../../../src/signers/opendkim/signing-table.ts";
import { parseTable } from "../../../src/signers/opendkim/table-lines.ts";
import { readUnitArguments } from "../../../src/signers/opendkim/unit-arguments.ts";
import { fuzzed, PATIENCE } from "../../fuzz/fuzzing.ts";
import { mutatedText } from "../../fuzz/mutations.ts";
import { anyName, anyText } from "../../fuzz/nasty-text.ts";

const PATH = "/etc/opendkim/keys/example.com/202610.private";
const KEY_TABLE = `# keys\nexample example.com:202610:${PATH} # first\n\tother\t example.org:mail:/k/mail.private\r\n\nexample.net example.net:a.b:/k/ä.private`;
const ODD_KEY_TABLE = `a\fexample.com:202610:${PATH}\v\n#a example.com:202610:${PATH}\na example.com:s2:/k\nb %:202610:/k/%\nc example.com:202610:${PATH}\n${"x".repeat(1023)}d example.com:202610:${PATH}\n`;
const SIGNING_TABLE = "# who\n*@example.com example\nuser@*.example.org\tother # x\r\n* example.net\n";
const CHANGE: SignerChange = {
	domain: "example.com",
	from: "202610",
	to: { selector: "202611", keyPath: "/etc/opendkim/keys/example.com/202611.private" },
};

const STAGED = { keyTable: "file:/staged", signingTable: "refile:/signing" };

/** Latin-1: any octets at all. */
const anyTable = fc.oneof(
	{ weight: 3, arbitrary: mutatedText([KEY_TABLE, ODD_KEY_TABLE], "latin1") },
	fc.string({
		unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
		maxLength: 300,
	}),
);

function rendered(table: string, change: SignerChange): string | null {
	try {
		return Buffer.from(renderKeyTable(Buffer.from(table, "latin1"), [change])).toString("latin1");
	} catch (thrown) {
		if (!(thrown instanceof KeyturnError)) throw thrown;
		expect(thrown.code).toBe("signer.config");
		return null;
	}
}

test("records lie where they say, and nothing of a line is in two of them", PATIENCE, () => {
	fc.assert(
		fc.property(anyTable, (table) => {
			let end = 0;
			for (const { key, value, valueAt, line } of parseTable(table)) {
				expect(table.slice(valueAt, valueAt + value.length)).toBe(value);
				expect(
					table
						.slice(0, valueAt)
						.replace(/[ \t\r\v\f]*$/, "")
						.endsWith(key),
				).toBe(true);
				expect(valueAt).toBeGreaterThanOrEqual(end);
				end = valueAt + value.length;
				expect(line.start).toBeLessThanOrEqual(valueAt);
				expect(line.end).toBeGreaterThanOrEqual(end);
				expect(/[#\n]/.test(key + value)).toBe(false);
			}
		}),
		fuzzed(500),
	);
});

test(
	"a change replaces selector and path of its own lines, and no other octet of any table",
	PATIENCE,
	() => {
		let changed = 0;
		fc.assert(
			fc.property(anyTable, (table) => {
				const after = rendered(table, CHANGE);
				if (after === null) return;
				changed += 1;
				const entries = parseKeyTable(Buffer.from(table, "latin1"));
				const mine = entries.filter(
					(entry) => entry.problem === null && entry.domain === "example.com" && entry.selector === "202610",
				);
				expect(mine.length).toBeGreaterThan(0);
				// Built again from the table before, by the places of the entries alone.
				let expected = "";
				let at = 0;
				for (const { selectorAt, pathAt } of mine) {
					expected += table.slice(at, selectorAt.start) + "202611";
					expected += table.slice(selectorAt.end, pathAt.start) + (CHANGE.to?.keyPath ?? "");
					at = pathAt.end;
				}
				expect(after).toBe(expected + table.slice(at));
				const others = (text: string) =>
					text.split("\n").filter((line) => !/example\.com:20261[01]:/i.test(line));
				expect(others(after)).toEqual(others(table));
				const now = parseKeyTable(Buffer.from(after, "latin1"));
				expect(now.map(({ name }) => name)).toEqual(entries.map(({ name }) => name));
				for (const [index, entry] of now.entries())
					if (mine.some((one) => one === entries[index]))
						expect(entry).toMatchObject({ selector: "202611", path: CHANGE.to?.keyPath, problem: null });
				// And back: the very table that was there.
				const back = { domain: "example.com", from: "202611", to: { selector: "202610", keyPath: PATH } };
				const pathsWere = new Set(mine.map((entry) => entry.path));
				if (pathsWere.size === 1 && pathsWere.has(PATH) && !table.includes(":202611:"))
					expect(rendered(after, back)).toBe(table);
			}),
			fuzzed(1000),
		);
		expect(changed).toBeGreaterThan(0);
	},
);

test("no name, however odd, comes into a table but as the selector or path that it is", PATIENCE, () => {
	const table = `a example.com:202610:${PATH}\nb example.org:202610:${PATH}\n`;
	let refused = 0;
	fc.assert(
		fc.property(anyName, anyName, (selector, path) => {
			const keyPath = path.startsWith("/") ? path : `/k/${path}`;
			const after = rendered(table, { domain: "example.com", from: "202610", to: { selector, keyPath } });
			refused += after === null ? 1 : 0;
			if (after === null) return;
			expect(Buffer.from(after, "latin1").toString("utf8")).toBe(
				`a example.com:${selector}:${keyPath}\nb example.org:202610:${PATH}\n`,
			);
			const [first] = parseKeyTable(Buffer.from(after, "latin1"));
			expect(first).toMatchObject({ domain: "example.com", selector, path: keyPath, problem: null });
		}),
		fuzzed(500),
	);
	expect(refused).toBeGreaterThan(0);
});

test(
	"a signing table answers for any address, and a sender it finds is one that leads there",
	PATIENCE,
	() => {
		const patterns = fc.oneof(
			mutatedText([SIGNING_TABLE], "latin1"),
			fc
				.array(
					fc.tuple(
						fc.stringMatching(/^[*a.@+?|()[\]{}^$\\0-9,]{1,24}$/),
						fc.constantFrom("example", "other", "%", "example.com"),
					),
					{ maxLength: 5 },
				)
				.map((rules) => rules.map((rule) => rule.join(" ")).join("\n")),
			fc.string({ unit: "binary-ascii", maxLength: 200 }),
		);
		let found = 0;
		fc.assert(
			fc.property(
				patterns,
				fc.constantFrom("file" as const, "refile" as const),
				fc.boolean(),
				fc.oneof(anyText, fc.constantFrom("user@mail.example.org", `${"a".repeat(250)}@example.com`)),
				(text, kind, isMultiple, address) => {
					const table = createSigningTable(kind, Buffer.from(text, "latin1"), isMultiple);
					expect(entriesFor(table, address).length).toBeLessThanOrEqual(isMultiple ? 1000 : 1);
					for (const entry of ["example", "other", "example.com"]) {
						isNamed(table, entry);
						const sender = senderFor(table, entry, "example.com");
						if (sender === null) continue;
						found += 1;
						expect(entriesFor(table, sender)).toContain(entry);
						expect(sender).toMatch(/^[!-~]+@[!-~]+$/);
						expect(sender).not.toMatch(/[<>"(),:;\\[\]]/);
					}
				},
			),
			fuzzed(500),
		);
		expect(found).toBeGreaterThan(0);
	},
);

describe("a table of patterns that were built to be tried for ever", () => {
	const address = `${"a".repeat(250)}@${"a.".repeat(120)}example.com`;
	test.each([
		["stars", `${"*a".repeat(200)}b x`],
		["repeated groups", "(a|a)*(a|a)*(a|a)*(a|a)*!@* x"],
		["counted groups", "(((a{1,30}){1,30}){1,30}){1,30}! x"],
		["nested repetitions", "((a*)*)*! x"],
		["nested questions", `${"(a?)".repeat(40)}${"a".repeat(40)}! x`],
		["references", "(a*)\\1\\1\\1! x"],
		["an open bracket", "[a x"],
		["many alternatives", `(${"a|".repeat(300)}a)*! x`],
	])("(%s) answers", (_, rule) => {
		const table = createSigningTable("refile", Buffer.from(`${rule}\n*@example.com y\n`), false);
		expect(entriesFor(table, address).length).toBeLessThanOrEqual(1);
		expect(["string", "object"]).toContain(typeof senderFor(table, "x", "example.com"));
	});
});

test(
	"any opendkim.conf is read, or refused by its code; offline, no line of ours can be overridden",
	PATIENCE,
	() => {
		const conf = `# c\nSyslog yes\nUserID opendkim\nKeyTable ${PATH}\r\nSigningTable refile:/etc/s\nSocket local:/run/o.sock\nInternalHosts 127.0.0.1,10.0.0.0/8\n`;
		const text = fc.oneof(
			mutatedText([conf], "latin1"),
			anyText.map((one) => `KeyTable /k\n${one}`),
			anyText,
		);
		let read = 0;
		fc.assert(
			fc.property(text, (given) => {
				try {
					const options = valuesOf(optionLines(given));
					read += 1;
					const offline = valuesOf(optionLines(offlineConfiguration(given, STAGED)));
					expect(offline.get("keytable")).toBe("file:/staged");
					expect(offline.get("signingtable")).toBe("refile:/signing");
					for (const name of ["userid", "socket", "pidfile"]) expect(offline.has(name)).toBe(false);
					for (const value of options.values()) {
						parseDataset(value);
						isLoopbackInternal(value.split(","));
						parseSocket(value);
					}
				} catch (thrown) {
					if (!(thrown instanceof KeyturnError)) throw thrown;
					expect(thrown.code).toBe("signer.config");
				}
			}),
			fuzzed(500),
		);
		expect(read).toBeGreaterThan(0);
	},
);

/** As long as each may be, or as a line may. */
describe("a file of a megabyte", () => {
	const blanks = `KeyTable /k\nDomain a${" ".repeat(1_000_000)}b\n`;
	test("of blanks in the middle of an option is read", () => {
		expect(valuesOf(optionLines(blanks)).get("domain")).toMatch(/^a +b$/);
		expect(optionLines(`KeyTable /k\n${" ".repeat(1_000_000)}`)).toHaveLength(1);
	});

	test.each([
		["blanks", " ".repeat(1_000_000)],
		["blanks between words", `a b${" ".repeat(500_000)}c${" ".repeat(499_000)}`],
		["line ends", "\n".repeat(1_000_000)],
		["number signs", "#".repeat(1_000_000)],
		["colons", `a ${":".repeat(1_000_000)}`],
		["short lines", "a b\n".repeat(50_000)],
		["one pattern again and again", "*@a.b x\n".repeat(50_000)],
	])("or less of %s is a table", PATIENCE, (_, text) => {
		const bytes = Buffer.from(text, "latin1");
		expect(parseKeyTable(bytes).filter((entry) => entry.problem === null)).toEqual([]);
		for (const kind of ["file", "refile"] as const)
			expect(entriesFor(createSigningTable(kind, bytes, false), "a@b.c")).toEqual([]);
	});

	test.each([
		["blank lines", "\n".repeat(65_536)],
		["blanks", " ".repeat(65_536)],
		["blank lines in front of an option", `${"\n ".repeat(32_000)}ExecStart=/usr/sbin/opendkim -x /a -u b`],
	])("less, but all that a unit may have, of %s is read", async (_, text) => {
		const disk = {
			list: async () => Promise.resolve([]),
			read: async () => Promise.resolve(Buffer.from(text)),
		};
		const found = await readUnitArguments(disk as unknown as Disk, "opendkim");
		expect([null, "/a"]).toContain(found.config);
	});
});
