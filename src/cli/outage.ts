/** The troubles that last, as commands look at them; of services that are down, so that none ends as if all were well. */

import { CAUSES } from "../agent/causes.ts";
import type { HostState, Trouble } from "../agent/host-state.ts";
import { hostOf } from "./moment.ts";
import type { Workbench } from "./workbench.ts";

/** The trouble of services that did not start again; null where all run. */
export async function outageOf(bench: Workbench): Promise<Trouble | null> {
	return (await troublesOf(bench)).find(({ id }) => id === CAUSES.start()) ?? null;
}

/** Why a daemon goes by a configuration before the one that stands in the file; null where it does not. */
export function rejectionIn(host: HostState | null): string | null {
	const rejected = host?.troubles.find(({ event }) => event === "config_rejected");
	return rejected === undefined ? null : (rejected.detail ?? rejected.summary);
}

/** All that last; none where the host document cannot be read, which the tick tells. */
export async function troublesOf(bench: Workbench): Promise<readonly Trouble[]> {
	return (await hostOf(bench))?.troubles ?? [];
}
