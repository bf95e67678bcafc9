import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import type { Disk } from "../../src/ports/disk.ts";
import { createSystemDisk } from "../../src/system/disk.ts";
import { findHeldLock, packageWork, parseLocks } from "../../src/system/dpkg-lock.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const disk = createSystemDisk();
/** Whose files have a device of no kind. */
const overlay: Disk = {
	...disk,
	stat: async (path) => {
		const found = await disk.stat(path);
		return found === null ? null : { ...found, device: 0x28 };
	},
};

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

test.each(["/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/rpm/.rpm.lock"])(
	"packages are being installed while %s is held",
	async (path) => {
		const directory = await temporaryDirectory();
		const real = join(directory, "lock");
		await writeFile(real, "");
		const host: Disk = { ...disk, stat: async (asked) => (asked === path ? disk.stat(real) : null) };
		expect(await packageWork(host)).toBeNull();
		await holdLikeDpkg(real);
		expect(await packageWork(host)).toBe(`${path} is held`);
	},
);

test("on an overlay, finds it below a directory that is a link", async () => {
	const directory = await temporaryDirectory();
	await mkdir(join(directory, "real"));
	await symlink("real", join(directory, "var"));
	const path = join(directory, "var", "lock");
	await writeFile(path, "");
	await holdLikeDpkg(path);
	expect(await findHeldLock(overlay, [path])).toBe(path);
});

test("finds none where there are more locks than can be read: any user can hold as many", async () => {
	const read = async (path: string) =>
		Promise.reject(new KeyturnError("disk.failed", path, { errno: "EFBIG" }));
	expect(await findHeldLock({ ...disk, read }, ["/var/lib/dpkg/lock"])).toBeNull();
});

test("reads /proc/locks: writers that hold, not those that wait or read", () => {
	const text = [
		"1: POSIX  ADVISORY  WRITE 459 00:28:402117 0 EOF",
		"1: -> POSIX  ADVISORY  WRITE 460 00:28:402117 0 EOF",
		"2: OFDLCK ADVISORY  WRITE -1 fe:00:1482763 0 EOF",
		"3: FLOCK  ADVISORY  WRITE 461 fe:00:7 0 EOF",
		"4: POSIX  ADVISORY  READ 462 fe:00:8 0 EOF",
	].join("\n");
	expect(parseLocks(text)).toEqual([{ pid: 459, device: 0x28, inode: 402_117 }]);
	expect(parseLocks("1: POSIX  ADVISORY  WRITE 1 103:2fe:7 0 EOF")).toMatchObject([{ device: 0x2103fe }]);
});

describe("a lock of a file with the same inode, on another file system", () => {
	test.each([
		["anybody's, where devices can be compared", { device: 0xfe00, by: "fe:01", uid: 0 }, null],
		["dpkg's, of which no open file can be seen", { device: 0xfe00, by: "fe:00", uid: 0 }, "/lock"],
		["a user's, on an overlay", { device: 0x28, by: "00:1b", uid: 1000 }, null],
		[
			"root's, on an overlay, of which no open file can be seen",
			{ device: 0x28, by: "00:1b", uid: 0 },
			"/lock",
		],
		["of a process that has ended, on an overlay", { device: 0x28, by: "00:1b", uid: null }, null],
	])("%s", async (_, { device, by, uid }, held) => {
		const lock = { kind: "file", mode: 0o640, uid: 0, gid: 0, sizeBytes: 0, links: 1 } as const;
		const files = new Map([
			["/proc/locks", `1: POSIX  ADVISORY  WRITE 459 ${by}:402117 0 EOF\n`],
			...(uid === null ? [] : [["/proc/459/status", `Name:\tperl\nUid:\t${uid}\t0\t0\t0\n`] as const]),
		]);
		const door: Disk = {
			...disk,
			stat: async () => Promise.resolve({ ...lock, modifiedAt: new Date(0), device, inode: 402_117 }),
			read: async (path) => Promise.resolve(Buffer.from(files.get(path) ?? "")),
			list: async (path) => Promise.reject(new KeyturnError("disk.failed", path, { errno: "EACCES" })),
		};
		expect(await findHeldLock(door, ["/lock"])).toBe(held);
	});
});

test("of a process that /proc hides, on an overlay, it counts as held", async () => {
	const path = join(await temporaryDirectory(), "lock");
	await writeFile(path, "");
	const { ino } = await stat(path);
	const hiding: Disk = {
		...overlay,
		read: async (name, limit) => {
			if (name === "/proc/locks") return Buffer.from(`1: POSIX  ADVISORY  WRITE 459 00:1b:${ino} 0 EOF\n`);
			return name.startsWith("/proc/") ? null : disk.read(name, limit);
		},
		stat: async (name) => (name.startsWith("/proc/") ? null : overlay.stat(name)),
	};
	expect(await findHeldLock(hiding, [path])).toBe(path);
});

async function holdLikeDpkg(path: string): Promise<ChildProcess> {
	const script = `use Fcntl; open(F, "+<", $ARGV[0]) or die;
		$b = pack("ssqqi", F_WRLCK, 0, 0, 0, 0); fcntl(F, F_SETLK, $b) or die; $| = 1; print "held\\n"; sleep 600;`;
	const child = spawn("/usr/bin/perl", ["-e", script, path], { stdio: ["ignore", "pipe", "inherit"] });
	onTestFinished(() => void child.kill("SIGKILL"));
	expect(String((await once(child.stdout, "data"))[0])).toBe("held\n");
	return child;
}
