/** What comes next for a domain, told from its stored state alone: no signer, no server is asked. */

import type { DomainState, KeyEntry } from "../rotation/domain-state.ts";
import { isCandidate } from "../rotation/life.ts";
import { laneState, lanesOf } from "../rotation/lanes.ts";
import { plan, type Plan } from "../rotation/plan.ts";
import type { LineInUse, Seen, Wait } from "../rotation/step.ts";
import type { Policy } from "../rotation/policy.ts";
import { soakEnds } from "../rotation/timing.ts";

/** Plans as the agent would, but for the daily look at the key in use, which is no news. */
export function outlook(
	state: DomainState,
	policy: Policy,
	now: Date,
	looked?: Pick<Seen, "inUse" | "firstKeyFault">,
): Plan {
	if (state.keys.length === 0 && looked === undefined) return NOT_LOOKED_AT;
	// Of several that turn together the first says when.
	const [lane = policy] = lanesOf(policy);
	if (lane !== policy) return outlook(laneState(state, lane.lane), lane, now, looked);
	const never = { until: new Date(8.64e15), reason: "" };
	const delays = new Map(state.keys.map((key) => [`watch ${key.selector}`, never]));
	const { inUse, firstKeyFault } = looked ?? { inUse: activeLines(state), firstKeyFault: null };
	const seen = { inUse, firstKeyFault, lastPauseAt: null, delays, freeze: null };
	const planned = plan(state, seen, policy, now);
	if (planned.kind === "step") return planned;
	const waits = planned.waits.filter((wait) => wait.reason !== "");
	const untils = waits.flatMap((wait) => (wait.until === null ? [] : [wait.until.getTime()]));
	return { kind: "wait", waits, until: untils.length === 0 ? null : new Date(Math.min(...untils)) };
}

/** Where the turn under way stands, and until when it waits; null where that is not known. */
export function turnUnderWay(state: DomainState, policy: Policy): Omit<Wait, "selector"> {
	const candidate = state.keys.findLast((key) => isCandidate(key.state));
	if (candidate === undefined) return { reason: "its new key is not made yet", until: null };
	const soaks = candidate.state === "published" && candidate.rightSince !== null;
	return { reason: words(candidate), until: soaks ? soakEnds(candidate, state, policy) : null };
}

function words(candidate: KeyEntry): string {
	const why = candidate.reason === null ? "" : ` (${candidate.reason})`;
	switch (candidate.state) {
		case "pending":
			return `${candidate.selector} is to be published${why}`;
		case "published":
			return candidate.rightSince === null
				? `${candidate.selector} is published; not every server was seen serving it yet`
				: `every server serves ${candidate.selector}; cached absences have to expire before the switch`;
		default:
			return `${candidate.selector} is verified; the switch is to be done${why}`;
	}
}

const NOT_LOOKED_AT: Plan = {
	kind: "wait",
	waits: [
		{
			selector: null,
			until: null,
			reason: "the next tick looks which key signs for it, and makes a first one if none does",
		},
	],
	until: null,
};

function activeLines(state: DomainState): readonly LineInUse[] {
	return state.keys
		.filter((key) => key.state === "active")
		.map(({ selector, publicKey }) => ({ selector, publicKey, problem: null }));
}
