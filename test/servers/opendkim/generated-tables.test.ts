/** Tables in odd but legal forms, generated: which key signs for whom, as OpenDKIM itself says and as our readers do. */

import { spawnSync } from "node:child_process";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseKeyTable } from "../../../src/signers/opendkim/key-table.ts";
import { createSigningTable, entriesFor } from "../../../src/signers/opendkim/signing-table.ts";
import { makeKey, mayRun, OPENDKIM, type OpenDkimHost, prepareHost, signWith } from "./opendkim-host.ts";

const key = makeKey();
const TABLES = Number(process.env["TABLES"] ?? 40);
const SENDERS = [
	"user@example.com",
	"User+x@EXAMPLE.com",
	"news@mail.example.com",
	"a@example.org",
	"u@b.mail.example.com",
];

interface Pair {
	readonly kind: "file" | "refile";
	readonly keys: readonly string[];
	readonly signing: readonly string[];
}

const blanks = fc.constantFrom(" ", "\t", "  ", " \t ", "\f", "\v ");
const before = fc.constantFrom("", "", "", "", " ", "\t");
const behind = fc.constantFrom("", "", "", " ", "\t", "\r", " # a comment", "# one without a blank", " #");
const noise = fc.constantFrom("", "# comment", "   ", "\t# indented", "#", "\r");
const names = fc.constantFrom("a", "b", "C", "example.com", "x-y_z", "1");

/** Each selector tells its line. */
const keyLine = fc.tuple(
	before,
	names,
	blanks,
	fc.constantFrom("example.com", "EXAMPLE.com", "%", "example.org"),
	behind,
);
const patterns = {
	refile: fc.constantFrom(
		"*@example.com",
		"*@EXAMPLE.com",
		"*@*.example.com",
		"user@*",
		"*",
		"*@example.*",
		"?ser@example.com",
		"[a-z]*@example.com",
		"[^n]*@*",
		"u*@b.mail.example.com",
		"user+x@example.com",
		"*@mail?example.com",
		"(a|user)@example.*",
		"*.com",
		"news@*.*.com",
	),
	file: fc.constantFrom(
		"example.com",
		"EXAMPLE.com",
		".example.com",
		"user@example.com",
		"news@.example.com",
		"user@*",
		"*",
		".com",
		"mail.example.com",
		"u@.mail.example.com",
	),
};
const entry = fc.oneof(
	{ weight: 4, arbitrary: names },
	fc.constantFrom("%", "a:user@example.com", "b:@example.com", "missing", "", "a|b", "a b", "A"),
);
const pair: fc.Arbitrary<Pair> = fc.constantFrom("file" as const, "refile" as const).chain((kind) =>
	fc.record({
		kind: fc.constant(kind),
		keys: fc.array(
			fc.oneof(
				{
					weight: 5,
					arbitrary: keyLine.map(
						([lead, name, gap, domain, end]) => `${lead}${name}${gap}${domain}:@:PATH${end}`,
					),
				},
				noise,
			),
			{ minLength: 3, maxLength: 8 },
		),
		signing: fc.array(
			fc.oneof(
				{
					weight: 5,
					arbitrary: fc
						.tuple(before, patterns[kind], blanks, entry, behind)
						.map(([lead, pattern, gap, name, end]) => lead + pattern + gap + name + end),
				},
				noise,
			),
			{ minLength: 1, maxLength: 6 },
		),
	}),
);

/** What we say; "unknown" where we say that we cannot tell. */
function ours(kind: Pair["kind"], keys: string, signing: string, sender: string): string {
	const table = createSigningTable(kind, Buffer.from(signing, "latin1"), false);
	const [rule] = table.matching(sender);
	if (rule?.isUnderstood === false) return "unknown";
	const [name] = entriesFor(table, sender);
	const found = parseKeyTable(Buffer.from(keys, "latin1")).find((one) => one.name === name);
	if (found?.problem?.includes("(%)") === true) return "unknown";
	return found === undefined || found.problem !== null ? "none" : found.selector;
}

async function theirs(host: OpenDkimHost, sender: string): Promise<string> {
	return (await signWith(host, sender)) ?? "none";
}

describe.skipIf(!mayRun)("generated tables", () => {
	test("sign as our readers say", { timeout: 600_000 }, async () => {
		const host = { file: await prepareHost({ signing: "file:" }), refile: await prepareHost() };
		const paths = { file: await host.file.writeKey("k", key), refile: await host.refile.writeKey("k", key) };
		const differing: string[] = [];
		const seen = new Set<string>();
		for (const { kind, keys, signing } of fc.sample(pair, { numRuns: TABLES, seed: 11 })) {
			const keyText = `${keys.map((line, index) => line.replace("@:PATH", `s${index}:${paths[kind]}`)).join("\n")}\n`;
			const signingText = `${signing.join("\n")}\n`;
			await host[kind].write("key.table", keyText);
			await host[kind].write("signing.table", signingText);
			// A plain table whose first line names no key of the key table: it does not start, which `preflight` tells.
			if (spawnSync(OPENDKIM, ["-n", "-x", host[kind].configPath]).status !== 0) {
				seen.add("refused");
				continue;
			}
			for (const sender of SENDERS) {
				const said = ours(kind, keyText, signingText, sender);
				seen.add(said === "none" || said === "unknown" ? said : "a selector");
				if (said === "unknown") continue;
				const got = await theirs(host[kind], sender);
				if (got !== said)
					differing.push(
						`${sender}: ours ${said}, theirs ${got}: ${JSON.stringify({ signingText, kind, keyText }).replaceAll(paths[kind], "P")}`,
					);
			}
		}
		expect(differing).toEqual([]);
		expect([...seen].toSorted()).toEqual(["a selector", "none", "refused", "unknown"]);
	});
});
