/** Whatever stands in a configuration that is not ours: readers, or a reader with a problem, and nothing thrown. */

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { findOtherReaders } from "../../../src/signers/other-readers/other-readers.ts";
import { fuzzed, PATIENCE } from "../../fuzz/fuzzing.ts";
import { SimDisk } from "../../fakes/sim-disk.ts";
import { createSimProcess } from "../../fakes/sim-process.ts";

const PATHS = [
	"/etc/opendkim-x.conf",
	"/etc/openarc.conf",
	"/etc/rspamd/local.d/arc.conf",
	"/etc/amavisd.conf",
	"/etc/rspamd/local.d/dkim_signing.conf",
	"/etc/dkimpy-milter/dkimpy-milter.conf",
];
const WORDS = [
	..."KeyTable /etc/openarc.conf\nSelector KeyFile Domain example.com , ; { } [ ] = : # /* */ \" ' ( ) \\ \n % $".split(
		" ",
	),
	"selector",
	"path",
	"selector_map",
	"domain",
	"dkim_key('a.example', 's', '/k');",
];
const text = fc
	.array(fc.oneof(fc.constantFrom(...WORDS), fc.string({ maxLength: 8, unit: "binary" })), { maxLength: 60 })
	.map((words) => words.join(" "));

async function readersOf(path: string, content: string) {
	const sim = new SimDisk(() => new Date("2026-11-26T12:00:00Z"));
	sim.put(path, content);
	return findOtherReaders({ disk: sim.open({ process: createSimProcess() }), own: [] });
}

test("any text gives readers that name where it stands", PATIENCE, async () => {
	let found = 0;
	await fc.assert(
		fc.asyncProperty(fc.constantFrom(...PATHS), text, async (path, content) => {
			for (const reader of await readersOf(path, content)) {
				found += 1;
				expect(reader.where).toMatch(/^(?:\/|KeyTable )/);
				if (reader.problem !== null)
					expect(reader).toMatchObject({ domain: null, selector: null, keyPath: null });
			}
		}),
		fuzzed(300),
	);
	expect(found).toBeGreaterThan(0);
});

test.each([
	["openings of texts", PATHS[2] ?? "", '"\\'.repeat(400_000)],
	["openings of comments", PATHS[2] ?? "", "/* ".repeat(300_000)],
	["openings of blocks", PATHS[2] ?? "", "a {\n".repeat(200_000)],
	["keys of rspamd's", PATHS[4] ?? "", 'selector = "a"; domain { a.example { path = /k } }\n'.repeat(8_000)],
	["options of dkimpy-milter's", PATHS[5] ?? "", "KeyTableEd25519 /k\n".repeat(50_000)],
	["calls that are not closed", PATHS[3] ?? "", "dkim_key( '".repeat(90_000)],
	["key files", PATHS[1] ?? "", "KeyFile\n".repeat(100_000)],
])("endlessly many %s are read", PATIENCE, async (_, path, content) => {
	expect(await readersOf(path, content)).toBeInstanceOf(Array);
});
