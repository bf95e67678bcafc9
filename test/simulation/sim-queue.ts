/** Signed mail that stays in the mail server's queue for long; what leaves in time is not kept apart. */

import type { InspectedQueue } from "../../src/ports/door.ts";

export interface QueuedMail {
	readonly id: string;
	readonly domain: string;
	readonly selector: string;
	readonly publicKey: string;
	/** When it came, by the host's clock. */
	readonly arrivedAt: Date;
	readonly leavesMs: number;
}

/** Not only those of one key: whoever asks is told of all. */
const TOLD = 100;

export function waitingIn(queue: readonly QueuedMail[], nowMs: number): readonly QueuedMail[] {
	return queue.filter(({ leavesMs }) => leavesMs > nowMs);
}

/** As `postqueue -j` tells it. */
export function toInspected(queue: readonly QueuedMail[], lifetimeMs: number, nowMs: number): InspectedQueue {
	const waiting = waitingIn(queue, nowMs)
		.toSorted((one, other) => one.arrivedAt.getTime() - other.arrivedAt.getTime())
		.map(({ id, arrivedAt }) => ({ id, arrivedAt: arrivedAt.toISOString() }));
	return {
		lifetimeSeconds: lifetimeMs / 1000,
		waiting: waiting.slice(0, TOLD),
		isComplete: waiting.length <= TOLD,
	};
}
