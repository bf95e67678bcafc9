/** The queue of Postfix as its programs print it. Pure. */

import type { InspectedQueue } from "../ports/door.ts";

const MESSAGES_TOLD = 100;
const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** A period as Postfix writes it; without a unit this one is in days (postconf(5), maximal_queue_lifetime). */
export function parsePeriod(text: string): number | null {
	const match = /^(\d{1,9})([smhdw]?)$/.exec(text);
	if (match === null) return null;
	const [, count = "", unit = ""] = match;
	return Number(count) * (UNIT_SECONDS[unit === "" ? "d" : unit] ?? 0);
}

/** A line of JSON for each message (postqueue(1), -j), in no order of time. */
export function parseQueue(text: string): Pick<InspectedQueue, "waiting" | "isComplete"> {
	const lines = text.split("\n").filter((line) => line !== "");
	const read = lines.map(parseMessage);
	const waiting = read.flatMap((message) =>
		message === null || message.isHeld ? [] : [{ id: message.id, arrivedAt: message.arrivedAt }],
	);
	return {
		waiting: oldest(waiting),
		isComplete: !read.includes(null),
	};
}

/** Null for a line that was cut, or is not what it should be. */
function parseMessage(
	line: string,
): { readonly id: string; readonly arrivedAt: string; readonly isHeld: boolean } | null {
	let message: unknown;
	try {
		message = JSON.parse(line);
	} catch {
		return null;
	}
	if (typeof message !== "object" || message === null) return null;
	const { queue_id: id, queue_name: name, arrival_time: seconds } = message as Record<string, unknown>;
	if (typeof id !== "string" || !/^[A-Za-z0-9]{1,64}$/.test(id)) return null;
	if (typeof seconds !== "number" || !Number.isInteger(seconds) || seconds < 0 || seconds > LATEST_SECONDS)
		return null;
	return { id, arrivedAt: new Date(seconds * 1000).toISOString(), isHeld: name === "hold" };
}

/** The last moment of the year 9999. */
const LATEST_SECONDS = 253_402_300_799;

/** Those of several instances as one. */
export function joinQueues(queues: readonly InspectedQueue[]): InspectedQueue {
	return {
		lifetimeSeconds: Math.max(...queues.map(({ lifetimeSeconds }) => lifetimeSeconds)),
		waiting: oldest(queues.flatMap(({ waiting }) => waiting)),
		isComplete: queues.every(({ isComplete }) => isComplete),
	};
}

function oldest(messages: InspectedQueue["waiting"]): InspectedQueue["waiting"] {
	return messages
		.toSorted((one, other) => (one.arrivedAt < other.arrivedAt ? -1 : 1))
		.slice(0, MESSAGES_TOLD);
}
