/** Whether what a switch stopped is down, so that no command ends as if all were well. */

import { CAUSES } from "../agent/causes.ts";
import { parseHostState, type Trouble } from "../agent/host-state.ts";
import type { Workbench } from "./workbench.ts";

/** The trouble of services that did not start again; null where all run. A host document that cannot be read the tick tells. */
export async function outageOf({ store }: Workbench): Promise<Trouble | null> {
	try {
		const stored = await store.load("host");
		const troubles = stored === null ? [] : parseHostState(stored.state).troubles;
		return troubles.find(({ id }) => id === CAUSES.start()) ?? null;
	} catch {
		return null;
	}
}
