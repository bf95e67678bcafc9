/** Which other domains stand on the record of a key: names of several may be aliases of one that has it. */

import type { KeyEntry } from "../rotation/domain-state.ts";
import type { Loaded } from "./documents.ts";
import type { Doc, Job, Run } from "./run.ts";

/**
 * The other domains that have this very record, an emptied one among them: whoever is the last to need it takes it away.
 * "later" where the state of one cannot be read, so that it cannot be told.
 */
export function keepersOf(
	run: Run,
	{ doc, step }: Job<"retire"> | Job<"revoke">,
	key: KeyEntry,
	{ docs, lost }: Loaded,
): readonly string[] | "later" {
	if (lost.length > 0) {
		const names = lost.map(({ domain }) => domain).join(", ");
		const reason = `whether ${names} needs its record too cannot be told: the state of that cannot be read`;
		run.delay(doc, step, run.backoff(run.tries(doc, step)), reason);
		return "later";
	}
	return docs
		.filter((one) => one.stored !== doc.stored && one.state.keys.some((other) => isKeptFor(other, key)))
		.map(({ policy }: Doc) => policy.domain);
}

function isKeptFor({ state, record }: KeyEntry, key: KeyEntry): boolean {
	return state !== "retired" && record.owner === key.record.owner && record.value === key.record.value;
}
