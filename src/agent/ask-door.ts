/** Asks the door once a round; without its answer a tick goes on with what needs none. */

import { asKeyturnError, type KeyturnError } from "../errors.ts";
import type { InspectAnswer } from "../ports/door.ts";
import { CAUSES } from "./causes.ts";
import { dropStaged, forgetInspection, inspection, isBusy } from "./inspection.ts";
import type { Doc, Run } from "./run.ts";
import { pendingFault, tellPending } from "./unstarted.ts";

/**
 * Null when the door did not answer: then nothing is adopted, switched or removed for these domains, which have failed, and
 * the rest goes on.
 */
export async function askDoor(run: Run, docs: readonly Doc[]): Promise<InspectAnswer | null> {
	try {
		const answer = await inspection(run);
		await run.end(CAUSES.door(), null);
		await tellPending(run, answer);
		const fault = pendingFault(answer);
		for (const doc of docs) doc.error ??= fault;
		return answer;
	} catch (thrown) {
		run.signal.throwIfAborted();
		const error = asKeyturnError(thrown);
		run.ports.log.warn("the door could not be asked", { error });
		if (isBusy(error)) return null;
		for (const doc of docs) doc.error ??= error;
		await doorFailed(run, error);
		return null;
	}
}

async function doorFailed(run: Run, error: KeyturnError): Promise<void> {
	await run.raise({
		cause: CAUSES.door(),
		event: "swap_failed",
		severity: "critical",
		domains: [],
		selector: null,
		summary: "the door gives no answer: no new key can be put to use",
		detail: error.message,
		hint: error.hint ?? "the keys in use go on signing; check keyturn-apply.socket",
	});
}

/** What was staged by a run that died, or for a domain that is configured no more, keeps its key files for nobody. */
export async function dropUnowed(run: Run, docs: readonly Doc[]): Promise<void> {
	const owed = docs.flatMap((doc) => doc.state.keys.map((key) => key.owes?.id));
	const unowed = run.memory.inspection?.answer.staged.filter((id) => !owed.includes(id)) ?? [];
	if (unowed.length === 0) return;
	try {
		await dropStaged(run, unowed);
		forgetInspection(run);
	} catch (thrown) {
		run.signal.throwIfAborted();
		run.ports.log.warn("staged switches were not dropped", { ids: unowed, error: asKeyturnError(thrown) });
	}
}
