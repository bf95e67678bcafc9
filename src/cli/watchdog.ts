/** Vouches for the daemon while it gets on: a tick that hangs is vouched for no more, and the service manager ends it. */

import type { Workbench } from "./workbench.ts";

/**
 * Three times within the manager's patience, as long as something came to an end within half of it: what ends within
 * three quarters of it is never taken for a hang, and what does not end is found out within one and a half of it.
 */
export async function keepWatchdog(bench: Workbench, signal: AbortSignal): Promise<void> {
	const patienceMs = bench.watchdog.patienceMs;
	if (patienceMs === null) return;
	while (!signal.aborted) {
		if (bench.watchdog.silentMs() < patienceMs / 2) await bench.notify(["WATCHDOG=1"]);
		await bench.clock.sleep(patienceMs / 3, signal);
	}
}
