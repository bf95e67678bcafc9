import { readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Lease, StateStore, Wish } from "../../src/ports/state-store.ts";
import { createFileStateStore } from "../../src/state/files.ts";
import { createSystemClock } from "../../src/system/clock.ts";
import { createSystemDisk } from "../../src/system/disk.ts";
import { createTakeLock } from "../../src/system/lock.ts";
import { temporaryDirectory } from "../system/temporary-directory.ts";

const clock = createSystemClock();
const never = new AbortController().signal;

function storeAt(directory: string): StateStore {
	return createFileStateStore({
		directory,
		disk: createSystemDisk(),
		takeLock: createTakeLock(clock),
		clock,
	});
}

async function newStore(): Promise<{ store: StateStore; directory: string }> {
	const directory = join(await temporaryDirectory(), "state");
	return { store: storeAt(directory), directory };
}

async function lock(store: StateStore): Promise<Lease> {
	const lease = await store.lock(0, never);
	if (lease === "held") throw new Error("nobody else holds the lock");
	return lease;
}

function wish(id: string, at: string): Wish {
	return { id, at, kind: "rotate", domains: ["example.com"], noSoak: false };
}

test("keeps documents under their revision, private and readable by a person", async () => {
	const { store, directory } = await newStore();
	const lease = await lock(store);
	expect(await store.load("domains/example.com")).toBeNull();
	expect(await store.save(lease, "domains/example.com", { schema: 1, keys: [] }, 0)).toBe(1);
	expect(await store.save(lease, "domains/example.com", { schema: 1, keys: ["k"] }, 1)).toBe(2);
	expect(await store.save(lease, "host", { schema: 1 }, 0)).toBe(1);
	await lease.release();

	const path = join(directory, "domains", "example.com.json");
	expect(await store.load("domains/example.com")).toEqual({ state: { schema: 1, keys: ["k"] }, revision: 2 });
	expect(await store.list("domains/")).toEqual(["domains/example.com"]);
	const written = await readFile(path, "utf8");
	const checksum = expect.stringMatching(/^[0-9a-f]{64}$/);
	expect(JSON.parse(written)).toEqual({ checksum, revision: 2, schema: 1, keys: ["k"] });
	for (const [path, mode] of [
		[directory, 0o700],
		[join(directory, "domains"), 0o700],
		[join(directory, "domains", "example.com.json"), 0o600],
		[join(directory, "epoch"), 0o600],
	] as const) {
		expect((await stat(path)).mode & 0o7777, path).toBe(mode);
	}
});

test("refuses another revision than the one that stands there, and leaves that", async () => {
	const { store } = await newStore();
	const lease = await lock(store);
	await store.save(lease, "host", { a: 1 }, 0);
	for (const revision of [0, 2]) {
		await expect(store.save(lease, "host", { a: 2 }, revision)).rejects.toMatchObject({
			code: "state.conflict",
		});
	}
	expect(await store.load("host")).toEqual({ state: { a: 1 }, revision: 1 });
	await lease.release();
});

test("one lease at a time, each with a higher epoch; a released one saves nothing", async () => {
	const { store, directory } = await newStore();
	const first = await lock(store);
	expect(await store.lock(0, never)).toBe("held");
	expect(await storeAt(directory).lock(0, never)).toBe("held");
	await first.release();
	await first.release();
	await expect(store.save(first, "host", {}, 0)).rejects.toMatchObject({ code: "lease.lost" });
	const second = await lock(storeAt(directory));
	expect(second.epoch).toBeGreaterThan(first.epoch);
	await expect(store.save(first, "host", {}, 0)).rejects.toMatchObject({ code: "lease.lost" });
	await expect(store.dropWish(first, "x")).rejects.toMatchObject({ code: "lease.lost" });
	await expect(store.recordHistory(first, {})).rejects.toMatchObject({ code: "lease.lost" });
	await expect(store.setAside(first, "host")).rejects.toMatchObject({ code: "lease.lost" });
	expect(await store.load("host")).toBeNull();
	await second.release();
});

test("a holder who was overtaken finds out by the epoch", async () => {
	const { store, directory } = await newStore();
	const lease = await lock(store);
	await writeFile(join(directory, "epoch"), `${lease.epoch + 1}\n`);
	expect(lease.lost.aborted).toBe(false);
	await expect(store.save(lease, "host", {}, 0)).rejects.toMatchObject({ code: "lease.lost" });
	expect(lease.lost.aborted).toBe(true);
	await lease.release();
});

test("what is damaged is told with its path and never overwritten", async () => {
	const { store, directory } = await newStore();
	const lease = await lock(store);
	for (const [name, content] of [
		["host", ""],
		["domains/a.example", '{"revision": 1, '],
		["domains/b.example", "[]"],
		["domains/c.example", '{"schema": 1}'],
		["domains/d.example", '{"revision": "1"}'],
	] as const) {
		const path = join(directory, `${name}.json`);
		await writeFile(path, content);
		const refusal = { code: "state.corrupt", message: expect.stringContaining(path) };
		await expect(store.load(name)).rejects.toMatchObject(refusal);
		await expect(store.save(lease, name, { fresh: true }, 0)).rejects.toMatchObject(refusal);
		expect(await readFile(path, "utf8")).toBe(content);
	}
	await lease.release();
	await writeFile(join(directory, "epoch"), "many\n");
	const next = await lock(store);
	expect(next.epoch).toBeGreaterThan(lease.epoch);
	await next.release();
});

test("a name cannot leave the directory", async () => {
	const { store } = await newStore();
	const lease = await lock(store);
	for (const name of ["../host", "domains/../../x", "domains/.hidden", "/etc/passwd", "a/b/c", ""]) {
		await expect(store.save(lease, name, {}, 0), name).rejects.toMatchObject({ code: "bug" });
	}
	await lease.release();
});

test("the lock clears what a crash left half written, but no wish on its way", async () => {
	const { store, directory } = await newStore();
	await (await lock(store)).release();
	const old = new Date(Date.now() - 7_200_000);
	const left = [
		".host.json.keyturn-new",
		"domains/.a.example.json.keyturn-new",
		"wishes/.1.json.keyturn-new",
	];
	for (const name of left) {
		await writeFile(join(directory, name), "half");
		await utimes(join(directory, name), old, old);
	}
	await writeFile(join(directory, "wishes/.2.json.keyturn-new"), "half");
	await (await lock(store)).release();
	expect((await readdir(directory)).sort()).toEqual(["domains", "epoch", "lock", "wishes"]);
	expect(await readdir(join(directory, "domains"))).toEqual([]);
	expect(await readdir(join(directory, "wishes"))).toEqual([".2.json.keyturn-new"]);
});

test("wishes are left without the lock, in the order of their time, until they are dropped", async () => {
	const { store, directory } = await newStore();
	expect(await store.wishes()).toEqual([]);
	const early = wish("bb", "2026-11-01T00:00:00Z");
	const late = wish("aa", "2026-11-02T00:00:00Z");
	const lease = await lock(store);
	await store.leaveWish(late);
	await store.leaveWish(early);
	await store.leaveWish(early);
	expect(await storeAt(directory).wishes()).toEqual([early, late]);
	await store.dropWish(lease, "bb");
	await store.dropWish(lease, "bb");
	expect(await store.wishes()).toEqual([late]);
	await writeFile(join(directory, "wishes", "cc.json"), '{"id":"cc"}');
	const never = { ...wish("dd", "soon"), at: "soon" };
	await writeFile(join(directory, "wishes", "dd.json"), JSON.stringify(never));
	const unsafe = { ...early, id: "My wish" };
	await writeFile(join(directory, "wishes", "My wish.json"), JSON.stringify(unsafe));
	expect(await store.wishes()).toEqual([late]);
	await lease.release();
});

test("history gives the newest lines, and a line cut short costs only itself", async () => {
	const { store, directory } = await newStore();
	const lease = await lock(store);
	expect(await store.history(10)).toEqual([]);
	await store.recordHistory(lease, { n: 1 });
	await store.recordHistory(lease, { n: 2 });
	const path = join(directory, "history.jsonl");
	await writeFile(path, `${await readFile(path, "utf8")}{"n": 2.5, "cut`);
	await store.recordHistory(lease, { n: 3 });
	await store.recordHistory(lease, { n: 4 });
	await lease.release();
	expect(await store.history(3)).toEqual([{ n: 2 }, { n: 3 }, { n: 4 }]);
	expect(await store.history(100)).toHaveLength(4);
	expect(await store.history(0)).toEqual([]);
	expect((await stat(path)).mode & 0o7777).toBe(0o600);
});

test("a long history is put aside and still read", async () => {
	const { store, directory } = await newStore();
	const lease = await lock(store);
	await store.recordHistory(lease, { n: 1 });
	const path = join(directory, "history.jsonl");
	await writeFile(path, `${JSON.stringify({ long: "x".repeat(17 * 1024 * 1024) })}\n{"n":2}\n`);
	await store.recordHistory(lease, { n: 3 });
	expect(await readFile(path, "utf8")).toBe('{"n":3}\n');
	expect(await store.history(2)).toEqual([{ n: 2 }, { n: 3 }]);
	await lease.release();
});

test("a document that cannot be read is set aside and kept, so that a new one can be saved", async () => {
	const { store, directory } = await newStore();
	const lease = await lock(store);
	await writeFile(join(directory, "host.json"), '{"revision": 3, "cut');
	await expect(store.load("host")).rejects.toMatchObject({ code: "state.corrupt" });
	const kept = await store.setAside(lease, "host");
	expect(await readFile(kept, "utf8")).toBe('{"revision": 3, "cut');
	expect(await store.load("host")).toBeNull();
	expect(await store.save(lease, "host", { schema: 1 }, 0)).toBe(1);
});

test("the holder before a restored or emptied directory never has the epoch of the next", async () => {
	const { store, directory } = await newStore();
	const first = await lock(store);
	const epochs = [first.epoch];
	for (const restored of [`${first.epoch - 1}\n`, "", "1\n"]) {
		await writeFile(join(directory, "epoch"), restored);
		await rm(join(directory, "lock"));
		const next = await lock(storeAt(directory));
		epochs.push(next.epoch);
		await expect(store.save(first, "host", {}, 0)).rejects.toMatchObject({ code: "lease.lost" });
		await next.release();
	}
	await first.release();
	expect(new Set(epochs).size).toBe(epochs.length);
});

test("content that is not what the checksum was made of is damaged; without one it is somebody's mending", async () => {
	const { store, directory } = await newStore();
	const lease = await lock(store);
	await store.save(lease, "host", { since: "2026-11-01" }, 0);
	const path = join(directory, "host.json");
	const changed = (await readFile(path, "utf8")).replace("2026", "2016");
	await writeFile(path, changed);
	await expect(store.load("host")).rejects.toMatchObject({ code: "state.corrupt" });
	await writeFile(path, changed.replace(/"checksum".*\n/, ""));
	expect(await store.load("host")).toEqual({ state: { since: "2016-11-01" }, revision: 1 });
	await lease.release();
});
