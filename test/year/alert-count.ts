/** Which alerts were due in a year, and which came: by event and, for troubles, by start and end. */

import type { KeyturnEvent } from "../../src/ports/alert-sink.ts";

/** By what `nameOf` calls them. */
export type Alerts = Readonly<Record<string, number>>;

export function nameOf({ event, phase }: Pick<KeyturnEvent, "event" | "phase">): string {
	return phase === null ? event : `${event} ${phase}`;
}

/** Repetitions are as many as the trouble is long. */
export function countAlerts(events: readonly Pick<KeyturnEvent, "event" | "phase">[]): Alerts {
	return sumOf(events.filter(({ phase }) => phase !== "repeat").map((event) => ({ [nameOf(event)]: 1 })));
}

export function sumOf(all: readonly Alerts[]): Alerts {
	const sum: Record<string, number> = {};
	for (const alerts of all)
		for (const [name, count] of Object.entries(alerts)) sum[name] = (sum[name] ?? 0) + count;
	return sum;
}

/** A trouble of that name, from its start to its end. */
export function trouble(name: string, count: number): Alerts {
	return { [`${name} start`]: count, [`${name} end`]: count };
}

export interface Comparison {
	readonly name: string;
	readonly due: number;
	readonly got: number;
}

export function compareAlerts(due: Alerts, got: Alerts): readonly Comparison[] {
	const names = [...new Set([...Object.keys(due), ...Object.keys(got)])].toSorted();
	return names.map((name) => ({ name, due: due[name] ?? 0, got: got[name] ?? 0 }));
}
