import { expect, test } from "vitest";
import { createProgramTrust } from "../../src/system/program-trust.ts";
import { SimDisk } from "../fakes/sim-disk.ts";
import { createSimProcess } from "../fakes/sim-process.ts";

const PROGRAM = "/opt/dns/hook";
const ROOT = { uid: 0, gid: 0 };
const ATTACKER = { uid: 4711, gid: 4711 };
const AGENT = { uid: 977, gid: 977 };

/** Why the program is not trusted by an agent that runs as `uid`. */
async function why(set: (disk: SimDisk) => void, uid = AGENT.uid): Promise<string | null> {
	const disk = new SimDisk(() => new Date(0));
	set(disk);
	return createProgramTrust(disk.open({ process: createSimProcess() }), uid).whyUntrusted(PROGRAM);
}

const withMode = (mode: number, owner = ROOT) => why((disk) => disk.put(PROGRAM, "", mode, owner));

test("a program of root's, or of who runs it, is trusted", async () => {
	expect(await withMode(0o755)).toBeNull();
	expect(await withMode(0o755, AGENT)).toBeNull();
});

test("one of somebody else's, or that others may write, is not", async () => {
	expect(await withMode(0o755, ATTACKER)).toBe("expected root as its owner, got user 4711");
	expect(await why((disk) => disk.put(PROGRAM, "", 0o755, AGENT), 0)).toBe(
		"expected root as its owner, got user 977",
	);
	expect(await withMode(0o775)).toBe("expected that only its owner can write to it, got mode 0775");
	expect(await withMode(0o757)).toBe("expected that only its owner can write to it, got mode 0757");
});

test("nor is one that somebody else could put another in the place of", async () => {
	const below = (mode: number, owner = ROOT) =>
		why((disk) => {
			disk.putDirectory("/opt/dns", mode, owner);
			disk.put(PROGRAM, "", 0o755);
		});
	expect(await below(0o755, ATTACKER)).toBe("/opt/dns: expected root as its owner, got user 4711");
	expect(await below(0o777)).toMatch(/^\/opt\/dns: .* got mode 0777$/);
	expect(await below(0o755)).toBeNull();
});

test("what is no program is told", async () => {
	expect(await why(() => undefined)).toBe("expected a file, found nothing");
	expect(await why((disk) => disk.putDirectory(PROGRAM))).toBe("expected a file, got a directory");
});
