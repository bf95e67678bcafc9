import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { publicHalf } from "../../src/dkim/key-material.ts";
import type { KeySpec } from "../../src/dkim/key-material.ts";
import { createSystemDisk } from "../../src/system/disk.ts";
import { createKeyMaker, type MakeKey } from "../../src/system/key-maker.ts";
import { createKeyStore } from "../../src/system/key-store.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const never = new AbortController().signal;
const ed25519: KeySpec = { algorithm: "ed25519" };

async function newStore(makeKey: MakeKey = createKeyMaker()) {
	const directory = join(await temporaryDirectory(), "keys");
	return { store: createKeyStore({ directory, disk: createSystemDisk(), makeKey }), directory };
}

test("keeps a key 0600 below directories 0700 and makes it once, whatever is asked later", async () => {
	const { store, directory } = await newStore();
	expect(await store.read("example.com", "202611")).toBeNull();
	const made = await store.make("example.com", "202611", ed25519, never);
	expect(await store.make("example.com", "202611", { algorithm: "rsa", bits: 2048 }, never)).toEqual(made);
	expect(publicHalf((await store.read("example.com", "202611")) ?? "")?.publicKey).toBe(made.publicKey);
	for (const [path, mode] of [
		[directory, 0o700],
		[join(directory, "example.com"), 0o700],
		[join(directory, "example.com", "202611.pem"), 0o600],
	] as const) {
		expect((await stat(path)).mode & 0o7777, path).toBe(mode);
	}
	await store.remove("example.com", "202611");
	await store.remove("example.com", "202611");
	await store.remove("none.example", "202611");
	expect(await store.read("example.com", "202611")).toBeNull();
	expect(await readdir(join(directory, "example.com"))).toEqual([]);
});

test("keeps the key of another domain under a name of its own, in place of what a crash left there", async () => {
	const { store, directory } = await newStore();
	const made = await store.make("example.com", "202611", ed25519, never);
	await store.make("example.org", "202611", ed25519, never);
	const pem = (await store.read("example.com", "202611")) ?? "";
	for (const domain of ["example.org", "example.net", "example.net"]) {
		await store.keep(domain, "202611", pem);
		expect(publicHalf((await store.read(domain, "202611")) ?? "")?.publicKey).toBe(made.publicKey);
		expect((await stat(join(directory, domain, "202611.pem"))).mode & 0o7777).toBe(0o600);
	}
	await store.remove("example.net", "202611");
	expect(await store.read("example.com", "202611")).toBe(pem);
});

test("has no copy of a key with a name that somebody else chose, and nothing to remove", async () => {
	const { store } = await newStore();
	expect(await store.read("example.com", "Exam_DKIM")).toBeNull();
	await store.remove("example.com", "Exam_DKIM");
	await expect(store.remove("example.com", "../x")).rejects.toMatchObject({ code: "bug" });
});

test("lists what is kept of a domain, also what a crash cut short", async () => {
	const { store, directory } = await newStore();
	expect(await store.list("example.com")).toEqual([]);
	await store.make("example.com", "202611", ed25519, never);
	await writeFile(join(directory, "example.com", ".202612.pem.keyturn-new"), "-----BEGIN PRIV");
	expect((await store.list("example.com")).toSorted()).toEqual(["202611", "202612"]);
	await store.remove("example.com", "202612");
	await store.remove("example.com", "202611");
	expect(await readdir(join(directory, "example.com"))).toEqual([]);
});

test("all that ask for one key at once get the same one", async () => {
	const { store, directory } = await newStore();
	const makers = Array.from({ length: 8 }, () => store.make("example.com", "s", ed25519, never));
	const keys = new Set((await Promise.all(makers)).map((key) => key.publicKey));
	expect(keys.size).toBe(1);
	expect(await readdir(join(directory, "example.com"))).toEqual(["s.pem"]);
});

test("what a crash left half written is no key and in nobody's way", async () => {
	const { store, directory } = await newStore();
	await mkdir(join(directory, "example.com"), { recursive: true, mode: 0o700 });
	await writeFile(join(directory, "example.com", ".s.pem.keyturn-new"), "-----BEGIN PRIV");
	expect(await store.read("example.com", "s")).toBeNull();
	await store.make("example.com", "s", ed25519, never);
	expect(await readdir(join(directory, "example.com"))).toEqual(["s.pem"]);
});

test("a damaged key is told, never replaced, and not shown", async () => {
	const { store, directory } = await newStore();
	await mkdir(join(directory, "example.com"), { recursive: true, mode: 0o700 });
	const path = join(directory, "example.com", "s.pem");
	await writeFile(path, "-----BEGIN PRIVATE KEY-----\nsecret");
	const refusal = await store.make("example.com", "s", ed25519, never).catch((error: unknown) => error);
	expect(refusal).toMatchObject({ code: "key.invalid", message: expect.stringContaining(path) });
	expect(String(refusal)).not.toContain("secret");
	await expect(store.read("example.com", "s")).rejects.toMatchObject({ code: "key.invalid" });
	expect(await readFile(path, "utf8")).toContain("secret");
});

test("no key goes into a directory that others may enter, and none outside it", async () => {
	const { store, directory } = await newStore();
	await mkdir(directory, { mode: 0o700 });
	await mkdir(join(directory, "example.com"));
	await chmod(join(directory, "example.com"), 0o755);
	await expect(store.make("example.com", "s", ed25519, never)).rejects.toMatchObject({ code: "key.invalid" });
	expect(await readdir(join(directory, "example.com"))).toEqual([]);
	for (const [domain, selector] of [
		["..", "s"],
		["example.com", "../s"],
		["Example.com", "s"],
	] as const) {
		await expect(store.make(domain, selector, ed25519, never)).rejects.toMatchObject({ code: "bug" });
	}
});
