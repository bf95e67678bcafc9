import { expect, test } from "vitest";
import type { ProgramResult } from "../../src/ports/programs.ts";
import { createBecome } from "../../src/system/become.ts";

const OWNER = { uid: 43_210, gid: 43_211 };
const ENDED: ProgramResult = { status: 0, signal: null, stdout: "", stderr: "" };

test("where only systemd can, each word comes to the program as it was given", async (context) => {
	if (process.getuid?.() !== 0) context.skip("only root may become others");
	const become = createBecome(async ({ commandFor }, request) => {
		const [program] = commandFor(request);
		return { ...ENDED, status: program === "/usr/bin/systemd-run" ? 0 : 1 };
	});
	const argv = ["/usr/sbin/exim4", "-be", "${strlen:${readfile{/a}}}", "$dkim_selector"] as const;
	const request = { argv, owner: OWNER, env: { LANG: "C" }, timeoutMs: 10_500 };
	const { commandFor, asRoot } = await become(request);
	const words = commandFor(request);
	expect(asRoot).toBe(false);
	expect(words.slice(words.indexOf("--") + 1)).toEqual([
		"/usr/sbin/exim4",
		"-be",
		"$${strlen:$${readfile{/a}}}",
		"$$dkim_selector",
	]);
	expect(words).toEqual(
		expect.arrayContaining([
			"--uid=43210",
			"--gid=43211",
			"--setenv=LANG=C",
			"RuntimeMaxSec=11",
			"--wait",
			"--pipe",
		]),
	);
});

test("setpriv comes first, and adds nothing to the words", async (context) => {
	if (process.getuid?.() !== 0) context.skip("only root may become others");
	const become = createBecome(async () => ENDED);
	const request = { argv: ["/bin/echo", "${A}"] as const, owner: OWNER, timeoutMs: 1_000 };
	const { commandFor } = await become(request);
	expect(commandFor(request)).toEqual([
		"/usr/bin/setpriv",
		"--reuid=43210",
		"--regid=43211",
		"--init-groups",
		"--",
		"/bin/echo",
		"${A}",
	]);
});

test("what nothing can run as its user is not run as root, and tried again the next time", async (context) => {
	if (process.getuid?.() !== 0) context.skip("only root may become others");
	let works = false;
	const become = createBecome(async () => ({ ...ENDED, status: works ? 0 : 1 }));
	const request = { argv: ["/usr/sbin/exim4", "-be"] as const, owner: OWNER, timeoutMs: 1_000 };
	await expect(become(request)).rejects.toMatchObject({
		code: "program.failed",
		message: expect.stringContaining("no program can be run as user 43210") as string,
	});
	works = true;
	expect((await become(request)).commandFor(request)[0]).toBe("/usr/bin/setpriv");
});
