import { describe, expect, test } from "vitest";
import { whyUntrustedAbove, whyUntrustedDirectory, whyUntrustedFile } from "../../src/system/trusted.ts";
import { SimDisk } from "../fakes/sim-disk.ts";
import { createSimProcess } from "../fakes/sim-process.ts";

const ATTACKER = { uid: 4711, gid: 4711 };
const STAFF = { uid: 0, gid: 50 };

function diskWith(set: (disk: SimDisk) => void) {
	const disk = new SimDisk(() => new Date("2026-11-01T03:00:00Z"));
	set(disk);
	return disk.open({ process: createSimProcess() });
}

describe("a file on which root relies", () => {
	const why = async (set: (disk: SimDisk) => void, uid = 0) =>
		whyUntrustedAbove(diskWith(set), "/etc/keyturn/keyturn.yaml", uid);

	test("is trusted where root alone may write above it", async () => {
		expect(await why((disk) => disk.put("/etc/keyturn/keyturn.yaml", ""))).toBeNull();
	});

	test("is not where another user owns a directory above it, or may write to one", async () => {
		const owned = (disk: SimDisk) => {
			disk.putDirectory("/etc/keyturn", 0o755, ATTACKER);
			disk.put("/etc/keyturn/keyturn.yaml", "");
		};
		expect(await why(owned)).toBe("/etc/keyturn: expected root as its owner, got user 4711");
		expect(await why(owned, ATTACKER.uid)).toBeNull();
		for (const [mode, owner] of [
			[0o757, undefined],
			[0o775, STAFF],
		] as const)
			expect(
				await why((disk) => {
					disk.putDirectory("/etc/keyturn", mode, owner);
					disk.put("/etc/keyturn/keyturn.yaml", "");
				}),
			).toMatch(/^\/etc\/keyturn: expected that only root can write to it, got mode 07[57][57]$/);
	});

	test("is not where it is another user's itself, or may be written by others", async () => {
		const path = "/etc/keyturn/keyturn.yaml";
		const whose = async (mode: number, owner = { uid: 0, gid: 0 }, uid = 0) =>
			whyUntrustedFile(
				diskWith((disk) => disk.put(path, "", mode, owner)),
				path,
				uid,
			);
		expect(await whose(0o664)).toBeNull();
		expect(await whose(0o644, ATTACKER, ATTACKER.uid)).toBeNull();
		expect(await whose(0o644, ATTACKER)).toBe(`${path}: expected root as its owner, got user 4711`);
		expect(await whose(0o664, STAFF)).toMatch(/got mode 0664$/);
		expect(await whose(0o646)).toMatch(/got mode 0646$/);
		expect(await whose(0o1646)).toMatch(/got mode 01646$/);
		const below = diskWith((disk) => {
			disk.putDirectory("/etc/keyturn", 0o755, ATTACKER);
			disk.put(path, "");
		});
		expect(await whyUntrustedFile(below, path, 0)).toContain("/etc/keyturn: expected root");
	});

	test("is trusted in a directory of root's below a sticky one, and below one of root's own group", async () => {
		const below = async (mode: number) =>
			whyUntrustedAbove(
				diskWith((disk) => {
					disk.putDirectory("/tmp", mode);
					disk.put("/tmp/k/keyturn.yaml", "");
				}),
				"/tmp/k/keyturn.yaml",
				0,
			);
		expect(await below(0o1777)).toBeNull();
		expect(await below(0o775)).toBeNull();
		expect(await below(0o777)).not.toBeNull();
	});

	test("is not where its link leads into a directory of somebody else's", async () => {
		expect(
			await why((disk) => {
				disk.putDirectory("/home/user", 0o755, ATTACKER);
				disk.put("/home/user/keyturn.yaml", "");
				disk.putSymlink("/etc/keyturn/keyturn.yaml", "/home/user/keyturn.yaml");
			}),
		).toBe("/home/user: expected root as its owner, got user 4711");
	});
});

describe("the door's own directory", () => {
	const DOOR = "/var/lib/keyturn-door";
	const why = async (set: (disk: SimDisk) => void) => whyUntrustedDirectory(diskWith(set), DOOR, 0);

	test("is trusted if it is root's, or not there yet below one that is", async () => {
		expect(await why((disk) => disk.putDirectory(DOOR, 0o700))).toBeNull();
		expect(await why((disk) => disk.putDirectory("/var/lib"))).toBeNull();
	});

	test("is not if somebody planted it, a link in its place, or owns the one above", async () => {
		expect(await why((disk) => disk.putDirectory(DOOR, 0o700, ATTACKER))).toContain("user 4711");
		expect(await why((disk) => disk.putDirectory(DOOR, 0o777))).toContain("mode 0777");
		expect(await why((disk) => disk.putDirectory(DOOR, 0o1777))).toContain("mode 01777");
		expect(
			await why((disk) => {
				disk.putDirectory("/etc/cron.d");
				disk.putSymlink(DOOR, "/etc/cron.d");
			}),
		).toBe(`${DOOR}: expected a directory, got a symlink`);
		expect(await why((disk) => disk.putDirectory("/var/lib", 0o755, ATTACKER))).toContain("/var/lib: ");
	});
});
