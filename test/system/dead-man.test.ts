import { access } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Programs } from "../../src/ports/programs.ts";
import { createSystemClock } from "../../src/system/clock.ts";
import { createDetachedDeadMan, createSystemdDeadMan } from "../../src/system/dead-man.ts";
import { createSystemRandom } from "../../src/system/random.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const never = new AbortController().signal;

/** Answers every program alike and keeps what was run. */
function recording(timerState: string): { programs: Programs; lines: string[] } {
	const lines: string[] = [];
	const run: Programs["run"] = async ({ argv }) => {
		lines.push(argv.join(" "));
		return {
			status: 0,
			signal: null,
			stdout: `ActiveState=${timerState}\n`,
			stderr: "Failed to connect to bus",
		};
	};
	return { programs: { run }, lines };
}

test("arms a timer under a fresh name before the old one is stopped, and stops no service", async () => {
	const { programs, lines } = recording("active");
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
		"/usr/bin/systemd-run --on-active=31s",
		"/usr/bin/systemctl show",
		"/usr/bin/systemctl stop",
		"/usr/bin/systemctl stop",
	]);
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
	const clock = createSystemClock();
	const directory = await temporaryDirectory();
	const disarmed = createDetachedDeadMan(["/usr/bin/touch", join(directory, "disarmed")]);
	await disarmed.arm(1);
	await disarmed.disarm();
	await disarmed.disarm();
	const left = createDetachedDeadMan(["/usr/bin/touch", join(directory, "left alone")]);
	await left.arm(1);
	const deadline = clock.deadline(20_000, never);
	const acted = () =>
		access(join(directory, "left alone")).then(
			() => true,
			() => false,
		);
	while (!(await acted()) && !deadline.aborted) await clock.sleep(20, deadline);
	expect(await acted()).toBe(true);
	await expect(access(join(directory, "disarmed"))).rejects.toThrow("ENOENT");
});
