import { expect, test } from "vitest";
import { createSystemClock } from "../../src/system/clock.ts";
import { createWaker } from "../../src/system/waker.ts";

const clock = createSystemClock();
const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

test("wakes at its times until it is stopped", async () => {
	const first = countWakes();
	await first.untilWoken();
	await first.waker.stop();
	await first.waker.stop();
	const atStop = first.woken();
	const second = countWakes();
	await second.untilWoken();
	await second.waker.stop();
	expect(first.woken()).toBe(atStop);
});

function countWakes() {
	let woken = 0;
	const arrived = new AbortController();
	const waker = createWaker({
		schedules: [
			{ expression: "0 3 1 * *", timezone: "UTC" },
			{ expression: "* * * * * *", timezone: "Europe/Berlin" },
		],
		onWake: () => {
			woken += 1;
			arrived.abort();
		},
		log,
	});
	const untilWoken = async () => {
		await clock.sleep(20_000, arrived.signal);
		expect(woken).toBeGreaterThan(0);
	};
	return { waker, woken: () => woken, untilWoken };
}
