/** What somebody planted in the agent's directories leads neither a key nor a document of the state anywhere else. */

import { chmod, link, lchown, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createFileStateStore } from "../../src/state/files.ts";
import { createSystemClock } from "../../src/system/clock.ts";
import { createSystemDisk } from "../../src/system/disk.ts";
import { createKeyMaker } from "../../src/system/key-maker.ts";
import { createKeyStore } from "../../src/system/key-store.ts";
import { createTakeLock } from "../../src/system/lock.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const never = new AbortController().signal;
const clock = createSystemClock();
const disk = createSystemDisk();
const KEPT = "somebody else's\n";

/** A state directory, a directory elsewhere with one file in it, and a store and a key store over the former. */
async function place() {
	const root = await temporaryDirectory();
	const state = join(root, "state");
	const elsewhere = join(root, "elsewhere");
	for (const directory of [state, elsewhere]) await mkdir(directory, { mode: 0o700 });
	const theirs = join(elsewhere, "theirs");
	await writeFile(theirs, KEPT, { mode: 0o600 });
	const keys = createKeyStore({ directory: join(state, "keys"), disk, makeKey: createKeyMaker() });
	const store = createFileStateStore({ directory: state, disk, takeLock: createTakeLock(clock), clock });
	return {
		state,
		elsewhere,
		theirs,
		store,
		make: async () => keys.make("example.com", "s", { algorithm: "ed25519" }, never),
		save: async () => {
			const lease = await store.lock(0, never);
			if (lease === "held") throw new Error("nobody holds it");
			try {
				await store.save(lease, "domains/example.com", { schema: 1 }, 0);
				await store.recordHistory(lease, { did: "something" });
			} finally {
				await lease.release();
			}
		},
		leave: async () =>
			store.leaveWish({
				id: "w",
				at: "2026-11-01T00:00:00Z",
				kind: "rotate",
				domains: [],
				noSoak: false,
			}),
		expectUntouched: async () => {
			expect(await readdir(elsewhere)).toEqual(["theirs"]);
			expect(await readFile(theirs, "utf8")).toBe(KEPT);
		},
	};
}

type Place = Awaited<ReturnType<typeof place>>;

describe("a private key", () => {
	test.each([
		["in place of keys/", async ({ state, elsewhere }: Place) => symlink(elsewhere, join(state, "keys"))],
		[
			"in place of the domain's directory",
			async ({ state, elsewhere }: Place) => {
				await mkdir(join(state, "keys"), { mode: 0o700 });
				await symlink(elsewhere, join(state, "keys/example.com"));
			},
		],
		[
			"in place of the key, to a file that is there",
			async ({ state, theirs }: Place) => {
				await mkdir(join(state, "keys/example.com"), { mode: 0o700, recursive: true });
				await symlink(theirs, join(state, "keys/example.com/s.pem"));
			},
		],
		[
			"in place of the key, to one that is not",
			async ({ state, elsewhere }: Place) => {
				await mkdir(join(state, "keys/example.com"), { mode: 0o700, recursive: true });
				await symlink(join(elsewhere, "new"), join(state, "keys/example.com/s.pem"));
			},
		],
		[
			"in place of the key, a second name of a file",
			async ({ state, theirs }: Place) => {
				await mkdir(join(state, "keys/example.com"), { mode: 0o700, recursive: true });
				await link(theirs, join(state, "keys/example.com/s.pem"));
			},
		],
	])("is not made through a link %s", async (_, plant) => {
		const at = await place();
		await plant(at);
		await expect(at.make()).rejects.toMatchObject({ code: "key.invalid" });
		await at.expectUntouched();
	});

	test("takes the place of a link that stands at its temporary name", async () => {
		for (const plant of [symlink, link]) {
			const at = await place();
			await mkdir(join(at.state, "keys/example.com"), { mode: 0o700, recursive: true });
			await plant(at.theirs, join(at.state, "keys/example.com/.s.pem.keyturn-new"));
			await at.make();
			expect(await readdir(join(at.state, "keys/example.com"))).toEqual(["s.pem"]);
			await at.expectUntouched();
		}
	});

	test("is not made in a directory of somebody else's", async (context) => {
		if (process.getuid?.() !== 0) context.skip("only root may give files away");
		const at = await place();
		await mkdir(join(at.state, "keys"), { mode: 0o700 });
		await lchown(join(at.state, "keys"), 4711, 4711);
		await expect(at.make()).rejects.toMatchObject({ code: "key.invalid" });
		expect(await readdir(join(at.state, "keys"))).toEqual([]);
	});
});

describe("the state", () => {
	test.each(["domains", "wishes"])("is not kept through a link in place of %s/", async (below) => {
		const at = await place();
		await symlink(at.elsewhere, join(at.state, below));
		await expect(at.save()).rejects.toMatchObject({ code: "config.unsafe" });
		if (below === "wishes") await expect(at.leave()).rejects.toMatchObject({ code: "config.unsafe" });
		await at.expectUntouched();
	});

	test("is not kept where others may put something", async () => {
		const at = await place();
		await chmod(at.state, 0o777);
		await expect(at.save()).rejects.toMatchObject({
			code: "config.unsafe",
			message: expect.stringContaining("mode 0777"),
		});
		await expect(at.leave()).rejects.toMatchObject({ code: "config.unsafe" });
		expect(await readdir(at.state)).toEqual([]);
	});

	test.each([
		["lock", "disk.failed"],
		["history.jsonl", "disk.failed"],
	])("is not written through a link at %s", async (name, code) => {
		const at = await place();
		await symlink(at.theirs, join(at.state, name));
		await expect(at.save()).rejects.toMatchObject({ code, errno: "ELOOP" });
		await at.expectUntouched();
	});

	test("takes the place of links at the names of its documents and temporary files", async () => {
		const at = await place();
		for (const below of ["domains", "wishes"]) await mkdir(join(at.state, below), { mode: 0o700 });
		for (const name of [
			".epoch.keyturn-new",
			"domains/.example.com.json.keyturn-new",
			"wishes/.w.json.keyturn-new",
		])
			await symlink(at.theirs, join(at.state, name));
		await symlink(at.theirs, join(at.state, "epoch"));
		await symlink(join(at.elsewhere, "new"), join(at.state, "domains/example.com.json"));
		await at.save();
		await at.leave();
		expect(await readFile(join(at.state, "domains/example.com.json"), "utf8")).toContain('"revision": 1');
		expect(await readFile(join(at.state, "epoch"), "utf8")).toMatch(/^\d+\n$/);
		expect(await at.store.wishes()).toHaveLength(1);
		await at.expectUntouched();
	});

	test("may lie where a link in place of its directory leads", async () => {
		const at = await place();
		const linked = `${at.state}-link`;
		await symlink(at.state, linked);
		const store = createFileStateStore({ directory: linked, disk, takeLock: createTakeLock(clock), clock });
		const lease = await store.lock(0, never);
		expect(lease).not.toBe("held");
		if (lease !== "held") await lease.release();
	});
});
