import { spawnSync } from "node:child_process";
import { chown } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { fullHostName, systemTimezone } from "../../src/system/identity.ts";
import { SimDisk } from "../fakes/sim-disk.ts";
import { createSimProcess } from "../fakes/sim-process.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

interface Seen {
	readonly dropped: unknown;
	readonly groups: unknown;
	readonly file: unknown;
	readonly asItself: string;
	readonly asRoot: string;
	readonly asOther: string;
}

function dropIn(directory: string): Seen {
	const script = join(import.meta.dirname, "dropped-root.ts");
	const child = spawnSync(process.execPath, ["--import", "tsx", script, directory], { encoding: "utf8" });
	expect(child.stderr.replace(/^npm warn.*$/m, "")).toBe("");
	return JSON.parse(child.stdout) as Seen;
}

test("root goes on as the owner of the state; only a program that needs it is root again", async (context) => {
	if (process.getuid?.() !== 0) context.skip("only root may become others");
	const directory = await temporaryDirectory();
	await chown(directory, 23_456, 23_457);
	const seen = dropIn(directory);
	expect(seen.dropped).toEqual({ uid: 23_456, gid: 23_457 });
	expect(seen.groups).toEqual([23_457]);
	expect(seen.file).toMatchObject({ uid: 23_456, gid: 23_457, mode: 0o600 });
	expect(seen.asItself).toMatch(/^Uid:\t23456\t23456\t23456\t23456$/m);
	expect(seen.asItself).toMatch(/^Gid:\t23457\t23457\t23457\t23457$/m);
	expect(seen.asItself).toMatch(/^CapPrm:\t0+$/m);
	expect(seen.asRoot).toMatch(/^Uid:\t0\t0\t0\t0$/m);
	expect(seen.asRoot).toMatch(/^Groups:\t0? *$/m);
	expect(seen.asOther).toMatch(/^Uid:\t65534\t65534\t65534\t65534$/m);
});

test("a state directory of root's leaves root as it is", async (context) => {
	if (process.getuid?.() !== 0) context.skip("only root may become others");
	const seen = dropIn(await temporaryDirectory());
	expect(seen.dropped).toBeNull();
	expect(seen.asItself).toMatch(/^Uid:\t0\t0\t0\t0$/m);
});

test.each([
	["Mail.A.example", "127.0.1.1 mail.b.example mail\n", "mail.a.example"],
	["mail", "127.0.0.1 localhost\n127.0.1.1\tMail.a.example mail # mail.c.example\n", "mail.a.example"],
	["mail", "# 192.0.2.1 mail.b.example\n192.0.2.2 mail2.c.example\n", "mail"],
	["mail", null, "mail"],
] as const)("a host called %s, with hosts %j, is %s", async (own, hosts, name) => {
	const disk = new SimDisk(() => new Date("2026-11-01T03:00:00Z"));
	disk.putDirectory("/etc");
	if (hosts !== null) disk.put("/etc/hosts", hosts);
	expect(await fullHostName(disk.open({ process: createSimProcess() }), own)).toBe(name);
});

test("the time zone is TZ's, or /etc/timezone's, or UTC; nonsense is passed over", async () => {
	const before = process.env["TZ"];
	onTestFinished(() => {
		if (before === undefined) delete process.env["TZ"];
		else process.env["TZ"] = before;
	});
	const zoneWith = (timezone: string | null) => {
		const disk = new SimDisk(() => new Date("2026-11-01T03:00:00Z"));
		disk.putDirectory("/etc");
		if (timezone !== null) disk.put("/etc/timezone", timezone);
		return systemTimezone(disk.open({ process: createSimProcess() }));
	};
	process.env["TZ"] = "Asia/Tokyo";
	expect(await zoneWith("Europe/Berlin\n")).toBe("Asia/Tokyo");
	process.env["TZ"] = "Nowhere/Else";
	expect(await zoneWith("Europe/Berlin\n")).toBe("Europe/Berlin");
	delete process.env["TZ"];
	expect(await zoneWith("nonsense\n")).toBe("UTC");
	expect(await zoneWith(null)).toBe("UTC");
});

test("/etc/timezone may be a directory, as Docker makes one where a container mounts what is not there", async () => {
	const disk = new SimDisk(() => new Date("2026-11-01T03:00:00Z"));
	disk.put("/usr/share/zoneinfo/Europe/Berlin", "TZif");
	disk.putDirectory("/etc/timezone");
	const before = process.env["TZ"];
	onTestFinished(() => {
		if (before !== undefined) process.env["TZ"] = before;
	});
	delete process.env["TZ"];
	disk.putSymlink("/etc/localtime", "/usr/share/zoneinfo/Europe/Berlin");
	expect(await systemTimezone(disk.open({ process: createSimProcess() }))).toBe("Europe/Berlin");
});
