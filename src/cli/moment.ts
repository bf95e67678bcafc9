/** When it is, and whether the clock is to be believed: what is asked for then is told as the agent would do it. */

import { doubtedSince } from "../agent/clock-watch.ts";
import { parseHostState } from "../agent/host-state.ts";
import type { Moment } from "../report/outlook.ts";
import type { Workbench } from "./workbench.ts";

/** A host document that cannot be read the tick tells. */
export async function momentOf({ store, clock }: Workbench): Promise<Moment> {
	const now = clock.now();
	try {
		const stored = await store.load("host");
		return { now, steadySince: stored === null ? null : doubtedSince(parseHostState(stored.state)) };
	} catch {
		return { now, steadySince: null };
	}
}
