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

test("has the hours of the time zone that they are of", async () => {
	const hourIn = (timeZone: string): number =>
		Number(new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit" }).format());
	// Or the next, which may begin meanwhile.
	const hours = [0, 1].map((more) => (hourIn("Asia/Tokyo") + more) % 24);
	const inTokyo = countWakes({ expression: `* * ${hours.join()} * * *`, timezone: "Asia/Tokyo" });
	const inUtc = countWakes({ expression: `* * ${hours.join()} * * *`, timezone: "UTC" });
	await inTokyo.untilWoken();
	expect(inUtc.woken()).toBe(0);
	for (const { waker } of [inTokyo, inUtc]) await waker.stop();
});

function countWakes(often = { expression: "* * * * * *", timezone: "Europe/Berlin" }) {
	let woken = 0;
	const arrived = new AbortController();
	const waker = createWaker({
		schedules: [{ expression: "0 3 1 * *", timezone: "UTC" }, often],
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
