/** Our TXT strings and their zone file form against what others make of them: named-checkzone compiles them, BIND serves them, dig prints them. */

import { execFileSync, spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { joinTxt, quoteTxt, splitTxt, unquoteTxt } from "../../../src/dkim/txt-strings.ts";
import { encodeTxtData } from "../../../src/dns/dns-wire/update.ts";
import { startBind, zoneText } from "../bind.ts";
import { makeDirectory, removeDirectory } from "../program.ts";
import { mayRunBind } from "./programs.ts";

const CHECKZONE = "/usr/bin/named-checkzone";
const ZONE = "example.test";
const LENGTHS = [0, 1, 253, 254, 255, 256, 257, 509, 510, 511, 764, 765, 766, 1020, 4000];
const ODD: readonly (readonly [string, string])[] = [
	["quotes", `v=DKIM1;n="${'"'.repeat(10)}";p=QUJD`],
	["backslashes", "v=DKIM1;n=\\\\a\\046\\;p=QUJD\\"],
	["semicolons and parentheses", "v=DKIM1;;;(a);p=QUJD;"],
	["at, dollar, blanks", "  @ $ORIGIN  a\tb  "],
	["octets of UTF-8", "v=DKIM1;n=schön例え;p=QUJD"],
	["a character across two strings", `${"a".repeat(254)}ö${"b".repeat(254)}例`],
	["quotes across two strings", `${"a".repeat(254)}""${"\\".repeat(300)}`],
	["control characters", "a\u0000\u0001\u001b[2J\u007f\r\nb"],
	["only blanks", " ".repeat(300)],
];
const random = fc.sample(
	fc.string({ unit: "grapheme", minLength: 1, maxLength: 600 }).filter((text) => !/\p{Cs}/u.test(text)),
	{ numRuns: 60, seed: 1 },
);
const VALUES: readonly (readonly [string, string])[] = [
	...LENGTHS.map((length) => [`${length} octets`, "x".repeat(length)] as const),
	...ODD,
	...random.map((value, index) => [`random ${index}`, value] as const),
];

const RECORDS = VALUES.map(([, value], index) => `t${index} IN TXT ${quoteTxt(value)}`).join("\n");

describe.skipIf(!mayRunBind)("TXT strings, as BIND has them", () => {
	test("are what named-checkzone compiles, and prints in a form that we read", async () => {
		const directory = await makeDirectory("checkzone");
		onTestFinished(() => removeDirectory(directory));
		const file = join(directory, "zone");
		await writeFile(file, zoneText({ name: ZONE, records: RECORDS }));
		const { status, stdout } = spawnSync(
			CHECKZONE,
			["-D", "-q", "-F", "text", "-s", "full", "-o", "-", ZONE, file],
			{ encoding: "latin1" },
		);
		expect(status).toBe(0);
		const printed = new Map(
			[...stdout.matchAll(/^(t\d+)\.example\.test\.\s+\d+\s+IN\s+TXT\s+(.*)$/gm)].map(([, name, text]) => [
				name,
				text,
			]),
		);
		expect(printed.size).toBe(VALUES.length);
		for (const [index, [what, value]] of VALUES.entries())
			expect(unquoteTxt(printed.get(`t${index}`) ?? ""), what).toBe(value);
	});

	test("are served octet for octet in the strings that we send by update, and dig prints what we read", async () => {
		const server = await startBind({ zones: [{ name: ZONE, records: RECORDS }] });
		onTestFinished(() => server.stop());
		const names = VALUES.flatMap((_, index) => [`t${index}.${ZONE}`, "TXT"]);
		const dig = (...how: readonly string[]) => {
			const args = ["+norecurse", "+tcp", "+noall", "+answer", ...how, "-p", String(server.port)];
			const text = execFileSync("/usr/bin/dig", [...args, `@${server.address}`, ...names], {
				encoding: "latin1",
			});
			return new Map(
				[...text.matchAll(/^(t\d+)\.example\.test\.\s+\d+\s+\S+\s+\S+\s+(.*)$/gm)].map(([, name, data]) => [
					name,
					data,
				]),
			);
		};
		const printed = dig();
		// RFC 3597: the data as they are on the wire.
		const raw = dig("+unknownformat");
		expect([printed.size, raw.size]).toEqual([VALUES.length, VALUES.length]);
		for (const [index, [what, value]] of VALUES.entries()) {
			expect(unquoteTxt(printed.get(`t${index}`) ?? ""), what).toBe(value);
			const digits = /^\\# \d+ ([0-9A-F ]*)$/.exec(raw.get(`t${index}`) ?? "")?.[1] ?? "";
			const data = Buffer.from(digits.replaceAll(" ", ""), "hex");
			expect(data.equals(Buffer.from(encodeTxtData(value))), what).toBe(true);
			expect(joinTxt(splitTxt(value)), what).toBe(value);
		}
	});
});
