/** When it is, and whether the clock is to be believed: what is asked for then is told as the agent would do it. */

import { doubtedSince } from "../agent/clock-watch.ts";
import { type HostState, parseHostState } from "../agent/host-state.ts";
import type { Moment } from "../report/outlook.ts";
import type { Workbench } from "./workbench.ts";

export async function momentOf(bench: Workbench): Promise<Moment> {
	return momentBy(bench, await hostOf(bench));
}

/** As `momentOf`, by what was read of the host already. */
export function momentBy({ clock }: Workbench, host: HostState | null): Moment {
	return { now: clock.now(), steadySince: host === null ? null : doubtedSince(host) };
}

/** What is remembered of the host; null where nothing is, or it cannot be read, which the tick tells. */
export async function hostOf({ store }: Workbench): Promise<HostState | null> {
	try {
		const stored = await store.load("host");
		return stored === null ? null : parseHostState(stored.state);
	} catch {
		return null;
	}
}
