import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { createSystemClock } from "../../src/system/clock.ts";
import { createTakeLock } from "../../src/system/lock.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const takeLock = createTakeLock(createSystemClock());
const never = new AbortController().signal;

test("two takers in one process exclude each other; releasing, twice too, lets the next in", async () => {
	const path = join(await temporaryDirectory(), "lock");
	const first = await takeLock(path, 0, never);
	if (first === "held") throw new Error("nobody holds it");
	expect((await stat(path)).mode & 0o7777).toBe(0o600);
	expect(await takeLock(path, 0, never)).toBe("held");
	expect(await takeLock(path, 250, never)).toBe("held");
	const waiting = takeLock(path, 20_000, never);
	await first.release();
	await first.release();
	const second = await waiting;
	expect(second).not.toBe("held");
	if (second !== "held") await second.release();
});

test("who only looks stands beside others who look, and is told at once of one who has it alone", async () => {
	const path = join(await temporaryDirectory(), "lock");
	const looks = [await takeLock(path, 0, never, "shared"), await takeLock(path, 0, never, "shared")];
	expect(looks).not.toContain("held");
	expect(await takeLock(path, 0, never)).toBe("held");
	for (const look of looks) if (look !== "held") await look.release();
	const alone = await takeLock(path, 0, never);
	expect(await takeLock(path, 0, never, "shared")).toBe("held");
	if (alone !== "held") await alone.release();
});

test("an aborted wait gives up at once", async () => {
	const path = join(await temporaryDirectory(), "lock");
	const first = await takeLock(path, 0, never);
	const controller = new AbortController();
	const waiting = takeLock(path, 600_000, controller.signal);
	controller.abort();
	expect(await waiting).toBe("held");
	if (first !== "held") await first.release();
});

test("another process holds it until it is killed", async () => {
	const path = join(await temporaryDirectory(), "lock");
	const holder = await holdElsewhere(path);
	expect(await takeLock(path, 0, never)).toBe("held");
	const waiting = takeLock(path, 20_000, never);
	holder.kill("SIGKILL");
	const taken = await waiting;
	expect(taken).not.toBe("held");
	if (taken !== "held") await taken.release();
});

test("a link in its place and an absent directory are refused", async () => {
	const directory = await temporaryDirectory();
	await symlink(join(directory, "elsewhere"), join(directory, "lock"));
	await expect(takeLock(join(directory, "lock"), 0, never)).rejects.toMatchObject({
		code: "disk.failed",
		errno: "ELOOP",
	});
	await expect(takeLock(join(directory, "no", "lock"), 0, never)).rejects.toMatchObject({ errno: "ENOENT" });
	await expect(takeLock("/sys/keyturn.lock", 0, never)).rejects.toMatchObject({
		hint: expect.stringMatching(/access|writable/),
	});
});

test("a file that was put in the place of the one that is locked meanwhile is another's to lock", async () => {
	const directory = await temporaryDirectory();
	const path = join(directory, "lock");
	const flock = join(directory, "flock");
	const script = `#!/bin/sh\n/usr/bin/flock "$@" || exit\n/bin/mv ${path} ${path}.before\n/usr/bin/touch ${path}\n`;
	await writeFile(flock, script, { mode: 0o755 });
	expect(await createTakeLock(createSystemClock(), flock)(path, 0, never)).toBe("held");
	const taken = await takeLock(path, 0, never);
	expect(taken).not.toBe("held");
	if (taken !== "held") await taken.release();
});

test("where flock cannot be started for want of something, nobody is sent to install it", async () => {
	const path = join(await temporaryDirectory(), "lock");
	const script = join(import.meta.dirname, "starved-taker.ts");
	const starved = 'ulimit -n 256; exec "$0" --import tsx "$1" "$2"';
	const { stdout } = await promisify(execFile)("/bin/sh", ["-c", starved, process.execPath, script, path]);
	expect(JSON.parse(stdout)).toMatchObject({
		code: "program.failed",
		errno: "EMFILE",
		hint: null,
		retry: true,
	});
});

test.each([
	["that is BusyBox's", 1, /^install util-linux: this flock, BusyBox's/],
	["to which a file system says no", 71, /file system/],
])("what to do is told of a flock %s", async (_, status, hint) => {
	const directory = await temporaryDirectory();
	const flock = join(directory, "flock");
	await writeFile(flock, `#!/bin/sh\nexit ${status}\n`, { mode: 0o755 });
	const taken = createTakeLock(createSystemClock(), flock)(join(directory, "lock"), 0, never);
	await expect(taken).rejects.toMatchObject({ code: "disk.failed", hint: expect.stringMatching(hint) });
});

test("what to do is told of a flock that is not there", async () => {
	const path = join(await temporaryDirectory(), "lock");
	await expect(createTakeLock(createSystemClock(), "/no/flock")(path, 0, never)).rejects.toMatchObject({
		code: "program.missing",
		hint: "install util-linux",
	});
});

/** A process that holds the lock by this same code and says so on its standard output. */
async function holdElsewhere(path: string): Promise<ChildProcess> {
	const script = join(import.meta.dirname, "lock-holder.ts");
	const child = spawn(process.execPath, ["--import", "tsx", script, path], {
		stdio: ["pipe", "pipe", "inherit"],
	});
	onTestFinished(() => void child.kill("SIGKILL"));
	const [line] = (await once(child.stdout, "data")) as [Buffer];
	expect(line.toString()).toBe("held\n");
	return child;
}
