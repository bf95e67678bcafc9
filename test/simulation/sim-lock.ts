/** The kernel's lock on a path: one holder among all simulated processes, let go by its death. */

import type { HeldLock, TakeLock } from "../../src/ports/lock.ts";
import type { Running } from "./scheduler.ts";
import type { SimTime } from "./sim-time.ts";

export interface SimLocks {
	takerFor(running: Running): TakeLock;
	holder(path: string): Running | null;
}

export function createSimLocks(time: SimTime): SimLocks {
	const holders = new Map<string, Running>();
	const waiting = new Map<string, (() => void)[]>();

	const letGo = (path: string, running: Running) => {
		if (holders.get(path) !== running) return;
		holders.delete(path);
		const takers = waiting.get(path) ?? [];
		waiting.delete(path);
		for (const wake of takers) wake();
	};

	const hold = (path: string, running: Running): HeldLock => {
		holders.set(path, running);
		running.onEnd(() => letGo(path, running));
		return { release: async () => letGo(path, running) };
	};

	return {
		holder: (path) => holders.get(path) ?? null,
		takerFor: (running) => async (path, waitMs, signal) => {
			await running.process.before(`lock ${path}`);
			const untilMs = time.elapsedMs() + waitMs;
			while (holders.has(path)) {
				if (time.elapsedMs() >= untilMs || signal.aborted) return "held";
				await new Promise<void>((resolve) => {
					const wake = () => {
						cancel();
						signal.removeEventListener("abort", wake);
						if (running.isAlive()) resolve();
					};
					const cancel = time.after(untilMs - time.elapsedMs(), wake);
					signal.addEventListener("abort", wake, { once: true });
					waiting.set(path, [...(waiting.get(path) ?? []), wake]);
				});
			}
			// It may have died between being woken and going on.
			if (!running.isAlive()) return new Promise(() => {});
			return hold(path, running);
		},
	};
}
