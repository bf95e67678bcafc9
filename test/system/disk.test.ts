import { chown, link, mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createSystemDisk } from "../../src/system/disk.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const disk = createSystemDisk();
const bytes = (text: string) => new TextEncoder().encode(text);

function withUmask(mask: number): void {
	const before = process.umask(mask);
	onTestFinished(() => void process.umask(before));
}

test("creates with exactly the mode, whatever the umask", async () => {
	withUmask(0o777);
	const directory = await temporaryDirectory();
	expect(await disk.makeDirectory(join(directory, "d"), 0o750)).toBe("made");
	const file = await disk.create(join(directory, "d", "f"), 0o640);
	if (file === "exists") throw new Error("it is new");
	await file.write(bytes("one "));
	await file.write(bytes("two"));
	await file.sync();
	await file.close();
	await file.close();
	expect((await disk.stat(join(directory, "d")))?.mode).toBe(0o750);
	expect(await disk.stat(join(directory, "d", "f"))).toMatchObject({
		mode: 0o640,
		kind: "file",
		sizeBytes: 7,
		links: 1,
	});
	expect(await readFile(join(directory, "d", "f"), "utf8")).toBe("one two");
});

test("create finds what stands there, a dangling link too, and leaves it alone", async () => {
	const directory = await temporaryDirectory();
	await writeFile(join(directory, "there"), "kept");
	await symlink(join(directory, "nowhere"), join(directory, "dangling"));
	expect(await disk.create(join(directory, "there"), 0o600)).toBe("exists");
	expect(await disk.create(join(directory, "dangling"), 0o600)).toBe("exists");
	expect(await disk.makeDirectory(join(directory, "dangling"), 0o700)).toBe("exists");
	expect(await readFile(join(directory, "there"), "utf8")).toBe("kept");
});

test("append adds at the end, keeps the mode of an old file, and follows no link", async () => {
	const directory = await temporaryDirectory();
	const path = join(directory, "log");
	for (const [mode, text] of [
		[0o600, "a\n"],
		[0o644, "b\n"],
	] as const) {
		const file = await disk.append(path, mode);
		await file.write(bytes(text));
		await file.close();
	}
	expect(await readFile(path, "utf8")).toBe("a\nb\n");
	expect((await stat(path)).mode & 0o7777).toBe(0o600);
	await symlink(path, join(directory, "link"));
	await expect(disk.append(join(directory, "link"), 0o600)).rejects.toMatchObject({
		code: "disk.failed",
		errno: "ELOOP",
	});
});

test("read gives the whole content, null for nothing, an error beyond the limit, and files that claim no size", async () => {
	const directory = await temporaryDirectory();
	await writeFile(join(directory, "f"), "x".repeat(200_000));
	expect((await disk.read(join(directory, "f"), 200_000))?.length).toBe(200_000);
	await expect(disk.read(join(directory, "f"), 199_999)).rejects.toMatchObject({
		code: "disk.failed",
		errno: "EFBIG",
	});
	expect(await disk.read(join(directory, "none"), 10)).toBeNull();
	expect((await disk.read("/proc/self/status", 65_536))?.length).toBeGreaterThan(100);
	await expect(disk.read(directory, 10)).rejects.toMatchObject({ errno: "EISDIR" });
});

test("what is absent is null or success; what stands in the way has its own outcome", async () => {
	const directory = await temporaryDirectory();
	const absent = join(directory, "absent");
	expect(await disk.stat(absent)).toBeNull();
	expect(await disk.lstat(absent)).toBeNull();
	expect(await disk.list(absent)).toBeNull();
	expect(await disk.realpath(absent)).toBeNull();
	await disk.unlink(absent);
	await writeFile(join(directory, "b"), "b");
	await writeFile(join(directory, "a"), "a");
	expect(await disk.link(join(directory, "b"), join(directory, "a"))).toBe("exists");
	expect(await disk.link(join(directory, "b"), join(directory, "c"))).toBe("linked");
	expect(await disk.list(directory)).toEqual(["a", "b", "c"]);
	expect((await disk.stat(join(directory, "c")))?.links).toBe(2);
	await disk.rename(join(directory, "c"), join(directory, "a"));
	await disk.syncDirectory(directory);
});

test("stat follows links, lstat does not", async () => {
	const directory = await temporaryDirectory();
	await mkdir(join(directory, "real"));
	await symlink("real", join(directory, "link"));
	expect((await disk.stat(join(directory, "link")))?.kind).toBe("directory");
	expect((await disk.lstat(join(directory, "link")))?.kind).toBe("symlink");
	expect(await disk.realpath(join(directory, "link"))).toBe(
		join((await disk.realpath(directory)) ?? "", "real"),
	);
});

test("a refusal names the act, the path and the errno", async () => {
	const directory = await temporaryDirectory();
	const path = join(directory, "none", "f");
	await expect(disk.create(path, 0o600)).rejects.toMatchObject({
		code: "disk.failed",
		errno: "ENOENT",
		message: `cannot create ${path}: ENOENT`,
	});
	await expect(disk.rename(path, join(directory, "x"))).rejects.toMatchObject({ code: "disk.failed" });
	await expect(disk.syncDirectory(path)).rejects.toMatchObject({ code: "disk.failed" });
});

test("a full disk is told as ENOSPC, to be tried again", async () => {
	const file = await disk.append("/dev/full", 0o600);
	await expect(file.write(bytes("x"))).rejects.toMatchObject({ errno: "ENOSPC", retry: true });
	await file.close();
});

test("root gives files away before the first byte", async (context) => {
	if (process.getuid?.() !== 0) context.skip("only root may change an owner");
	const directory = await temporaryDirectory();
	const file = await disk.create(join(directory, "f"), 0o600);
	if (file === "exists") throw new Error("it is new");
	await file.chown({ uid: 12_345, gid: 12_346 });
	await file.close();
	await symlink("/etc/passwd", join(directory, "link"));
	await disk.chown(join(directory, "link"), { uid: 12_345, gid: 12_346 });
	expect(await disk.lstat(join(directory, "f"))).toMatchObject({ uid: 12_345, gid: 12_346 });
	expect(await disk.lstat(join(directory, "link"))).toMatchObject({ uid: 12_345 });
	expect((await disk.stat("/etc/passwd"))?.uid).toBe(0);
});

test("what is another's is not read, wherever a link leads", async (context) => {
	if (process.getuid?.() !== 0) context.skip("only root may change an owner");
	const directory = await temporaryDirectory();
	const own = join(directory, "own");
	await writeFile(own, "mine");
	await chown(own, 12_345, 12_345);
	await writeFile(join(directory, "roots"), "root's");
	await symlink(join(directory, "roots"), join(directory, "link"));
	await link(join(directory, "roots"), join(directory, "second"));
	expect(await disk.readOwned(own, 10, 12_345)).toEqual(new Uint8Array(bytes("mine")));
	for (const name of ["roots", "link", "second", "."])
		expect(await disk.readOwned(join(directory, name), 10, 12_345), name).toBe("another's");
	expect(await disk.readOwned(join(directory, "absent"), 10, 12_345)).toBeNull();
	await expect(disk.readOwned(own, 3, 12_345)).rejects.toMatchObject({ code: "disk.failed" });
});
