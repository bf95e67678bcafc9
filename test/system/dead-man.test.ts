import { access, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Programs } from "../../src/ports/programs.ts";
import { createSystemClock } from "../../src/system/clock.ts";
import { createDetachedDeadMan, createSystemdDeadMan } from "../../src/system/dead-man.ts";
import { createSystemRandom } from "../../src/system/random.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const never = new AbortController().signal;
/** What was killed is gone a little later. */
const IN_TIME = { interval: 20, timeout: 20_000 };

/** Keeps what was run; `timers` are those that tick before. */
function recording(
	timerState: string,
	timers: readonly string[] = [],
): { programs: Programs; lines: string[] } {
	const lines: string[] = [];
	const run: Programs["run"] = async ({ argv }) => {
		lines.push(argv.join(" "));
		const own = lines.flatMap((line) => / --unit=(\S+)/.exec(line)?.slice(1) ?? []);
		const listed = [...timers, ...own.map((name) => `${name}.timer`)];
		const units = listed.map((name) => `${name} loaded active waiting keyturn recover\n`);
		return {
			status: 0,
			signal: null,
			stdout: argv.includes("list-units") ? units.join("") : `ActiveState=${timerState}\n`,
			stderr: "Failed to connect to bus",
		};
	};
	return { programs: { run }, lines };
}

test("arms a timer under a fresh name before the others are stopped, and stops no service", async () => {
	const left = "keyturn-deadman-0123456789ab.timer";
	const { programs, lines } = recording("active", [left]);
	const deadMan = createSystemdDeadMan({
		programs,
		random: createSystemRandom(),
		argv: ["/usr/bin/keyturn", "recover"],
	});
	await deadMan.arm(90_000);
	await deadMan.arm(30_500);
	await deadMan.disarm();
	expect(lines.map((line) => line.split(" ").slice(0, 2).join(" "))).toEqual([
		"/usr/bin/systemd-run --on-active=90s",
		"/usr/bin/systemctl show",
		"/usr/bin/systemctl list-units",
		"/usr/bin/systemctl stop",
		"/usr/bin/systemd-run --on-active=31s",
		"/usr/bin/systemctl show",
		"/usr/bin/systemctl list-units",
		"/usr/bin/systemctl stop",
		"/usr/bin/systemctl stop",
	]);
	// A door that failed before has left its own; only the one that was just armed goes on.
	const [first = ""] = / --unit=(\S+)/.exec(lines[0] ?? "")?.slice(1) ?? [];
	expect(lines[3]).toBe(`/usr/bin/systemctl stop -- ${left}`);
	expect(lines[7]).toBe(`/usr/bin/systemctl stop -- ${left} ${first}.timer`);
	// What fails is run again, but not for ever.
	expect(lines[0]).toContain(
		"--property=Restart=on-failure --property=RestartSec=10s --property=StartLimitIntervalSec=1d --property=StartLimitBurst=100 ",
	);
	// Else systemd would let it wait for up to a minute more.
	expect(lines[0]).toContain(" --timer-property=AccuracySec=1s ");
	// As the door's own unit.
	expect(lines[0]).toContain(
		"--property=KillMode=mixed --property=TimeoutStopSec=180 --property=UMask=0077 --property=LimitCORE=0 ",
	);
	expect(lines[0]).toMatch(/ --unit=keyturn-deadman-[0-9a-f]{12} .* -- \/usr\/bin\/keyturn recover$/);
	expect(
		lines.filter((line) => line.includes("systemctl stop")).every((line) => line.endsWith(".timer")),
	).toBe(true);
});

test("a timer that does not run is a failure before anything is stopped", async () => {
	const { programs } = recording("inactive");
	const deadMan = createSystemdDeadMan({ programs, random: createSystemRandom(), argv: ["/bin/true"] });
	await expect(deadMan.arm(90_000)).rejects.toMatchObject({
		code: "service.failed",
		message: expect.stringContaining("Failed to connect to bus"),
	});
});

test("without systemd a detached child acts, unless it was disarmed", async () => {
	const directory = await temporaryDirectory();
	const disarmed = createDetachedDeadMan(["/usr/bin/touch", join(directory, "disarmed")]);
	// The one that is left acts later than this one would have.
	await disarmed.arm(1_000);
	await disarmed.disarm();
	await disarmed.disarm();
	const left = createDetachedDeadMan(["/usr/bin/touch", join(directory, "left alone")]);
	await left.arm(1_000);
	expect(await appears(join(directory, "left alone"))).toBe(true);
	await expect(access(join(directory, "disarmed"))).rejects.toThrow("ENOENT");
});

test("without systemd one that another process armed for the same is ended", async () => {
	const directory = await temporaryDirectory();
	const argv = ["/bin/sh", "-c", `cd ${directory}; touch ran; exit 1`] as const;
	const before = createDetachedDeadMan(argv);
	const another = createDetachedDeadMan(["/bin/true", directory]);
	await another.arm(3_600_000);
	for (let armed = 1; armed <= 3; armed += 1) await createDetachedDeadMan(argv).arm(3_600_000);
	try {
		await expect
			.poll(async () => watching(directory), IN_TIME)
			.toEqual([argv.join(" "), `/bin/true ${directory}`]);
		await before.disarm();
		await expect.poll(async () => watching(directory), IN_TIME).toEqual([`/bin/true ${directory}`]);
	} finally {
		for (const deadMan of [before, another]) await deadMan.disarm();
	}
});

/** What is waited for, of all that names the directory; sorted. */
async function watching(directory: string): Promise<readonly string[]> {
	const found: string[] = [];
	for (const pid of await readdir("/proc")) {
		const words = (await readFile(join("/proc", pid, "cmdline"), "utf8").catch(() => "")).split("\0");
		const from = words.lastIndexOf("--");
		if (words.join(" ").includes(directory)) found.push(words.slice(from + 4, -1).join(" "));
	}
	return found.toSorted();
}

/** Notes that it ran, and fails until it has done so this often; then it says that it succeeded. */
async function failingUntil(runs: number) {
	const directory = await temporaryDirectory();
	const script = `echo run >> runs; test "$(wc -l < runs)" -ge ${runs} && touch succeeded`;
	return {
		argv: ["/bin/sh", "-c", `cd ${directory}; ${script}`] as const,
		succeeded: join(directory, "succeeded"),
		runs: async () => (await readFile(join(directory, "runs"), "utf8")).trim().split("\n").length,
	};
}

test("without systemd what failed is run again until it succeeds", async () => {
	const { argv, succeeded, runs } = await failingUntil(3);
	await createDetachedDeadMan(argv, { againMs: 1 }).arm(1);
	expect(await appears(succeeded)).toBe(true);
	expect(await runs()).toBe(3);
});

test("without systemd what goes on failing is not run for ever", async () => {
	const { argv, succeeded, runs } = await failingUntil(4);
	const last = await failingUntil(1);
	await createDetachedDeadMan(argv, { againMs: 1, tries: 3 }).arm(1);
	const deadline = createSystemClock().deadline(20_000, never);
	const isWatched = async () => (await runs().catch(() => 0)) < 3;
	while ((await isWatched()) && !deadline.aborted) await createSystemClock().sleep(20, deadline);
	// Another is run from beginning to end meanwhile.
	await createDetachedDeadMan(last.argv).arm(1);
	expect(await appears(last.succeeded)).toBe(true);
	expect(await runs()).toBe(3);
	await expect(access(succeeded)).rejects.toThrow("ENOENT");
});

/** Whether a file is there in time. */
async function appears(path: string): Promise<boolean> {
	const clock = createSystemClock();
	const deadline = clock.deadline(20_000, never);
	const isThere = () =>
		access(path).then(
			() => true,
			() => false,
		);
	while (!(await isThere()) && !deadline.aborted) await clock.sleep(20, deadline);
	return isThere();
}
