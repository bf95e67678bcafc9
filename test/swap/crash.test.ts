import { describe, expect, it } from "vitest";
import type { Disk } from "../../src/ports/disk.ts";
import { SwapHost } from "../fakes/swap-host.ts";
import { ID, scenarioNamed, tryCalls, turn } from "./crashes.ts";

/** Every call of every scenario is tried in test/crash/door-crash.test.ts. */
const EVERY = 7;

describe("a crash at some of the calls", () => {
	it.each([
		"turn by restart",
		"turn by reload",
		"add by restart",
		"remove by restart",
		"remove by reload from a signer that does not reload",
		"turn by restart with one bad key",
	])("%s", { timeout: 60_000 }, async (name) => {
		for (const kind of ["death", "power"] as const) {
			const { faults, deaths } = await tryCalls(scenarioNamed(name), {
				kind,
				every: EVERY,
				from: name.length % EVERY,
			});
			expect(faults).toEqual([]);
			expect(deaths).toBeGreaterThan(15);
		}
	});
});

describe("a crash after which somebody starts by hand what is down", () => {
	it.each([
		"turn by restart with one bad key",
		"add and turn by restart, the added key bad",
		"turn by restart that the signer does not survive",
	])("%s", { timeout: 60_000 }, async (name) => {
		const { faults, deaths } = await tryCalls(scenarioNamed(name), { kind: "hands", every: EVERY, from: 90 });
		expect(faults).toEqual([]);
		expect(deaths).toBeGreaterThan(10);
	});
});

/** A door that is built wrongly has to be found out, or these tests say nothing. */
describe("a planted fault is seen", () => {
	it("a rename before the file is synced", { timeout: 120_000 }, async () => {
		const wrapDisk = (disk: Disk): Disk => ({
			...disk,
			create: async (path, mode) => {
				const file = await disk.create(path, mode);
				return file === "exists" ? file : { ...file, sync: async () => {} };
			},
		});
		const options = { kind: "power", from: 100, seeds: 4, door: { wrapDisk }, isFirstEnough: true } as const;
		expect((await tryCalls(scenarioNamed("turn by restart"), options)).faults).not.toEqual([]);
	});

	it("a rename whose directory is never synced", { timeout: 120_000 }, async () => {
		const wrapDisk = (disk: Disk): Disk => ({
			...disk,
			syncDirectory: async (path) => (path === "/etc/main" ? undefined : disk.syncDirectory(path)),
		});
		const options = { kind: "power", from: 100, seeds: 4, door: { wrapDisk }, isFirstEnough: true } as const;
		expect((await tryCalls(scenarioNamed("add by restart"), options)).faults).not.toEqual([]);
	});

	it("a key written over the one in use", async () => {
		const redirect = (path: string) => path.replace(/new\.private$/, "old.private");
		const host = new SwapHost({ swap: "restart" });
		host.look();
		const wrapDisk = (disk: Disk): Disk => ({
			...disk,
			lstat: async (path) => (path.endsWith("new.private") ? null : disk.lstat(path)),
			create: async (path, mode) => {
				if (path.endsWith("new.private")) await disk.unlink(redirect(path));
				return disk.create(redirect(path), mode);
			},
		});
		await host.switchKeys(host.door({ wrapDisk }), ID, turn(host));
		expect([...host.violations].join()).toMatch(/was written over|no complete key/);
	});
});
