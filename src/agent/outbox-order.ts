/** Says which of the events that wait for somebody are tried, and when. */

import type { AlertSink, KeyturnEvent } from "../ports/alert-sink.ts";
import type { HostState, Undelivered } from "./host-state.ts";

/** After so many failures in a row it may be this one event that is not taken: what is behind it is tried, too. */
export const FAILURES_OF_ONE = 3;

/** What waits for one sink, each in its order. */
export interface Waiting {
	/** Failed so often that each is tried at its own moment. */
	readonly stuck: readonly Undelivered[];
	/** All are tried when the first is. */
	readonly live: readonly Undelivered[];
}

/** Later tellings of a trouble wait for an earlier one, so that its end never comes before its start; hooks keep the order of all. */
export function waitingFor(
	{ name, hook }: Pick<AlertSink, "name" | "hook">,
	outbox: HostState["outbox"],
): Waiting {
	const waiting = outbox.filter((entry) => entry.sink === name);
	if (hook !== undefined) return { stuck: [], live: waiting };
	const stuck = waiting.filter(isStuck);
	const isHeld = ({ event }: Undelivered): boolean => stuck.some((one) => isSameTrouble(one.event, event));
	return { stuck, live: waiting.filter((entry) => !isStuck(entry) && !isHeld(entry)) };
}

/** When something is tried again for each sink. */
export function nextDeliveries(
	{ outbox }: Pick<HostState, "outbox">,
	sinks: readonly Pick<AlertSink, "name" | "hook">[],
): readonly Date[] {
	return sinks.flatMap((sink) => momentsOf(waitingFor(sink, outbox)).map((moment) => new Date(moment)));
}

/** What stands behind the first live one waits with that, whatever its own moment was. */
export function momentsOf({ stuck, live }: Waiting): readonly string[] {
	return [...stuck, ...live.slice(0, 1)].map(({ notBefore }) => notBefore);
}

export function isStuck({ tries }: Undelivered): boolean {
	return tries >= FAILURES_OF_ONE;
}

function isSameTrouble(one: KeyturnEvent, other: KeyturnEvent): boolean {
	return one.trouble !== null && one.trouble === other.trouble && one.since === other.since;
}
