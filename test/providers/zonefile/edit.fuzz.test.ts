import * as fc from "fast-check";
import { expect, test } from "vitest";
import { edited, meaning } from "../../../providers/zonefile/edit.ts";
import { recordsOf } from "../../../providers/zonefile/records.ts";
import { fuzzed, PATIENCE } from "../../fuzz/fuzzing.ts";
import { NotUnderstood } from "../../../providers/zonefile/tokens.ts";

const ZONE = "example.test";
const NOW = new Date("2026-11-26T12:00:00Z");
const HEAD = "@ 60 IN SOA ns1 h 7 2 3 4 5\n";

/** Pieces of which zone files are made, and some that are in no zone file. */
const WORDS =
	'a|@|b.example.test.|s1._domainkey| |\t|\n|(|)|;x|"|\\|\\034|TXT|A|IN|CH|60|1h|"v=DKIM1"|$TTL 5m\n|$ORIGIN sub\n|$INCLUDE x\n|CNAME|\r\n'.split(
		"|",
	);
const LINES =
	'a TXT x\n|\t60 TXT "y" ; z\n|b A 192.0.2.1\n|c TXT ( "1"\n "2" )\n|$TTL 300\n|$ORIGIN sub.example.test.\n|; comment\n|\n|d 1h IN TXT "\\"q\\" e"\n'.split(
		"|",
	);
const piece = fc.oneof(fc.constantFrom(...WORDS), fc.string({ maxLength: 5, unit: "binary" }));
const broken = fc.array(piece, { maxLength: 8 }).map((pieces) => `${pieces.join(" ")}\n`);
const lines = fc.array(fc.oneof(fc.constantFrom(...LINES), broken), { maxLength: 12 });

test(
	"a file is read or refused, and an edit changes the serial and what was asked for, or is refused",
	PATIENCE,
	async () => {
		let edits = 0;
		await fc.assert(
			fc.asyncProperty(lines, fc.nat(20), async (body, pick) => {
				const text = Buffer.from(`${HEAD}${body.join("")}`, "utf8").toString("latin1");
				try {
					const before = await parse(text);
					const txt = before.filter(({ type }) => type === "TXT");
					const gone =
						txt.length === 0 ? [] : [txt[pick % txt.length] ?? before[0]].filter((one) => one !== undefined);
					const come = [{ name: `new.${ZONE}`, value: "v=DKIM1;p=x", ttlSeconds: 60 }];
					const after = await parse(edited(text, before, { gone, come }, NOW));
					const kept = before.filter((record) => !gone.includes(record));
					// What a line takes over from the one that went is what zone-file.ts refuses; the number stays in any case.
					expect(after).toHaveLength(kept.length + 1);
					if (gone.length === 0) expect(meaning(after.slice(0, -1))).toEqual(meaning(kept));
					expect(after.at(-1)).toMatchObject({ owner: `new.${ZONE}`, ttl: "60", type: "TXT" });
					expect(after.find(({ type }) => type === "SOA")?.data[2]?.text).toBe("8");
					edits += 1;
				} catch (thrown) {
					if (!(thrown instanceof NotUnderstood)) throw thrown;
				}
			}),
			fuzzed(300),
		);
		expect(edits).toBeGreaterThan(10);
	},
);

async function parse(text: string) {
	return recordsOf(text, ZONE, async () => "included TXT z\n");
}
