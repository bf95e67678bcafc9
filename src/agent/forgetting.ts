/** What a process has remembered of keys that are gone: a daemon runs for years, and each turn of each domain would leave some. */

import type { Doc, Run } from "./run.ts";

const DAY_MS = 86_400_000;

export function forgetGone(run: Pick<Run, "memory" | "now">, docs: readonly Doc[]): void {
	const { looks, writers, delays } = run.memory;
	const living = new Set(
		docs.flatMap(({ policy: { domain }, state }) =>
			state.keys.flatMap((key) => (key.state === "retired" ? [] : [`${domain} ${key.selector}`])),
		),
	);
	for (const remembered of [looks, writers])
		for (const name of remembered.keys()) if (!living.has(name)) remembered.delete(name);
	const now = run.now().getTime();
	// A step that is still to be done was tried when its moment came, and would have another.
	for (const ofDomain of delays.values())
		for (const [step, { until }] of ofDomain) if (until.getTime() + DAY_MS < now) ofDomain.delete(step);
}
