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

/** One for each domain, in their order. */
export function reportsOf(docs: readonly Doc[]): readonly DomainReport[] {
	return docs
		.filter(({ policy }) => policy.lane?.isFirst !== false)
		.map(({ policy: { domain }, stored }) => {
			const own = docs.filter((doc) => doc.stored === stored);
			const error = own.find((doc) => doc.error !== null)?.error ?? null;
			const [did, waits] = [own.flatMap((doc) => doc.did), own.flatMap((doc) => doc.waits)];
			return { domain, state: stored.state, did, waits, error };
		});
}
