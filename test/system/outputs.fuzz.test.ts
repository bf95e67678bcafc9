/** Whatever systemctl, Postfix and the kernel print: a reading of it, in which every moment is one. */

import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Disk } from "../../src/ports/disk.ts";
import type { Programs } from "../../src/ports/programs.ts";
import { readAccounts } from "../../src/signers/accounts.ts";
import { isControlGroupEmpty } from "../../src/system/control-group.ts";
import { parseLocks } from "../../src/system/dpkg-lock.ts";
import { createPostfix } from "../../src/system/postfix.ts";
import { instancesOf, parseHostPhase, parseTimestamp, parseUnits } from "../../src/system/unit-state.ts";
import { fuzzed, PATIENCE } from "../fuzz/fuzzing.ts";
import { mutatedText } from "../fuzz/mutations.ts";
import { anyText } from "../fuzz/nasty-text.ts";

const NEVER_NAMED = /[\n]/;
const UNIT = `Type=forking
MainPID=459
Result=success
ExecMainStartTimestamp=Sun 2026-11-22 21:40:15.706975 UTC
Id=opendkim.service
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
ActiveEnterTimestamp=Sun 2026-11-22 21:40:15.786571 UTC
CanReload=yes
ControlGroup=/system.slice/opendkim.service
`;
const DUMMY = UNIT.replace("opendkim", "postfix").replace("forking", "oneshot").replace("=459", "=0");

test("whatever systemctl shows is units whose moments are moments", PATIENCE, () => {
	let read = 0;
	fc.assert(
		fc.property(fc.oneof(mutatedText([`${UNIT}\n${DUMMY}`, UNIT]), anyText), (output) => {
			const units = parseUnits(output);
			read += units.length;
			for (const { unit, instance } of [...units, ...instancesOf(units)]) {
				expect(unit).not.toMatch(NEVER_NAMED);
				expect(instance.startedAt?.getTime()).not.toBeNaN();
				if (instance.startedAt !== null) instance.startedAt.toISOString();
			}
			expect([null, "starting", "running", "stopping"]).toContain(parseHostPhase(output));
		}),
		fuzzed(500),
	);
	expect(read).toBeGreaterThan(0);
	expect(parseTimestamp("Sun 2026-99-99 99:99:99 UTC")).toBeNull();
});

test(
	"whatever postconf prints, mail is deferred only if it says so, and it greets on loopback or nowhere",
	PATIENCE,
	async () => {
		const said = mutatedText([
			"tempfail\n",
			"all\n",
			"loopback-only\n",
			"smtp       inet  n       -       y       -       -       smtpd\n",
		]);
		await fc.assert(
			fc.asyncProperty(fc.oneof(said, anyText), async (stdout) => {
				const programs: Programs = {
					run: async ({ argv }) => {
						const told = argv.at(-1) === "smtpd_milter_maps" ? "\n" : stdout;
						return Promise.resolve({ status: 0, signal: null, stdout: told, stderr: "" });
					},
				};
				const disk = { stat: async () => Promise.resolve({ kind: "file" }) } as unknown as Disk;
				const postfix = createPostfix({ programs, disk });
				expect(await postfix.defersMail()).toBe(stdout.trim() === "tempfail");
				expect([null, "127.0.0.1", "::1"]).toContain((await postfix.greetsAt())?.host ?? null);
			}),
			fuzzed(300),
		);
	},
);

test("whatever the kernel and passwd hold, ids are numbers", PATIENCE, async () => {
	const text = fc.oneof(
		mutatedText([
			"1: POSIX  ADVISORY  WRITE 459 00:28:402117 0 EOF\n",
			"root:x:0:0:root:/root:/bin/sh\nmail:x:8:a,b\n",
		]),
		anyText,
	);
	await fc.assert(
		fc.asyncProperty(text, async (content) => {
			for (const { pid, inode } of parseLocks(content))
				expect([pid, inode].every(Number.isFinite)).toBe(true);
			const disk = {
				read: async () => Promise.resolve(Buffer.from(content)),
				list: async () => Promise.resolve([]),
			};
			const { users, groups } = await readAccounts(disk as unknown as Disk);
			for (const { gid } of [...users, ...groups]) expect(Number.isSafeInteger(gid)).toBe(true);
			expect(typeof (await isControlGroupEmpty(disk as unknown as Disk, "/a"))).toBe("boolean");
		}),
		fuzzed(300),
	);
});

test.each([
	["blank lines", "\n".repeat(1_000_000)],
	["equals signs", "=".repeat(1_000_000)],
	["one long line", `Id=${"a".repeat(1_000_000)}`],
	["blanks", `ExecMainStartTimestamp=${" ".repeat(1_000_000)}UTC\nId=a`],
	["digits", `Id=a\nExecMainStartTimestamp=${"2026-11-22 ".repeat(90_000)}21:40:15.${"0".repeat(100)}`],
])("a megabyte of %s is read", (_, output) => {
	expect(parseUnits(output).length).toBeLessThanOrEqual(1);
	parseLocks(output);
});
