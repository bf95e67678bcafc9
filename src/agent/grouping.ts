/** Which of the steps that are due go together: one pause of the mail server for all keys that it can serve. */

import { activeKey, type KeyEntry, keyOf } from "../rotation/domain-state.ts";
import { isCandidate } from "../rotation/life.ts";
import { soakMs } from "../rotation/timing.ts";
import { isBeside, isToJoin } from "../rotation/together.ts";
import { asSeen, type DocGroup, matesOf } from "./groups.ts";
import { planFor, type Sight, whyUnread } from "./planning.ts";
import type { Doc, Job, Run } from "./run.ts";

/** How long a switch that stops services waits for others. */
const GATHER_MS = 2 * 60_000;
const GATHER_STEP_MS = 2000;

/**
 * Who waits only because there was a pause lately goes along with the next one, whoever signs for it, as the pause counts for
 * all: otherwise domains whose windows bring a pause every night would keep those without a window waiting for ever.
 */
export function join(run: Run, docs: readonly Doc[], jobs: readonly Job[], sight: Sight): readonly Job[] {
	if (!jobs.some(({ doc, step }) => step.kind === "switch" && doc.policy.swap === "restart")) return jobs;
	// With a signer for each of its keys a domain goes with all of them, or not at all.
	const stopped = docs.filter(({ policy }) => policy.swap === "restart");
	const domains = new Set(stopped.map(({ policy }) => policy.domain));
	const isSwitch = (doc: Doc): boolean => jobs.some((job) => job.doc === doc && job.step.kind === "switch");
	const joining: Job[] = [];
	for (const doc of docs) {
		if (!domains.has(doc.policy.domain) || isSwitch(doc)) continue;
		const planned = planFor(run, doc, sight, null);
		if (planned.kind !== "step" || planned.step.kind !== "switch") continue;
		doc.waits = [];
		joining.push({ doc, step: planned.step });
	}
	// What else is due for it is less urgent, or it would have come first.
	return [...jobs.filter(({ doc }) => !joining.some((one) => one.doc === doc)), ...joining];
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

/** Who signs with one key switches together, once the record of each is verified: whoever is ready waits for the others. */
export function holdForMates(
	jobs: readonly Job[],
	{ groups, answer }: Pick<Sight, "groups" | "answer">,
): readonly Job[] {
	return jobs.filter(({ doc, step }) => {
		const group = groups.get(doc.policy.domain);
		if (group === undefined || (step.kind !== "switch" && step.kind !== "make")) return true;
		const late =
			step.kind === "make"
				? []
				: matesOf(doc, groups).filter((mate) => !isOut(mate, answer) && !isReady(mate, doc, jobs, group));
		const names = [...group.missing, ...late.map(({ policy }) => policy.domain)];
		if (names.length === 0) return true;
		const untils = late.flatMap(({ waits }) => waits.flatMap(({ until }) => (until === null ? [] : [until])));
		const until = untils.toSorted((one, other) => one.getTime() - other.getTime())[0] ?? null;
		const what = group.sharesName ? names.join(", ") : `the ${late.map(algorithmOf).join(", ")} key`;
		const reason = `${what} turns together with ${doc.policy.domain}, and is not ready`;
		doc.waits = [{ selector: step.selector, until, reason }];
		return false;
	});
}

/** A signer of its own that cannot be read keeps the key of the other from no turn: it may be a compromised one. */
function isOut({ policy }: Doc, answer: Sight["answer"]): boolean {
	return policy.lane?.hasOwnSigner === true && answer !== null && whyUnread(answer, { policy }) !== null;
}

function algorithmOf({ policy }: Doc): string {
	return policy.key.algorithm === "rsa" ? "RSA" : "Ed25519";
}

/** Whether a mate is to switch now, to the same key. */
function isReady(mate: Doc, doc: Doc, jobs: readonly Job[], group: DocGroup): boolean {
	const { sharesKey, sharesName } = group;
	const keyFor = (one: Doc) => {
		const step = jobs.find((job) => job.doc === one)?.step;
		return step?.kind === "switch" ? keyOf(one.state, step.selector) : null;
	};
	const [own, other] = [keyFor(doc), keyFor(mate)];
	if (!sharesName) {
		// Who goes back takes along only who goes back, too.
		const isBack = doc.state.wants.rollback !== null && mate.state.wants.rollback === null;
		return other !== null || isBack || isBeside(mate.state, doc.state) || !isToCome(mate, own, group);
	}
	if (own === null || other === null) return false;
	return sharesKey ? own.publicKey === other.publicKey : own.selector === other.selector;
}

/** Whether a key of another algorithm turns with this one yet: where it has none of its own, or has turned, it does not. */
function isToCome({ state }: Doc, key: KeyEntry | null, group: DocGroup): boolean {
	if (state.wants.rollback !== null || state.keys.some((one) => isCandidate(one.state))) return true;
	return key !== null && activeKey(state) !== null && isToJoin(state, key, asSeen(group));
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
