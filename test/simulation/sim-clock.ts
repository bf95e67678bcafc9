/** The Clock port of one simulated process. */

import { setMaxListeners } from "node:events";
import type { Clock } from "../../src/ports/clock.ts";
import type { SimProcess } from "../fakes/sim-process.ts";
import type { SimTime } from "./sim-time.ts";

export function createSimClock(time: SimTime, process: SimProcess, bootedMs: () => number): Clock {
	return {
		now: () => time.wall(),
		uptimeMs: () => time.awakeMs() - bootedMs(),
		bootMs: () => time.elapsedMs() - bootedMs(),
		bootId: () => String(bootedMs()),
		sleep: (ms, signal) =>
			new Promise((resolve) => {
				if (process.isDead()) return;
				setMaxListeners(0, signal);
				if (signal.aborted) {
					resolve();
					return;
				}
				const wake = () => {
					signal.removeEventListener("abort", wake);
					cancel();
					if (!process.isDead()) resolve();
				};
				const cancel = time.after(ms, wake);
				signal.addEventListener("abort", wake, { once: true });
			}),
		deadline: (ms, signal) => {
			const controller = new AbortController();
			setMaxListeners(0, signal, controller.signal);
			if (signal.aborted) controller.abort(signal.reason);
			const follow = () => {
				cancel();
				if (!process.isDead()) controller.abort(signal.reason);
			};
			const cancel = time.after(ms, () => {
				signal.removeEventListener("abort", follow);
				if (!process.isDead()) controller.abort(new Error(`deadline of ${ms} ms`));
			});
			signal.addEventListener("abort", follow, { once: true });
			return controller.signal;
		},
	};
}
