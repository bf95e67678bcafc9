/** Asks what the one next step of a domain is, with what this tick has seen of its signer and its clock. */

import { KeyturnError } from "../errors.ts";
import type { InspectAnswer } from "../ports/door.ts";
import { type Plan, plan } from "../rotation/plan.ts";
import type { Delay } from "../rotation/step.ts";
import { asSeen, type Groups, policyOfTurn } from "./groups.ts";
import { firstKeyFault, linesInUse } from "./inspection.ts";
import type { Doc, Job, Run } from "./run.ts";

/** What a round of planning has seen of the world. */
export interface Sight {
	/** Null where the door gave no answer. */
	readonly answer: InspectAnswer | null;
	/** Since when the clock is steady, where it has jumped; null where it is not in doubt. */
	readonly steadySince: Date | null;
	/** What is due is due by this clock, which was watched. */
	readonly now: Date;
	readonly groups: Groups;
}

/** Its next step, if there is one now; otherwise what it waits for is noted in the document. */
export function planOne(run: Run, doc: Doc, sight: Sight): readonly Job[] {
	const { answer } = sight;
	const lastPause = answer?.lastPauseAt ?? null;
	const planned = planFor(run, doc, sight, lastPause === null ? null : new Date(lastPause));
	doc.waits = planned.kind === "wait" ? planned.waits : [];
	const unread = answer === null ? null : whyUnread(answer, doc);
	if (unread !== null)
		doc.error ??= new KeyturnError(
			"signer.config",
			`the configuration of ${doc.policy.signer} cannot be read: ${unread}`,
			{ retry: true, hint: "the keys in use go on signing; mend what it names" },
		);
	return planned.kind === "step" ? [{ doc, step: planned.step }] : [];
}

/** As if the last pause of services had been at `lastPauseAt`. */
export function planFor(
	run: Run,
	{ policy, state }: Doc,
	{ answer, steadySince, now, groups }: Sight,
	lastPauseAt: Date | null,
): Plan {
	const group = groups.get(policy.domain);
	const seen = {
		inUse: answer === null ? null : linesInUse(answer, policy),
		unread: answer === null ? null : whyUnread(answer, { policy }),
		firstKeyFault: answer === null ? null : firstKeyFault(answer, policy),
		lastPauseAt,
		delays: run.memory.delays.get(policy.domain) ?? new Map<string, Delay>(),
		steadySince,
		...(group === undefined ? {} : { group: asSeen(group) }),
	};
	return plan(state, seen, policyOfTurn(policy, group), now);
}

/** Why the signer of a domain cannot be read; null if it can. */
export function whyUnread(answer: InspectAnswer, { policy }: Pick<Doc, "policy">): string | null {
	return answer.signers.find((one) => one.signer === policy.signer)?.problem ?? null;
}
