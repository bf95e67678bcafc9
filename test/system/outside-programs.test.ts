import { expect, test } from "vitest";
import type { ProgramRequest } from "../../src/ports/programs.ts";
import { createSystemDisk } from "../../src/system/disk.ts";
import { createOutsidePrograms } from "../../src/system/outside-programs.ts";
import { createSleepingClock } from "../fakes/sleeping-clock.ts";

const request: ProgramRequest = {
	argv: ["/usr/local/sbin/apply", "--all", "a${b}"],
	input: "{}",
	timeoutMs: 1_500,
	owner: { uid: 7, gid: 8 },
};

async function ranAs(
	hasSystemd: boolean,
	{ tookMs = 1, status = 0, stderr = "" }: { tookMs?: number; status?: number; stderr?: string } = {},
): Promise<ProgramRequest | undefined> {
	const ran: ProgramRequest[] = [];
	const disk = createSystemDisk();
	const clock = createSleepingClock();
	const { signal } = new AbortController();
	const outside = createOutsidePrograms({
		clock,
		programs: {
			run: async (asked) => {
				ran.push(asked);
				await clock.sleep(tookMs, signal);
				return { status, signal: null, stdout: "", stderr };
			},
		},
		disk: {
			...disk,
			stat: async (path) => (path === "/run/systemd/system" && !hasSystemd ? null : disk.stat("/")),
		},
	});
	await outside.run(request, signal);
	return ran[0];
}

test("without systemd there are no walls to get out of", async () => {
	expect(await ranAs(false)).toEqual(request);
});

test.skipIf(process.getuid?.() !== 0)(
	"under systemd it is a unit of its own, ended by its own limit first",
	async () => {
		const ran = await ranAs(true);
		expect(ran).toMatchObject({ input: "{}", timeoutMs: 6_500 });
		expect(ran?.owner).toBeUndefined();
		const argv: readonly string[] = ran?.argv ?? [];
		expect(argv[0]).toBe("/usr/bin/systemd-run");
		expect(argv).toEqual(
			expect.arrayContaining([
				"--wait",
				"--pipe",
				"--uid=7",
				"--gid=8",
				"RuntimeMaxSec=2",
				"TimeoutStopSec=2",
			]),
		);
		// Or systemd would put in a variable of its own.
		expect(argv.slice(argv.indexOf("--") + 1)).toEqual(["/usr/local/sbin/apply", "--all", "a$${b}"]);
	},
);

test.skipIf(process.getuid?.() !== 0)(
	"a unit that its limit has ended took too long, whatever systemd-run says of it",
	async () => {
		await expect(ranAs(true, { tookMs: 2_010, status: 1 })).rejects.toMatchObject({
			code: "program.timeout",
			message: expect.stringContaining("/usr/local/sbin/apply"),
		});
		await expect(ranAs(true, { tookMs: 1_900, status: 1 })).resolves.toBeDefined();
		await expect(ranAs(true, { tookMs: 2_010, status: 0 })).resolves.toBeDefined();
	},
);

test
	.skipIf(process.getuid?.() !== 0)
	.each([
		"Failed to connect to bus: No such file or directory\n",
		"Failed to connect to system scope bus via local transport: Connection refused\n",
	])("without the bus no program has failed, and what is missing is named: %j", async (stderr) => {
	await expect(ranAs(true, { status: 1, stderr })).rejects.toMatchObject({
		code: "program.failed",
		message: `program /usr/local/sbin/apply could not be run as a unit: systemd-run: ${stderr.trim()}`,
		hint: expect.stringContaining("dbus"),
	});
	await expect(ranAs(true, { status: 1, stderr: `applying\n${stderr}` })).resolves.toBeDefined();
	await expect(ranAs(true, { stderr })).resolves.toBeDefined();
});
