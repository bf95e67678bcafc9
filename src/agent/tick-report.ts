/** What a tick gives back: how each domain stands now, and when there is something to do again. */

import type { KeyturnError } from "../errors.ts";
import type { DomainState } from "../rotation/domain-state.ts";
import type { Step, Wait } from "../rotation/step.ts";
import type { Doc } from "./run.ts";

export interface DomainReport {
	readonly domain: string;
	readonly state: DomainState | null;
	readonly did: readonly Step[];
	readonly waits: readonly Wait[];
	readonly error: KeyturnError | null;
}

export interface TickReport {
	readonly domains: readonly DomainReport[];
	/** When the next thing is due; null if nothing is. */
	readonly nextAt: Date | null;
}

export function reportOf(doc: Doc): DomainReport {
	return { domain: doc.policy.domain, state: doc.state, did: doc.did, waits: doc.waits, error: doc.error };
}
