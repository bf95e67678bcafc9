/** A slice of what `npm run crash-test` does to every system call of a turn; which calls it holds shifts with the turn. */

import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { callsOf, nameOf } from "../../crash/calls/call.ts";
import { isImageLeftOut } from "../../crash/calls/image.ts";
import { select, selectionOf } from "../../crash/calls/selection.ts";
import { strikeCalls } from "../../crash/calls/strikes.ts";
import { makeDirectory, removeDirectory } from "../program.ts";
import { mayRun } from "./cli-host.ts";

const EVERY = { shard: 1, shards: 1, isChangingOnly: false, only: null, from: 1, held: new Set<string>() };

describe.skipIf(!mayRun)("a turn struck in a system call", () => {
	test.each([
		["kill", { shard: 29, shards: 59, isChangingOnly: true }],
		["fail", { shard: 100, shards: 170, isChangingOnly: false }],
	] as const)("%s: one in so many of its calls", { timeout: 900_000 }, async (kind, slice) => {
		const { faults, struck } = await strikeCalls(kind, { ...EVERY, ...slice });
		expect(faults).toEqual([]);
		expect(struck).toBeGreaterThan(2);
	});

	/** Broken once, each. */
	test("fail: those that were not told well", { timeout: 900_000 }, async () => {
		const only = [
			"error=EACCES agent: statx 1 keyturn/state/lock",
			"error=EACCES agent: statx 2 keyturn/state/lock",
		];
		const { faults, struck } = await strikeCalls("fail", { ...EVERY, only });
		expect(faults).toEqual([]);
		expect(struck).toBe(only.length);
	});

	test.skipIf(isImageLeftOut)(
		"power: one in so many of its syncs and renames",
		{ timeout: 900_000 },
		async () => {
			const { faults, struck } = await strikeCalls("power", { ...EVERY, shard: 40, shards: 55 });
			expect(faults).toEqual([]);
			expect(struck).toBeGreaterThan(1);
		},
	);
});

describe("the calls of a process, read from its trace", () => {
	const LOG = `7 openat(AT_FDCWD</>, "/usr/lib/x", O_RDONLY) = 3</usr/lib/x>
7 write(5<pipe:[1]>, "*", 1) = 1
8 openat(AT_FDCWD</>, "/host/state/.a.keyturn-new", O_WRONLY|O_CREAT|O_EXCL, 0600) = 4</host/state/.a.keyturn-new>
8 fsync(4</host/state/.a.keyturn-new> <unfinished ...>
7 write(5<pipe:[1]>, "*", 1) = 1
8 <... fsync resumed>) = 0
8 rename("/host/state/.a.keyturn-new", "/host/state/a") = 0
7 clone(child_stack=NULL, flags=SIGCHLD) = 9
9 setsid() = 9
7 write(6<socket:[2]>, "{\\"path\\":\\"/etc/passwd\\"}", 24) = 24
8 fsync(4</host/state>) = 0
8 fsync(4</host/state>) = 0
`;

	test("each has a name, from the first that touches the host; waking oneself and children to be are none", () => {
		const calls = callsOf("door 3", LOG, "/host");
		expect(calls.map((call) => `${call.changes ? "changes" : "looks"} ${nameOf(call, "/host")}`)).toEqual([
			"changes door 3: openat 1 state/.a.keyturn-new",
			"changes door 3: fsync 1 state/.a.keyturn-new",
			"changes door 3: rename 1 state/.a.keyturn-new",
			"changes door 3: clone 1",
			"changes door 3: write 3",
			"changes door 3: fsync 1 state",
			"changes door 3: fsync 2 state",
		]);
	});

	test("shards take every call once", () => {
		const calls = callsOf("agent", LOG, "/host").map((call) => ({ call, name: nameOf(call, "/host") }));
		const taken = [1, 2, 3].flatMap((shard) => select(calls, selectionOf({ KEYTURN_SHARD: `${shard}/3` })));
		expect(taken.map(({ name }) => name).toSorted()).toEqual(calls.map(({ name }) => name).toSorted());
		expect(select(calls, selectionOf({ KEYTURN_STRIKE: "agent: clone 1" }))).toHaveLength(1);
		expect(() => selectionOf({ KEYTURN_SHARD: "4/3" })).toThrow("something like 2/8");
	});

	test("what held in an earlier run is passed over, what broke or was not reached is not", async () => {
		const calls = callsOf("agent", LOG, "/host").map((call) => ({ call, name: nameOf(call, "/host") }));
		const [first, second, third] = calls.map(({ name }) => name);
		const log = join(await makeDirectory("strikes"), "first.log");
		await writeFile(
			log,
			`\u001b[39mkill 1/9 holds (2 remainders, 3.5 s): ${first}\nkill 2/9 broken (2 remainders, 3.5 s): ${second}\nfail 3/9 not reached (2 remainders, 3.5 s): ${third}\n`,
		);
		const left = select(calls, selectionOf({ KEYTURN_HELD: `${log}:${log}` }));
		expect(left.map(({ name }) => name)).toEqual(calls.slice(1).map(({ name }) => name));
		await removeDirectory(dirname(log));
	});
});
