/** Whatever stands in the tables of signers other than OpenDKIM: read soon and without failure, and changed in nothing but what was asked. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hashOf } from "../../src/durable.ts";
import { KeyturnError } from "../../src/errors.ts";
import type { SignerChange, SignerFile } from "../../src/ports/signer.ts";
import { COMMAND_TABLE } from "../../src/signers/command/table.ts";
import { CONFIGURATION, keysIn, renderProxy, SENDER_MAP } from "../../src/signers/dkimproxy/rendering.ts";
import { DKIMPY_TABLE, isCaught as isCaughtByDkimpy } from "../../src/signers/dkimpy/table.ts";
import { EXIM_TABLE } from "../../src/signers/exim/table.ts";
import { isCaught, LABELLED_KEYS } from "../../src/signers/one-table/labelled-keys.ts";
import { parseRows, renderRows, type RowFormat } from "../../src/signers/one-table/rows.ts";
import { signingRows } from "../../src/signers/one-table/signing-lines.ts";
import { selectorMap } from "../../src/signers/rspamd/selector-map.ts";
import { readSection, renderSection } from "../../src/signers/rspamd/signing-section.ts";
import { fuzzed, PATIENCE } from "../fuzz/fuzzing.ts";
import { mutatedText } from "../fuzz/mutations.ts";

const keyPath = (domain: string, selector: string): string => `/k/${domain}/${selector}`;
const MAP = selectorMap(keyPath);
const LABELLED =
	"# keys\nfirst example.com:202610:/k/example.com/202610\n\tsecond\texample.org:mail:/k/m # x\r\nthird example.com:202610:/k/example.com/202610\n";
const TABLES: readonly (readonly [string, RowFormat, string])[] = [
	[
		"Exim",
		EXIM_TABLE,
		"# keys\nexample.com: selector=202610 key=/k/example.com/202610 note=x\nexample.org key=/k/m selector=mail\r\n",
	],
	["dkimpy", DKIMPY_TABLE, LABELLED],
	[
		"command",
		COMMAND_TABLE,
		"# keys\nexample.com 202610 /k/example.com/202610\n\texample.org\tmail  /k/m # x\r\n",
	],
	["rspamd, OpenDKIM's form", LABELLED_KEYS, LABELLED],
	["rspamd, map of selectors", MAP, "# who\nexample.com 202610\n\tExample.org\tmail # x\r\n"],
];
const SECTION = `# signing
selector_map = "/m";
domain {
  example.com { path = "/k/example.com/202610"; selector = "202610"; }
  example.org { selectors [ { path = "/k/m"; selector = "mail"; }, { path: /k/n, selector: n } ] }
}
`;
const PROXY_MAP = `# who
example.com dkim(d=example.com,s=202610,key=/k/example.com/202610,a=rsa-sha256)
user@example.org  dkim(s=mail, keyfile=/k/m), domainkeys(s=x)
. dkim(d=example.net,s=n,key=/k/n)\r
`;
const PROXY_CONFIGURATION = `# signs
listen 127.0.0.1:10027
domain example.com
signature dkim(a=rsa-sha256,c=relaxed)
keyfile /k/example.com/202610 # ours
selector=202610\r
`;
const TO = { selector: "202611", keyPath: keyPath("example.com", "202611") };
const CHANGE: SignerChange = { domain: "example.com", from: "202610", to: TO };

function tableOf(seed: string): fc.Arbitrary<string> {
	const octet = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
	return fc.oneof(
		{ weight: 4, arbitrary: mutatedText([seed], "latin1") },
		fc.string({ unit: octet, maxLength: 300 }),
	);
}

function fileOf(text: string, format?: string): SignerFile {
	const bytes = Buffer.from(text, "latin1");
	return { path: "/t", bytes, hash: hashOf(bytes), ...(format === undefined ? {} : { format }) };
}

/** Null where it was refused, which has a code of its own. */
function unlessRefused<Result>(act: () => Result): Result | null {
	try {
		return act();
	} catch (thrown) {
		if (!(thrown instanceof KeyturnError)) throw thrown;
		expect(thrown.code).toBe("signer.config");
		return null;
	}
}

/** Every byte outside the lines that changed is as it was, and one change is all that there is to undo. */
function expectOnlyTurned(before: string, after: string): void {
	const [old, now] = [before.split("\n"), after.split("\n")];
	const changed = now.filter((line, index) => line !== old[index]);
	for (const line of changed) expect(line).toContain(TO.selector);
	expect(now).toHaveLength(old.length);
}

describe.each(TABLES)("a table (%s)", (_, format, seed) => {
	test("is read, turned and given a first key, or refused", PATIENCE, () => {
		const seen = { turned: 0, first: 0, refused: 0 };
		fc.assert(
			fc.property(tableOf(seed), (text) => {
				const file = fileOf(text);
				const rows = parseRows(file.bytes, format);
				const turned = unlessRefused(() => renderRows(file, [CHANGE], format));
				if (turned === null) seen.refused += 1;
				else {
					seen.turned += 1;
					const after = Buffer.from(turned[0]?.bytes ?? []).toString("latin1");
					if (after.split("\n").length === text.split("\n").length) expectOnlyTurned(text, after);
					const now = parseRows(turned[0]?.bytes ?? new Uint8Array(), format);
					expect(now.some((row) => row.domain === "example.com" && row.selector === "202611")).toBe(true);
					const others = ({ domain }: { readonly domain: string }): boolean => domain !== "example.com";
					expect(now.filter(others)).toEqual(rows.filter(others));
				}
				const first = {
					domain: "new.example",
					from: null,
					to: { ...TO, keyPath: keyPath("new.example", "202611") },
				};
				const added = unlessRefused(() => renderRows(file, [first], format));
				if (added === null) return;
				seen.first += 1;
				const bytes = Buffer.from(added[0]?.bytes ?? []);
				expect(bytes.subarray(0, file.bytes.length)).toEqual(file.bytes);
				expect(parseRows(bytes, format).at(-1)).toMatchObject({ domain: "new.example", selector: "202611" });
			}),
			fuzzed(300),
		);
		expect(Math.min(seen.turned, seen.first, seen.refused)).toBeGreaterThan(0);
	});
});

test("rspamd's section is turned in its key alone, or refused", PATIENCE, () => {
	let turned = 0;
	fc.assert(
		fc.property(tableOf(SECTION), (text) => {
			const bytes = unlessRefused(() => renderSection(Buffer.from(text, "latin1"), "/t", [CHANGE]));
			if (bytes === null) return;
			turned += 1;
			const [before, after] = [
				readSection(text, "/t"),
				readSection(Buffer.from(bytes).toString("latin1"), "/t"),
			];
			expect(after.options).toEqual(before.options);
			const others = ({ domain }: { readonly domain: string }): boolean => domain !== "example.com";
			const namesOf = (keys: typeof after.keys): readonly string[] =>
				keys.filter(others).map(({ domain, selector, path }) => `${domain} ${selector} ${path}`);
			expect(namesOf(after.keys)).toEqual(namesOf(before.keys));
			expect(after.keys.find((key) => !others(key))).toMatchObject({
				selector: TO.selector,
				path: TO.keyPath,
			});
		}),
		fuzzed(300),
	);
	expect(turned).toBeGreaterThan(0);
});

test.each([
	[SENDER_MAP, PROXY_MAP],
	[CONFIGURATION, PROXY_CONFIGURATION],
])("DKIMproxy's %s is turned in its key alone, or refused", PATIENCE, (format, seed) => {
	let turned = 0;
	fc.assert(
		fc.property(tableOf(seed), (text) => {
			const file = fileOf(text, format);
			const before = keysIn(file);
			const rendered = unlessRefused(() => renderProxy([file], [CHANGE]));
			if (rendered === null) return;
			turned += 1;
			const bytes = rendered[0]?.bytes ?? new Uint8Array();
			const namesOf = (keys: typeof before): readonly string[] =>
				keys.map(({ sender, domain, selector, path }) => `${sender ?? ""} ${domain} ${selector} ${path}`);
			expect(namesOf(keysIn({ ...file, bytes }))).toEqual(
				namesOf(
					before.map((key) =>
						key.problem === null && key.domain === "example.com" && key.selector === "202610"
							? { ...key, selector: TO.selector, path: TO.keyPath }
							: key,
					),
				),
			);
		}),
		fuzzed(300),
	);
	expect(turned).toBeGreaterThan(0);
});

test("a pattern of any form catches an address or not", PATIENCE, () => {
	const pattern = fc.string({
		unit: fc.constantFrom("*", "?", "a", "@", ".", "%", "\\", "(", "[", "+", "A"),
		maxLength: 12,
	});
	fc.assert(
		fc.property(
			pattern,
			fc.string({ unit: fc.constantFrom("a", "@", ".", "A"), maxLength: 12 }),
			(one, address) => {
				expect(typeof isCaught(one, address)).toBe("boolean");
				expect(typeof isCaughtByDkimpy(one, address)).toBe("boolean");
				if (/^[a@.]*$/.test(one)) expect(isCaught(one, address)).toBe(one === address.toLowerCase());
				expect(isCaught("*", address)).toBe(true);
			},
		),
		fuzzed(500),
	);
});

const MANY = 60_000;
const ROWS = 20_000;
const lots = (text: string): string => text.repeat(500_000 / text.length);
const senders = Array.from({ length: MANY / 4 }, (_, index) => PROXY_MAP.replace("user@", `u${index}@`)).join(
	"",
);
const blocks = Array.from(
	{ length: MANY / 4 },
	(_, index) => `d${index}.example { path = "/k"; selector = "s" }\n`,
);

/** Each took minutes, or would, where something is looked for again from every place. */
describe("endlessly many of", () => {
	test.each(TABLES)("rows are read (%s)", PATIENCE, (_, format, seed) => {
		const line = seed.split("\n")[1] ?? "";
		const lines = Array.from({ length: ROWS }, (__, index) =>
			line.replace(/^first\b/, `name${index}`).replaceAll("example.com", `d${index}.example`),
		);
		const file = fileOf(lines.join("\n"));
		expect(parseRows(file.bytes, format)).toHaveLength(ROWS);
		const domain = `d${ROWS - 1}.example`;
		const change = { domain, from: "202610", to: { ...TO, keyPath: keyPath(domain, TO.selector) } };
		expect(renderRows(file, [change], format)).toHaveLength(1);
	});

	test.each<readonly [string, () => unknown]>([
		["stars in a pattern", () => isCaught(`${"*a".repeat(5_000)}b`, "a".repeat(5_000))],
		["stars in a pattern of dkimpy", () => isCaughtByDkimpy(`${"*a".repeat(5_000)}b`, "a".repeat(5_000))],
		["lines of a sender map", () => keysIn(fileOf(senders, SENDER_MAP))],
		["signatures in a line", () => keysIn(fileOf(`a.example ${lots("dkim(s=a),")}`, SENDER_MAP))],
		["values of a signature", () => keysIn(fileOf(`a.example dkim(${lots("s=a,")})`, SENDER_MAP))],
		["letters of a signature", () => keysIn(fileOf(`a.example dkim(${lots("a")})`, SENDER_MAP))],
		["blanks of a signature", () => keysIn(fileOf(`a.example dkim(${lots(" ")})`, SENDER_MAP))],
		["equals signs of a signature", () => keysIn(fileOf(`a.example dkim(${lots(" =")})`, SENDER_MAP))],
		["words of a line", () => keysIn(fileOf(`a.example ${lots("a ")}`, SENDER_MAP))],
		["blanks of an option", () => keysIn(fileOf(`domain${lots(" ")}`, CONFIGURATION))],
		["signs of a comment", () => keysIn(fileOf(lots("\\#"), CONFIGURATION))],
		["blocks of rspamd", () => readSection(`domain { ${blocks.join("")} }`, "/t")],
		["comments in comments of rspamd", () => readSection(`${lots("/*")}${lots("*/")}`, "/t")],
		["blanks of Exim's", () => parseRows(Buffer.from(`a${lots(" ")}`), EXIM_TABLE)],
		["values of Exim's", () => parseRows(Buffer.from(`a: ${lots(" s")}`), EXIM_TABLE)],
		["tabs of a command's", () => parseRows(Buffer.from(`a${lots("\t")}b${lots("\t")}`), COMMAND_TABLE)],
		["blanks of a labelled row", () => parseRows(Buffer.from(`a${lots(" ")}#`), LABELLED_KEYS)],
		["blanks of dkimpy's", () => parseRows(Buffer.from(`a${lots(" ")}b c`), DKIMPY_TABLE)],
		["lines of a signing table", () => signingRows(Buffer.from("*@a.example first\n".repeat(MANY)))],
	])("%s are read", PATIENCE, (_, read) => {
		expect(unlessRefused(read)).not.toBeUndefined();
	});
});
