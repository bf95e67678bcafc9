import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createSystemDisk } from "../../src/system/disk.ts";
import { findHeldLock, parseLocks } from "../../src/system/dpkg-lock.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const disk = createSystemDisk();

test("finds a lock that another process holds as dpkg does, until it ends", async () => {
	const directory = await temporaryDirectory();
	const paths = [join(directory, "absent"), join(directory, "lock")];
	await writeFile(join(directory, "lock"), "");
	expect(await findHeldLock(disk, paths)).toBeNull();
	const holder = await holdLikeDpkg(join(directory, "lock"));
	expect(await findHeldLock(disk, paths)).toBe(join(directory, "lock"));
	holder.kill("SIGKILL");
	await once(holder, "exit");
	expect(await findHeldLock(disk, paths)).toBeNull();
});

test("reads /proc/locks: writers that hold, not those that wait or read", () => {
	const text = [
		"1: POSIX  ADVISORY  WRITE 459 00:28:402117 0 EOF",
		"1: -> POSIX  ADVISORY  WRITE 460 00:28:402117 0 EOF",
		"2: OFDLCK ADVISORY  WRITE -1 fe:00:1482763 0 EOF",
		"3: FLOCK  ADVISORY  WRITE 461 fe:00:7 0 EOF",
		"4: POSIX  ADVISORY  READ 462 fe:00:8 0 EOF",
	].join("\n");
	expect(parseLocks(text)).toEqual([{ pid: 459, inode: 402_117 }]);
});

async function holdLikeDpkg(path: string): Promise<ChildProcess> {
	const script = `use Fcntl; open(F, "+<", $ARGV[0]) or die;
		$b = pack("ssqqi", F_WRLCK, 0, 0, 0, 0); fcntl(F, F_SETLK, $b) or die; $| = 1; print "held\\n"; sleep 600;`;
	const child = spawn("/usr/bin/perl", ["-e", script, path], { stdio: ["ignore", "pipe", "inherit"] });
	onTestFinished(() => void child.kill("SIGKILL"));
	expect(String((await once(child.stdout, "data"))[0])).toBe("held\n");
	return child;
}
