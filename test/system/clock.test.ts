import { expect, test } from "vitest";
import { createSystemClock } from "../../src/system/clock.ts";

const clock = createSystemClock();
const never = new AbortController().signal;

test("uptime grows by about the time slept", async () => {
	const before = clock.uptimeMs();
	await clock.sleep(30, never);
	expect(clock.uptimeMs() - before).toBeGreaterThanOrEqual(29);
});

test("sleep ends at once when its signal aborts, before or meanwhile", async () => {
	const controller = new AbortController();
	const before = clock.uptimeMs();
	const slept = clock.sleep(60_000, controller.signal);
	controller.abort();
	await slept;
	await clock.sleep(60_000, controller.signal);
	expect(clock.uptimeMs() - before).toBeLessThan(5_000);
});

test("a sleep of a month does not end at once", async () => {
	const controller = new AbortController();
	let ended = false;
	const slept = clock.sleep(31 * 86_400_000, controller.signal).then(() => {
		ended = true;
	});
	await clock.sleep(20, never);
	expect(ended).toBe(false);
	controller.abort();
	await slept;
});

test("a deadline aborts when its time has passed, and with its parent's reason when that aborts", async () => {
	const passed = clock.deadline(10, never);
	await clock.sleep(5_000, passed);
	expect(passed.aborted).toBe(true);

	const parent = new AbortController();
	const bound = clock.deadline(60_000, parent.signal);
	expect(bound.aborted).toBe(false);
	parent.abort("why");
	expect(bound.reason).toBe("why");
	expect(clock.deadline(60_000, parent.signal).aborted).toBe(true);
});
