/** What comes next for a domain, told from its stored state alone: no signer, no server is asked. */

import type { DomainState, KeyEntry } from "../rotation/domain-state.ts";
import { isCandidate } from "../rotation/life.ts";
import { laneState, lanesOf } from "../rotation/lanes.ts";
import { plan, type Plan } from "../rotation/plan.ts";
import type { Policy } from "../rotation/policy.ts";
import type { LineInUse, Seen, Wait } from "../rotation/step.ts";
import { soakEnds } from "../rotation/timing.ts";

type Looked = Pick<Seen, "inUse" | "firstKeyFault"> & Partial<Pick<Seen, "delays" | "lastPauseAt">>;

export interface Moment {
	readonly now: Date;
	/** Since when the clock is steady, where it has jumped; null where it is not in doubt. */
	readonly steadySince: Date | null;
}

/**
 * Plans as the agent would, but for the daily look at the key in use, which is no news. Of several keys that turn together the
 * first says when.
 */
export function outlook(state: DomainState, policy: Policy, moment: Moment): Plan {
	const [first = NOT_LOOKED_AT, ...others] = outlooks(state, policy, moment);
	if (first.kind === "step") return first;
	const next = others.find(
		(one) => one.kind === "step" && one.step.kind !== "adopt" && one.step.selector !== null,
	);
	return next ?? waiting([...first.waits, ...waitsOf(others).filter(({ selector }) => selector !== null)]);
}

/** One for each algorithm that the domain's messages are signed with. */
export function outlooks(
	state: DomainState,
	policy: Policy,
	moment: Moment,
	looked?: Looked,
): readonly Plan[] {
	const lanes = lanesOf(policy);
	if (lanes.length === 1) return [planned(state, policy, moment, looked)];
	const members = lanes.map(({ lane }) => laneState(state, lane));
	const group = { members, sharesKey: false, sharesName: false };
	return lanes.map((lane) => planned(laneState(state, lane.lane), lane, moment, { ...looked, group }));
}

/** What is waited for where nothing is to be done. */
export function waitsOf(plans: readonly Plan[]): readonly Wait[] {
	return plans.flatMap((one) => (one.kind === "wait" ? one.waits : []));
}

function planned(
	state: DomainState,
	policy: Policy,
	{ now, steadySince }: Moment,
	looked: Partial<Looked> & Pick<Seen, "group"> = {},
): Plan {
	const { inUse, firstKeyFault = null, group, delays = new Map(), lastPauseAt = null } = looked;
	if (state.keys.length === 0 && inUse === undefined && state.wants.remove === null) return NOT_LOOKED_AT;
	const never = { until: new Date(8.64e15), reason: "" };
	const watches = state.keys.map((key) => [`watch ${key.selector}`, never] as const);
	const seen = {
		inUse: inUse === undefined ? activeLines(state) : inUse,
		firstKeyFault,
		lastPauseAt,
		delays: new Map([...delays, ...watches]),
		steadySince,
		...(group === undefined ? {} : { group }),
	};
	const next = plan(state, seen, policy, now);
	return next.kind === "step" ? next : waiting(next.waits.filter((wait) => wait.reason !== ""));
}

function waiting(waits: readonly Wait[]): Plan {
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
				: `every server serves ${candidate.selector}; what resolvers remember of before has to expire before the switch`;
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
