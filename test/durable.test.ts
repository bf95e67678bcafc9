import { describe, expect, it } from "vitest";
import {
	durableCreate,
	durableReplace,
	hashOf,
	replaceIfUnchanged,
	temporaryPath,
	undoReplace,
} from "../src/durable.ts";
import type { Disk } from "../src/ports/disk.ts";
import { type DiskCall, SimDisk } from "./fakes/sim-disk.ts";
import { createSimProcess, runUntilDeath } from "./fakes/sim-process.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const OLD = "old table\n";
const NEW = "a new and longer table\n";
const KEPT = "/etc/.table.before";

function setUp(): SimDisk {
	const disk = new SimDisk(() => new Date("2026-11-01T03:00:00Z"));
	disk.put("/etc/table", OLD, 0o640, { uid: 0, gid: 42 });
	return disk;
}

/** A small generator: the same seed chooses the same. */
function chooser(seed: number): (count: number) => number {
	let state = seed * 2654435761 + 1;
	return (count) => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return Math.floor((state / 2 ** 32) * count);
	};
}

/** Every disk that a crash or power loss at any call of `work` can leave. */
async function everySurvivor(work: (disk: Disk) => Promise<unknown>): Promise<SimDisk[]> {
	const survivors: SimDisk[] = [];
	for (let dieAt = 0; ; dieAt += 1) {
		const disk = setUp();
		const process = createSimProcess({ dieAt });
		const outcome = await runUntilDeath(process, work(disk.open({ process })));
		survivors.push(disk.crash());
		for (let seed = 0; seed < 40; seed += 1) survivors.push(disk.powerLoss(chooser(seed)));
		if (outcome.kind === "ended") return survivors;
	}
}

function openWithFault(disk: SimDisk, fails: DiskCall, errno: string): Disk {
	return disk.open({
		process: createSimProcess(),
		fault: (call) => (call === fails ? errno : null),
	});
}

describe("durableReplace", () => {
	it("leaves the old or the new at every crash and power loss", async () => {
		const survivors = await everySurvivor((disk) => durableReplace(disk, "/etc/table", bytes(NEW)));
		const texts = new Set(survivors.map((disk) => disk.text("/etc/table")));
		expect(texts).toEqual(new Set([NEW, OLD]));
	});

	it("is durable once it resolves", async () => {
		const disk = setUp();
		await durableReplace(disk.open({ process: createSimProcess() }), "/etc/table", bytes(NEW));
		for (let seed = 0; seed < 40; seed += 1)
			expect(disk.powerLoss(chooser(seed)).text("/etc/table")).toBe(NEW);
	});

	it("sets the owner before the first byte and the mode asked for", async () => {
		const disk = setUp();
		const calls: string[] = [];
		const process = createSimProcess({ onCall: (call) => void calls.push(call.split(" ")[0] ?? "") });
		await durableReplace(disk.open({ process }), "/etc/new", bytes(NEW), {
			mode: 0o640,
			owner: { uid: 7, gid: 8 },
		});
		expect(calls.indexOf("disk.file.chown")).toBeLessThan(calls.indexOf("disk.file.write"));
		const found = disk.all().find(({ path }) => path === "/etc/new");
		expect(found?.stat).toMatchObject({ mode: 0o640, uid: 7, gid: 8 });
	});

	it.each([
		["file.write", "ENOSPC"],
		["file.sync", "EIO"],
		["create", "EROFS"],
		["rename", "EIO"],
	] as const)("leaves the old and no leftover when %s fails with %s", async (call, errno) => {
		const disk = setUp();
		await expect(
			durableReplace(openWithFault(disk, call, errno), "/etc/table", bytes(NEW)),
		).rejects.toMatchObject({ code: "disk.failed", errno });
		expect(disk.text("/etc/table")).toBe(OLD);
		expect(disk.all().map(({ path }) => path)).toEqual(["/etc", "/etc/table"]);
	});

	it("syncs a file once only: after EIO its content counts as lost", async () => {
		const disk = setUp();
		let syncs = 0;
		const open = disk.open({
			process: createSimProcess(),
			fault: (call) => (call === "file.sync" && ++syncs > 0 ? "EIO" : null),
		});
		await expect(durableReplace(open, "/etc/table", bytes(NEW))).rejects.toThrow("EIO");
		expect(syncs).toBe(1);
	});

	it("passes over what a crash left beside the file", async () => {
		const disk = setUp();
		disk.put(temporaryPath("/etc/table"), "half");
		await durableReplace(disk.open({ process: createSimProcess() }), "/etc/table", bytes(NEW));
		expect(disk.all().map(({ path }) => path)).toEqual(["/etc", "/etc/table"]);
		expect(disk.text("/etc/table")).toBe(NEW);
	});
});

describe("durableCreate", () => {
	it("makes the file whole or not at all", async () => {
		const survivors = await everySurvivor((disk) => durableCreate(disk, "/etc/wish", bytes(NEW)));
		const texts = new Set(survivors.map((disk) => disk.text("/etc/wish")));
		expect(texts).toEqual(new Set([null, NEW]));
	});

	it("never overwrites", async () => {
		const disk = setUp();
		const open = disk.open({ process: createSimProcess() });
		expect(await durableCreate(open, "/etc/wish", bytes(NEW))).toBe("created");
		expect(await durableCreate(open, "/etc/table", bytes(NEW))).toBe("exists");
		expect(disk.text("/etc/table")).toBe(OLD);
		expect(disk.all().map(({ path }) => path)).toEqual(["/etc", "/etc/table", "/etc/wish"]);
	});
});

describe("replaceIfUnchanged", () => {
	const replace = (disk: Disk) =>
		replaceIfUnchanged(disk, "/etc/table", hashOf(bytes(OLD)), bytes(NEW), { keepBefore: KEPT });

	it("leaves the old or the new at every crash, and the old beside the new", async () => {
		const survivors = await everySurvivor(replace);
		const texts = survivors.map((disk) => disk.text("/etc/table"));
		expect(new Set(texts)).toEqual(new Set([OLD, NEW]));
		for (const disk of survivors) if (disk.text("/etc/table") === NEW) expect(disk.text(KEPT)).toBe(OLD);
	});

	it("keeps owner and mode", async () => {
		const disk = setUp();
		expect(await replace(disk.open({ process: createSimProcess() }))).toBe("replaced");
		expect(disk.all().find(({ path }) => path === "/etc/table")?.stat).toMatchObject({
			mode: 0o640,
			uid: 0,
			gid: 42,
		});
	});

	it("leaves somebody else's change alone, made at any moment before its last look", async () => {
		let changed = 0;
		for (let at = 0; at < 40; at += 1) {
			const disk = setUp();
			const process = createSimProcess({
				onCall: (_call, index) => {
					if (index === at) disk.put("/etc/table", "theirs");
				},
			});
			if ((await replace(disk.open({ process }))) !== "changed") continue;
			changed += 1;
			expect(disk.text("/etc/table")).toBe("theirs");
			expect(disk.all().map(({ path }) => path)).toEqual(["/etc", "/etc/table"]);
		}
		expect(changed).toBeGreaterThan(8);
	});

	it.each([
		["file.write", "ENOSPC"],
		["file.sync", "EIO"],
		["link", "EXDEV"],
	] as const)("leaves the old when %s fails with %s", async (call, errno) => {
		const disk = setUp();
		await expect(replace(openWithFault(disk, call, errno))).rejects.toMatchObject({ errno });
		expect(disk.text("/etc/table")).toBe(OLD);
		expect(disk.text(temporaryPath("/etc/table"))).toBeNull();
	});
});

describe("undoReplace", () => {
	it("puts the very file before back", async () => {
		const disk = setUp();
		const open = disk.open({ process: createSimProcess() });
		const before = await open.stat("/etc/table");
		await replaceIfUnchanged(open, "/etc/table", hashOf(bytes(OLD)), bytes(NEW), { keepBefore: KEPT });
		expect(await undoReplace(open, "/etc/table", [hashOf(bytes(NEW))], KEPT)).toBe("undone");
		expect(await open.stat("/etc/table")).toEqual(before);
		expect(disk.text(KEPT)).toBeNull();
	});

	it("looks at what stands there last before the rename, so that hardly an edit is lost", async () => {
		const disk = setUp();
		await replaceIfUnchanged(
			disk.open({ process: createSimProcess() }),
			"/etc/table",
			hashOf(bytes(OLD)),
			bytes(NEW),
			{ keepBefore: KEPT },
		);
		const onCall = (call: string) => {
			if (call === `disk.lstat ${KEPT}`) disk.put("/etc/table", "edited\n");
		};
		const open = disk.open({ process: createSimProcess({ onCall }) });
		expect(await undoReplace(open, "/etc/table", [hashOf(bytes(NEW))], KEPT)).toBe("changed");
		expect(disk.text("/etc/table")).toBe("edited\n");
	});

	it("touches nothing that we did not leave, and says when there is no way back", async () => {
		const disk = setUp();
		const open = disk.open({ process: createSimProcess() });
		expect(await undoReplace(open, "/etc/table", [hashOf(bytes(NEW))], KEPT)).toBe("changed");
		expect(await undoReplace(open, "/etc/table", [hashOf(bytes(OLD))], KEPT)).toBe("lost");
		expect(disk.text("/etc/table")).toBe(OLD);
	});
});
