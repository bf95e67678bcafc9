import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createSystemClock } from "../../src/system/clock.ts";
import { createSystemPrograms } from "../../src/system/programs.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const programs = createSystemPrograms();
const never = new AbortController().signal;

test("gives status, output and errors, and the input as it is", async () => {
	const script = 'cat; echo "$1" >&2; exit 7';
	const result = await programs.run(
		{ argv: ["/bin/sh", "-c", script, "sh", "$(id); *"], input: "in\n", timeoutMs: 20_000 },
		never,
	);
	expect(result).toEqual({ status: 7, signal: null, stdout: "in\n", stderr: "$(id); *\n" });
});

test("passes PATH, LANG and what was given, nothing else", async () => {
	process.env["KEYTURN_TEST_SECRET"] = "not for children";
	const { stdout } = await programs.run(
		{ argv: ["/usr/bin/env"], env: { A: "b" }, timeoutMs: 20_000 },
		never,
	);
	delete process.env["KEYTURN_TEST_SECRET"];
	const names = stdout
		.trim()
		.split("\n")
		.map((line) => line.split("=")[0]);
	expect(new Set(names)).toEqual(new Set(["A", "LANG", "PATH"]));
	expect(stdout).toContain("LANG=C.UTF-8\n");
});

test("drops output beyond the limit without blocking the program", async () => {
	const result = await programs.run(
		{ argv: ["/usr/bin/head", "-c", "3000000", "/dev/zero"], timeoutMs: 20_000, outputLimitBytes: 1_000 },
		never,
	);
	expect(result.status).toBe(0);
	expect(result.stdout.length).toBe(1_000);
});

test("kills a slow program with its children", async () => {
	const directory = await temporaryDirectory();
	const script = 'sleep 600 & echo $! > "$1/child"; wait';
	const run = programs.run({ argv: ["/bin/sh", "-c", script, "sh", directory], timeoutMs: 700 }, never);
	await expect(run).rejects.toMatchObject({ code: "program.timeout" });
	await untilGone(Number(await readFile(join(directory, "child"), "utf8")));
});

test("an aborted signal ends the program", async () => {
	const controller = new AbortController();
	const run = programs.run({ argv: ["/bin/sleep", "600"], timeoutMs: 600_000 }, controller.signal);
	controller.abort();
	await expect(run).rejects.toMatchObject({ code: "program.timeout" });
	await expect(
		programs.run({ argv: ["/bin/true"], timeoutMs: 1_000 }, controller.signal),
	).rejects.toMatchObject({
		code: "program.timeout",
	});
});

test("does not wait for a daemon that was left behind with the output open, and leaves it alive", async () => {
	const result = await programs.run(
		{ argv: ["/bin/sh", "-c", "setsid sleep 600 & echo $!"], timeoutMs: 20_000 },
		never,
	);
	const pid = Number(result.stdout);
	expect(result.status).toBe(0);
	process.kill(pid, 0);
	process.kill(pid, "SIGKILL");
});

test("a program that reads no input is no failure, and a signal is told", async () => {
	const quiet = await programs.run(
		{ argv: ["/bin/true"], input: "x".repeat(1_000_000), timeoutMs: 20_000 },
		never,
	);
	expect(quiet.status).toBe(0);
	const killed = await programs.run({ argv: ["/bin/sh", "-c", "kill -TERM $$"], timeoutMs: 20_000 }, never);
	expect(killed).toMatchObject({ status: null, signal: "SIGTERM" });
});

test("what cannot be executed is missing; a relative path is refused", async () => {
	for (const program of ["/usr/bin/keyturn-no-such", "/etc/passwd"]) {
		await expect(programs.run({ argv: [program], timeoutMs: 1_000 }, never)).rejects.toMatchObject({
			code: "program.missing",
			message: expect.stringContaining(program),
		});
	}
	await expect(programs.run({ argv: ["true"], timeoutMs: 1_000 }, never)).rejects.toMatchObject({
		code: "bug",
	});
});

test("root runs programs as another user with all of that user's groups, real and effective", async (context) => {
	if (process.getuid?.() !== 0) context.skip("only root may become others");
	const nobody = await programs.run(
		{ argv: ["/bin/cat", "/proc/self/status"], owner: { uid: 65_534, gid: 65_534 }, timeoutMs: 20_000 },
		never,
	);
	expect(nobody.stdout).toMatch(/^Uid:\t65534\t65534\t65534\t65534$/m);
	expect(nobody.stdout).toMatch(/^Groups:\t65534\s*$/m);
	const unnamed = await programs.run(
		{ argv: ["/usr/bin/id", "-G"], owner: { uid: 43_210, gid: 43_211 }, timeoutMs: 20_000 },
		never,
	);
	expect(unnamed.stdout.trim()).toBe("43211");
});

async function untilGone(pid: number): Promise<void> {
	const clock = createSystemClock();
	const deadline = clock.deadline(10_000, never);
	while (!deadline.aborted) {
		const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
		if (stat === null || stat.includes(") Z ")) return;
		await clock.sleep(10, deadline);
	}
	throw new Error(`process ${pid} is still there`);
}
