/** Wakes the agent at the times of its schedules. Only a hint: what is due follows from state and time alone. */

import { schedule } from "node-cron";
import type { Log } from "../ports/log.ts";

export interface WakerOptions {
	readonly schedules: readonly { readonly expression: string; readonly timezone: string }[];
	/** Also called for a time that was slept through; more often than needed does no harm. */
	readonly onWake: () => void;
	readonly log: Log;
}

export interface Waker {
	/** Can be repeated. */
	stop(): Promise<void>;
}

/** A beat this late still counts as the beat itself; a later one comes as a missed one. */
const TOLERANCE_MS = 60_000;

export function createWaker({ schedules, onWake, log }: WakerOptions): Waker {
	const tasks = schedules.map(({ expression, timezone }) => {
		const task = schedule(expression, onWake, {
			timezone,
			name: `${expression} ${timezone}`,
			missedExecutionTolerance: TOLERANCE_MS,
			suppressMissedWarning: true,
			logger: quietLogger(log),
		});
		task.on("execution:missed", onWake);
		return task;
	});
	return {
		stop: async () => {
			for (const task of tasks.splice(0)) await task.destroy();
		},
	};
}

/** node-cron writes to the console otherwise. */
function quietLogger(log: Log) {
	const tell = (message: string | Error) => log.debug("schedule", { detail: String(message) });
	return { info: tell, warn: tell, error: tell, debug: tell };
}
