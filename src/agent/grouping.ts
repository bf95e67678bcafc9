/** Which of the steps that are due go together: one pause of the mail server for all keys that it can serve. */

import type { InspectAnswer } from "../ports/door.ts";
import { activeKey, keyOf } from "../rotation/domain-state.ts";
import { isCandidate } from "../rotation/life.ts";
import type { Delay } from "../rotation/step.ts";
import { soakMs } from "../rotation/timing.ts";
import { planFor } from "./planning.ts";
import type { Doc, Job, Run } from "./run.ts";

/** How long a switch that stops services waits for others. */
const GATHER_MS = 2 * 60_000;
const GATHER_STEP_MS = 2000;

/**
 * Who waits only because there was a pause lately goes along with the next one: otherwise domains whose windows bring
 * a pause every night would keep those without a window waiting for ever.
 */
export function join(
	run: Run,
	docs: readonly Doc[],
	jobs: readonly Job[],
	answer: InspectAnswer | null,
	freeze: Delay | null,
): readonly Job[] {
	const stopped = jobs
		.filter(({ doc, step }) => step.kind === "switch" && doc.policy.swap === "restart")
		.map(({ doc }) => doc.policy.signer);
	const joining: Job[] = [];
	for (const doc of docs) {
		if (!stopped.includes(doc.policy.signer) || jobs.some((job) => job.doc === doc)) continue;
		const planned = planFor(run, doc, answer, freeze, null);
		if (planned.kind !== "step" || planned.step.kind !== "switch") continue;
		doc.waits = [];
		joining.push({ doc, step: planned.step });
	}
	return [...jobs, ...joining];
}

/**
 * One pause, not one a domain: a switch that stops services waits a little for the other keys that are due and on their
 * way, so that all go through the same stop.
 */
export function gather(run: Run, docs: readonly Doc[], jobs: readonly Job[]): readonly Job[] {
	const stragglers = docs.filter((doc) => isStraggling(doc, run.now()));
	return jobs.filter(({ doc, step }) => {
		if (step.kind !== "switch" || doc.policy.swap !== "restart" || stragglers.length === 0) return true;
		const since = new Date(keyOf(doc.state, step.selector)?.since ?? 0).getTime();
		if (Math.abs(run.now().getTime() - since) >= GATHER_MS) return true;
		const names = stragglers.map((one) => one.policy.domain).join(", ");
		const until = new Date(Math.min(since + GATHER_MS, run.now().getTime() + GATHER_STEP_MS));
		doc.waits = [{ selector: step.selector, until, reason: `${names} will soon be ready for the same stop` }];
		return false;
	});
}

/** A turn that is due, whose key is not verified yet and has not failed. */
function isStraggling({ policy, state, error }: Doc, now: Date): boolean {
	if (policy.swap !== "restart" || error !== null) return false;
	const candidate = state.keys.findLast((key) => isCandidate(key.state));
	if (candidate === undefined) return state.wants.rotate !== null && activeKey(state) !== null;
	if (candidate.state === "verified" || (candidate.owes?.tries ?? 0) > 0) return false;
	const isDue = state.wants.rotate !== null || new Date(candidate.dueAt) <= now;
	const from =
		candidate.rightSince === null
			? new Date(candidate.since).getTime()
			: new Date(candidate.rightSince).getTime() + soakMs(candidate, state, policy);
	return isDue && Math.abs(from - now.getTime()) < GATHER_MS;
}
