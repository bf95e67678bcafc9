/** The machine's time, so that nothing else in the agent asks for it. */

import { setMaxListeners } from "node:events";
import { readFileSync } from "node:fs";
import { uptime } from "node:os";
import type { Clock } from "../ports/clock.ts";

/** Node's timers fire at once when asked for more (2^31 ms). */
const LONGEST_TIMER_MS = 2_147_483_647;

export function createSystemClock(): Clock {
	const bootId = readBootId();
	return {
		now: () => new Date(),
		uptimeMs: () => Number(process.hrtime.bigint() / 1_000_000n),
		// CLOCK_BOOTTIME, where hrtime is CLOCK_MONOTONIC.
		bootMs: () => Math.round(uptime() * 1000),
		bootId: () => bootId,
		sleep,
		deadline,
	};
}

/** random(4), /proc/sys/kernel/random/boot_id. */
function readBootId(): string | null {
	try {
		return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
	} catch {
		return null;
	}
}

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
	let left = ms;
	while (left > 0 && !signal.aborted) {
		const part = Math.min(left, LONGEST_TIMER_MS);
		await sleepOnce(part, signal);
		left -= part;
	}
}

function sleepOnce(ms: number, signal: AbortSignal): Promise<void> {
	return new Promise((resolve) => {
		const end = () => {
			clearTimeout(timer);
			signal.removeEventListener("abort", end);
			resolve();
		};
		const timer = setTimeout(end, ms);
		signal.addEventListener("abort", end, { once: true });
	});
}

/** Made by hand: AbortSignal.any over AbortSignal.timeout may be collected before it fires in Node 20. */
function deadline(ms: number, signal: AbortSignal): AbortSignal {
	const controller = new AbortController();
	const end = () => {
		clearTimeout(timer);
		signal.removeEventListener("abort", end);
		controller.abort(signal.aborted ? signal.reason : new Error(`the deadline of ${ms} ms has passed`));
	};
	const timer = setTimeout(end, Math.min(Math.max(ms, 0), LONGEST_TIMER_MS));
	timer.unref();
	// Many requests under one signal are no leak: each listener goes with its deadline.
	setMaxListeners(0, signal);
	signal.addEventListener("abort", end, { once: true });
	if (signal.aborted) end();
	return controller.signal;
}
