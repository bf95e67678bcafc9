import { expect, test } from "vitest";
import type { ProgramRequest } from "../../src/ports/programs.ts";
import { createSystemDisk } from "../../src/system/disk.ts";
import { createOutsidePrograms } from "../../src/system/outside-programs.ts";

const request: ProgramRequest = {
	argv: ["/usr/local/sbin/apply", "--all", "a${b}"],
	input: "{}",
	timeoutMs: 1_500,
	owner: { uid: 7, gid: 8 },
};

async function ranAs(hasSystemd: boolean): Promise<ProgramRequest | undefined> {
	const ran: ProgramRequest[] = [];
	const disk = createSystemDisk();
	const outside = createOutsidePrograms({
		programs: {
			run: async (asked) => {
				ran.push(asked);
				return Promise.resolve({ status: 0, signal: null, stdout: "", stderr: "" });
			},
		},
		disk: {
			...disk,
			stat: async (path) => (path === "/run/systemd/system" && !hasSystemd ? null : disk.stat("/")),
		},
	});
	await outside.run(request, new AbortController().signal);
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
			expect.arrayContaining(["--wait", "--pipe", "--uid=7", "--gid=8", "RuntimeMaxSec=2"]),
		);
		// Or systemd would put in a variable of its own.
		expect(argv.slice(argv.indexOf("--") + 1)).toEqual(["/usr/local/sbin/apply", "--all", "a$${b}"]);
	},
);
