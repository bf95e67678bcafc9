import { describe, expect, it } from "vitest";
import { SimDisk } from "./sim-disk.ts";
import { createSimProcess, runUntilDeath } from "./sim-process.ts";

const NOW = () => new Date("2026-11-01T03:00:00Z");
const bytes = (text: string) => new TextEncoder().encode(text);
const all = () => 1;
const none = () => 0;

function setUp(): { disk: SimDisk; open: ReturnType<SimDisk["open"]> } {
	const disk = new SimDisk(NOW);
	disk.putDirectory("/d");
	return { disk, open: disk.open({ process: createSimProcess() }) };
}

async function write(disk: ReturnType<SimDisk["open"]>, path: string, text: string): Promise<void> {
	const file = await disk.create(path, 0o600);
	if (file === "exists") throw new Error(`${path} exists`);
	await file.write(bytes(text));
	await file.close();
}

describe("SimDisk", () => {
	it("leaves what was read of a file as it was while the file grows, here and on a copy of the disk", async () => {
		const { disk, open } = setUp();
		const add = async (view: typeof open, line: string) => {
			const file = await view.append("/d/log", 0o600);
			await file.write(bytes(line));
			await file.close();
			return view.read("/d/log", 1000);
		};
		await add(open, "one ");
		const read = await add(open, "two ");
		const copy = disk.crash();
		await add(copy.open({ process: createSimProcess() }), "there");
		await add(open, "here");
		expect(new TextDecoder().decode(read ?? undefined)).toBe("one two ");
		expect(disk.text("/d/log")).toBe("one two here");
		expect(copy.text("/d/log")).toBe("one two there");
	});

	it("keeps everything when only the process dies", async () => {
		const { disk, open } = setUp();
		await write(open, "/d/a", "content");
		expect(disk.crash().text("/d/a")).toBe("content");
	});

	it("loses a name that no syncDirectory covers, or not", async () => {
		const { disk, open } = setUp();
		await write(open, "/d/a", "content");
		expect(disk.powerLoss(none).text("/d/a")).toBeNull();
		expect(disk.powerLoss(all).text("/d/a")).not.toBeNull();
	});

	it("loses content that was not synced although the name is durable", async () => {
		const { disk, open } = setUp();
		await write(open, "/d/a", "content");
		await open.syncDirectory("/d");
		expect(disk.powerLoss(none).text("/d/a")).toBe("");
		expect(disk.powerLoss((count) => Math.min(3, count - 1)).text("/d/a")).toBe("con");
	});

	it("shows the fault of a rename before fsync", async () => {
		const { disk, open } = setUp();
		disk.put("/d/table", "old");
		await write(open, "/d/new", "new");
		await open.rename("/d/new", "/d/table");
		const survivors = [0, 1].map((rename) => disk.powerLoss((count) => (count === 2 ? rename : 0)));
		expect(survivors.map((after) => after.text("/d/table"))).toEqual(["old", ""]);
	});

	it("keeps a rename together: never both names, never none", async () => {
		const { disk, open } = setUp();
		disk.put("/d/new", "new");
		disk.put("/d/table", "old");
		await open.rename("/d/new", "/d/table");
		for (const choose of [none, all]) {
			const after = disk.powerLoss(choose);
			expect([after.text("/d/table"), after.text("/d/new")]).toEqual(
				choose === all ? ["new", null] : ["old", "new"],
			);
		}
	});

	it("loses what stands in a directory whose own name is lost", async () => {
		const { disk, open } = setUp();
		await open.makeDirectory("/d/sub", 0o700);
		const file = await open.create("/d/sub/a", 0o600);
		if (file === "exists") throw new Error("exists");
		await file.sync();
		await open.syncDirectory("/d/sub");
		expect(disk.powerLoss(none).text("/d/sub/a")).toBeNull();
		await open.syncDirectory("/d");
		expect(disk.powerLoss(none).text("/d/sub/a")).toBe("");
	});

	it("gives no durability after a failed fsync, even if the next one succeeds", async () => {
		const { disk } = setUp();
		let fails = true;
		const open = disk.open({
			process: createSimProcess(),
			fault: (call) => (call === "file.sync" && fails ? "EIO" : null),
		});
		const file = await open.create("/d/a", 0o600);
		if (file === "exists") throw new Error("exists");
		await file.write(bytes("content"));
		await expect(file.sync()).rejects.toMatchObject({ code: "disk.failed", errno: "EIO" });
		fails = false;
		await file.sync();
		await open.syncDirectory("/d");
		expect(disk.powerLoss(none).text("/d/a")).toBe("");
	});

	it("may lose an owner that was not synced", async () => {
		const { disk, open } = setUp();
		const file = await open.create("/d/a", 0o600);
		if (file === "exists") throw new Error("exists");
		await file.chown({ uid: 7, gid: 7 });
		await open.syncDirectory("/d");
		expect(await uidAfter(disk.powerLoss(none))).toBe(0);
		await file.sync();
		expect(await uidAfter(disk.powerLoss(none))).toBe(7);
	});

	it("counts hard links, follows symbolic ones, and refuses to link a mount", async () => {
		const { disk, open } = setUp();
		disk.put("/d/a", "x");
		disk.putSymlink("/d/s", "a");
		disk.put("/d/m", "y");
		disk.putMount("/d/m");
		expect(await open.link("/d/a", "/d/b")).toBe("linked");
		expect(await open.link("/d/a", "/d/b")).toBe("exists");
		expect((await open.stat("/d/s"))?.links).toBe(2);
		expect((await open.lstat("/d/s"))?.kind).toBe("symlink");
		expect(await open.realpath("/d/s")).toBe("/d/a");
		expect(await open.create("/d/s", 0o600)).toBe("exists");
		await expect(open.link("/d/m", "/d/n")).rejects.toMatchObject({ errno: "EXDEV" });
		await open.unlink("/d/a");
		expect((await open.stat("/d/b"))?.links).toBe(1);
	});

	it("lets a process die before a chosen call, after which none of its code runs", async () => {
		const disk = new SimDisk(NOW);
		disk.putDirectory("/d");
		const process = createSimProcess({ dieAt: 1 });
		const outcome = await runUntilDeath(process, write(disk.open({ process }), "/d/a", "content"));
		expect(outcome).toEqual({ kind: "died", at: "disk.file.write /d/a" });
		expect(disk.text("/d/a")).toBe("");
	});
});

async function uidAfter(disk: SimDisk): Promise<number | undefined> {
	return (await disk.open({ process: createSimProcess() }).stat("/d/a"))?.uid;
}
