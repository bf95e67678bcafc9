import { describe, expect, test } from "vitest";
import { createZoneCopies } from "../../src/system/zone-copies.ts";
import { SimDisk } from "../fakes/sim-disk.ts";
import { createSimProcess } from "../fakes/sim-process.ts";
import { createSleepingClock } from "../fakes/sleeping-clock.ts";

const DIRECTORY = "/state/zone-copies";
const signal = new AbortController().signal;

function setUp(fault: () => string | null = () => null) {
	const disk = new SimDisk(() => new Date(0));
	disk.putDirectory("/state");
	const clock = createSleepingClock("2026-11-26T10:00:00Z");
	const view = disk.open({ process: createSimProcess(), fault });
	return { disk, clock, copies: createZoneCopies({ disk: view, clock, directory: DIRECTORY }) };
}

describe("copies of zones", () => {
	test("are files that only their owner reads, with what stood there", async () => {
		const { disk, copies } = setUp();
		const path = await copies.keep("cheap", "example.test", { hosts: ["a"] });
		expect(path).toBe(`${DIRECTORY}/example.test_cheap_2026-11-26T100000.000Z-000.json`);
		expect(JSON.parse(disk.text(path) ?? "")).toEqual({ hosts: ["a"] });
		const modes = disk.all().filter((one) => one.path.startsWith(DIRECTORY));
		expect(modes.map(({ stat }) => stat.mode)).toEqual([0o700, 0o600]);
	});

	test("are the last twenty of a zone, two of one moment among them, and no other zone loses any", async () => {
		const { disk, clock, copies } = setUp();
		await copies.keep("cheap", "other.test", 0);
		for (let number = 1; number <= 25; number += 1) {
			await copies.keep("cheap", "example.test", number);
			if (number % 2 === 0) await clock.sleep(1_000, signal);
		}
		const paths = disk.all().flatMap(({ path }) => (path.endsWith(".json") ? [path] : []));
		const own = paths.filter((path) => path.includes("example.test"));
		expect(own.map((path) => JSON.parse(disk.text(path) ?? "") as number)).toEqual(
			Array.from({ length: 20 }, (_, index) => index + 6),
		);
		expect(paths).toHaveLength(21);
	});

	test("are kept at least until the next, by a clock that was ahead and is right again, too", async () => {
		const { disk, clock, copies } = setUp();
		for (let number = 1; number <= 20; number += 1) await copies.keep("cheap", "example.test", number);
		const right = { ...clock, now: () => new Date("2025-11-26T10:00:00Z") };
		const view = disk.open({ process: createSimProcess() });
		const now = createZoneCopies({ disk: view, clock: right, directory: DIRECTORY });
		for (let number = 21; number <= 22; number += 1) {
			const path = await now.keep("cheap", "example.test", number);
			expect(JSON.parse(disk.text(path) ?? "null")).toBe(number);
		}
		expect(disk.all().filter(({ path }) => path.endsWith(".json"))).toHaveLength(20);
	});

	test("that cannot be kept forbid the write", async () => {
		const { copies } = setUp(() => "ENOSPC");
		await expect(copies.keep("cheap", "example.test", {})).rejects.toMatchObject({
			code: "provider.refused",
			message: expect.stringContaining("example.test is not written"),
		});
	});
});
