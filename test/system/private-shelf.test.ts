import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createSystemDisk } from "../../src/system/disk.ts";
import { createPrivateShelf } from "../../src/system/private-shelf.ts";

const KEY = { domain: "example.com", selector: "202611" };
const shelf = createPrivateShelf(createSystemDisk());

async function scratch(): Promise<string> {
	const directory = await mkdtemp(join(tmpdir(), "keyturn-shelf-"));
	onTestFinished(() => rm(directory, { recursive: true, force: true }));
	return directory;
}

test("lays a key out for everybody, and can be repeated", async () => {
	const directory = join(await scratch(), "keys");
	await shelf.layOut(directory, KEY, "PEM");
	await shelf.layOut(directory, KEY, "PEM");
	const path = join(directory, "example.com/202611.pem");
	expect(await readFile(path, "utf8")).toBe("PEM");
	expect([
		(await stat(path)).mode & 0o777,
		(await stat(join(directory, "example.com"))).mode & 0o777,
	]).toEqual([0o644, 0o755]);
});

test("writes over nothing", async () => {
	const directory = await scratch();
	await mkdir(join(directory, "example.com"));
	await writeFile(join(directory, "example.com/202611.pem"), "theirs");
	await expect(shelf.layOut(directory, KEY, "PEM")).rejects.toMatchObject({ code: "key.invalid" });
	expect(await readFile(join(directory, "example.com/202611.pem"), "utf8")).toBe("theirs");
});

test("says where it could not be written, and what to do", async () => {
	const directory = join(await scratch(), "absent/keys");
	await expect(shelf.layOut(directory, KEY, "PEM")).rejects.toMatchObject({
		code: "disk.failed",
		message: `${directory}/example.com/202611.pem: the private key could not be published there`,
		hint: expect.stringContaining(`ReadWritePaths=${directory}`),
	});
});

test("takes no name that leads elsewhere", async () => {
	const directory = await scratch();
	for (const key of [
		{ ...KEY, domain: "../x" },
		{ ...KEY, selector: "../x" },
	])
		await expect(shelf.layOut(directory, key, "PEM")).rejects.toMatchObject({ code: "bug" });
});
