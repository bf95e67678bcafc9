import { describe, expect, it } from "vitest";
import { hashOf } from "../../src/durable.ts";
import type { Disk } from "../../src/ports/disk.ts";
import { hashOfKey, mayPlace, placeKey, readKey, removeKey } from "../../src/swap/keys.ts";
import { type DiskViewOptions, SimDisk } from "../fakes/sim-disk.ts";
import { createSimProcess } from "../fakes/sim-process.ts";
import { simKey } from "../fakes/sim-signer.ts";

const PATH = "/etc/keys/a.example/new.private";
const OWNER = { uid: 110, gid: 111 };
const { key } = simKey("one");

function setUp(options: Partial<DiskViewOptions> = {}): { readonly sim: SimDisk; readonly disk: Disk } {
	const sim = new SimDisk(() => new Date("2026-11-01T03:00:00Z"));
	sim.putDirectory("/etc");
	return { sim, disk: sim.open({ process: createSimProcess(), ...options }) };
}

function statOf(sim: SimDisk, path: string) {
	return sim.all().find((entry) => entry.path === path)?.stat;
}

describe("a key file may be placed", () => {
	const may = (found: string | null, isOurs: boolean) => {
		const { sim, disk } = setUp();
		if (found !== null) sim.put(PATH, found);
		return mayPlace(disk, { path: PATH, key, isOurs });
	};

	it("where nothing stands, and over what a crash of ours left of the same key", async () => {
		expect(await may(null, false)).toBe(true);
		for (const left of ["", key.slice(0, 1), key.slice(0, -1), key, "\0".repeat(key.length), "\0\0"])
			expect(await may(left, true), JSON.stringify(left.slice(0, 5))).toBe(true);
	});

	it("not over anything that the ledger does not know, though it were the same", async () => {
		for (const left of ["", key.slice(0, 20), key]) expect(await may(left, false)).toBe(false);
	});

	it("not over another key, more than the key, or more zeros than the key has octets", async () => {
		for (const left of [simKey("two").key, `${key}\n`, `x${key.slice(1, 9)}`, "\0".repeat(key.length + 1)])
			expect(await may(left, true), JSON.stringify(left.slice(0, 5))).toBe(false);
	});

	it("not through a link or over a directory", async () => {
		const { sim, disk } = setUp();
		sim.put("/etc/shadow", key);
		sim.putSymlink(PATH, "/etc/shadow");
		sim.putDirectory("/etc/keys/a.example/dir.private");
		for (const path of [PATH, "/etc/keys/a.example/dir.private"])
			expect(await mayPlace(disk, { path, key, isOurs: true })).toBe(false);
	});

	it("with or without a line break at its end, which makes no difference", async () => {
		const { sim, disk } = setUp();
		sim.put(PATH, key);
		expect(key.endsWith("\n")).toBe(true);
		expect(await mayPlace(disk, { path: PATH, key: key.trimEnd(), isOurs: true })).toBe(true);
		expect(hashOfKey(key.trimEnd())).toBe(hashOfKey(key));
		expect(hashOfKey(key)).toBe(hashOf(new TextEncoder().encode(key)));
	});
});

describe("a key that is placed", () => {
	it("stands whole, its owner's alone, in directories of its owner alone", async () => {
		const { sim, disk } = setUp();
		await placeKey(disk, { path: PATH, key: key.trimEnd(), isOurs: true }, OWNER);
		expect(sim.text(PATH)).toBe(key);
		expect(statOf(sim, PATH)).toMatchObject({ mode: 0o600, ...OWNER });
		for (const path of ["/etc/keys", "/etc/keys/a.example"])
			expect(statOf(sim, path), path).toMatchObject({ mode: 0o700, ...OWNER });
		expect(statOf(sim, "/etc")).toMatchObject({ mode: 0o755, uid: 0, gid: 0 });
	});

	it("is its owner's before its first octet is written", async () => {
		const owners: unknown[] = [];
		const { sim, disk } = setUp({
			onChange: (call, path) => {
				if (path === PATH) owners.push([call, statOf(sim, PATH)?.uid, statOf(sim, PATH)?.mode]);
			},
		});
		await placeKey(disk, { path: PATH, key, isOurs: true }, OWNER);
		expect(owners).toEqual([
			["create", 0, 0o600],
			["file.chown", OWNER.uid, 0o600],
			["file.write", OWNER.uid, 0o600],
		]);
	});

	it("outlives the power, whatever the disk keeps of what was not synced", async () => {
		const { sim, disk } = setUp();
		await placeKey(disk, { path: PATH, key, isOurs: true }, OWNER);
		const after = sim.powerLoss(() => 0);
		expect(after.text(PATH)).toBe(key);
		expect(statOf(after, PATH)).toMatchObject({ mode: 0o600, ...OWNER });
		expect(statOf(after, "/etc/keys")).toMatchObject(OWNER);
		expect(statOf(after, "/etc/keys/a.example")).toMatchObject(OWNER);
	});

	it("is placed anew where a crash cut it short", async () => {
		for (const left of ["", key.slice(0, 30), "\0".repeat(key.length)]) {
			const { sim, disk } = setUp();
			sim.put(PATH, left, 0o600);
			await placeKey(disk, { path: PATH, key, isOurs: true }, OWNER);
			expect(sim.text(PATH)).toBe(key);
			expect(statOf(sim, PATH)).toMatchObject({ mode: 0o600, ...OWNER });
			expect(sim.powerLoss(() => 0).text(PATH)).toBe(key);
		}
	});

	it("is only given its owner and mode again where it stands whole, and is never written twice", async () => {
		const calls: string[] = [];
		const { sim, disk } = setUp({ onChange: (call, path) => calls.push(`${call} ${path}`) });
		sim.put(PATH, key, 0o644);
		const before = statOf(sim, PATH)?.inode;
		await placeKey(disk, { path: PATH, key, isOurs: true }, OWNER);
		expect(statOf(sim, PATH)).toMatchObject({ inode: before, mode: 0o600, ...OWNER });
		expect(calls.filter((call) => call.startsWith("file.write"))).toEqual([]);
		expect(
			statOf(
				sim.powerLoss(() => 0),
				PATH,
			),
		).toMatchObject({ mode: 0o600, ...OWNER });
	});

	it("is refused where a file of others stands, which stays", async () => {
		const refusal = {
			code: "signer.unsafe",
			message: `${PATH}: expected no file, found one that keyturn did not make`,
			hint: "move it away, or choose another selector",
		};
		const { sim, disk } = setUp();
		sim.put(PATH, "theirs");
		await expect(placeKey(disk, { path: PATH, key, isOurs: true }, OWNER)).rejects.toMatchObject(refusal);
		expect(sim.text(PATH)).toBe("theirs");
		const racing: Disk = { ...disk, lstat: async () => null };
		await expect(placeKey(racing, { path: PATH, key, isOurs: true }, OWNER)).rejects.toMatchObject(refusal);
		expect(sim.text(PATH)).toBe("theirs");
	});
});

describe("directories of keys", () => {
	it("that were there keep their owner, unless a crash left them between being made and given away", async () => {
		const place = async (prepare: (sim: SimDisk) => void) => {
			const { sim, disk } = setUp();
			prepare(sim);
			await placeKey(disk, { path: PATH, key, isOurs: true }, OWNER);
			return ["/etc/keys", "/etc/keys/a.example"].map((path) => statOf(sim, path)?.uid);
		};
		const root = { uid: 0, gid: 0 };
		expect(await place((sim) => sim.putDirectory("/etc/keys", 0o755))).toEqual([0, 110]);
		expect(await place((sim) => sim.putDirectory("/etc/keys", 0o700, root))).toEqual([110, 110]);
		expect(await place((sim) => sim.putDirectory("/etc/keys", 0o2700, root))).toEqual([110, 110]);
		expect(await place((sim) => sim.putDirectory("/etc/keys", 0o700, { uid: 7, gid: 7 }))).toEqual([7, 110]);
		expect(
			await place((sim) => {
				sim.putDirectory("/etc/keys", 0o755);
				sim.putDirectory("/etc/keys/a.example", 0o700, root);
			}),
		).toEqual([0, 110]);
		expect(
			await place((sim) => {
				sim.putDirectory("/etc/keys", 0o755);
				sim.putDirectory("/etc/keys/a.example", 0o700, root);
				sim.put("/etc/keys/a.example/theirs.private", "theirs");
			}),
		).toEqual([0, 0]);
	});
});

describe("a key file that goes", () => {
	const remove = async (found: string | null, hash = hashOfKey(key), mayBeBare = false) => {
		const { sim, disk } = setUp();
		sim.putDirectory("/etc/keys/a.example");
		if (found !== null) sim.put(PATH, found);
		const outcome = await removeKey(disk, { path: PATH, hash, mayBeBare });
		return { outcome, left: sim.text(PATH), durably: sim.powerLoss(() => 0).text(PATH) };
	};
	const gone = { outcome: "gone", left: null, durably: null };

	it("is the one that was placed, or what a crash left of one", async () => {
		for (const left of [null, key, key.trimEnd(), "", key.slice(0, 10), key.slice(0, 40), "\0\0\0"])
			expect(await remove(left), JSON.stringify(left)).toEqual(gone);
		expect(await remove("-----BEGIN RSA PRIVATE KEY-----\nMII")).toEqual(gone);
		expect(await remove("-----BEGIN RSA")).toEqual(gone);
	});

	it("is what a crash left of a bare Ed25519 key, where the signer reads such ones", async () => {
		const bare = `${Buffer.alloc(32, 7).toString("base64")}\n`;
		for (const left of [bare.slice(0, 1), bare.slice(0, 22), bare.slice(0, 43)]) {
			expect(await remove(left, hashOfKey(bare), true), left).toEqual(gone);
			expect(await remove(left, hashOfKey(bare)), left).toMatchObject({ outcome: "foreign", left });
		}
		expect(await remove(bare.slice(0, 44), hashOfKey(bare), true)).toEqual(gone);
		for (const left of [bare, bare.slice(0, 44), "theirs\n", "it is theirs", "A".repeat(44)])
			expect(await remove(left, "", true), left).toMatchObject({ outcome: "foreign", left });
	});

	it("is not another key, nor anything else", async () => {
		for (const left of [simKey("two").key, "theirs", "# a note\n", "-----BEGIN CERTIFICATE-----\n", "\0x"])
			expect(await remove(left)).toEqual({ outcome: "foreign", left, durably: left });
	});

	it("is not what a link leads to, nor a directory", async () => {
		const { sim, disk } = setUp();
		sim.put("/etc/target", key);
		sim.putSymlink(PATH, "/etc/target");
		expect(await removeKey(disk, { path: PATH, hash: hashOfKey(key), mayBeBare: false })).toBe("foreign");
		expect(sim.text(PATH)).toBe(key);
		sim.putDirectory("/etc/keys/dir");
		expect(await removeKey(disk, { path: "/etc/keys/dir", hash: "", mayBeBare: true })).toBe("foreign");
	});

	it("may be gone with its directory", async () => {
		const { disk } = setUp();
		expect(await removeKey(disk, { path: PATH, hash: hashOfKey(key), mayBeBare: false })).toBe("gone");
	});
});

describe("a key file that is read", () => {
	it("is its text, or null where there is none", async () => {
		const { sim, disk } = setUp();
		expect(await readKey(disk, PATH)).toBeNull();
		sim.put(PATH, key);
		expect(await readKey(disk, PATH)).toBe(key);
	});
});
