/** One model of how it stands: each domain's key in use, its next turn, and what waits for what; derived, never stored. */

import type { LookReport } from "../ports/propagation.ts";
import type { InspectAnswer } from "../ports/door.ts";
import { activeKey, type DomainState, type KeyEntry } from "../rotation/domain-state.ts";
import { isCandidate, type KeyState } from "../rotation/life.ts";
import { plan, type Wait } from "../rotation/plan.ts";
import type { Policy } from "../rotation/policy.ts";
import { nextDue } from "../rotation/timing.ts";

export interface TroubleShown {
	readonly event: string;
	readonly severity: string;
	readonly domains: readonly string[];
	readonly summary: string;
	readonly detail: string | null;
	readonly hint: string | null;
	readonly since: string;
}

export interface KeyShown {
	readonly selector: string;
	readonly state: KeyState;
	/** RFC 3339, UTC. */
	readonly since: string;
	readonly algorithm: string;
	readonly bits: number | null;
	readonly origin: "made" | "adopted";
	readonly record: string;
	readonly reason: string | null;
	/** What the last look of this process said; null if there was none. */
	readonly lastLook: { readonly at: string; readonly verdict: string; readonly summary: string } | null;
}

export interface WaitShown {
	readonly selector: string | null;
	readonly until: string | null;
	readonly reason: string;
}

export interface DomainStatus {
	readonly domain: string;
	readonly active: KeyShown | null;
	/** The key of the next turn, if it is made. */
	readonly next: KeyShown | null;
	/** When the next key is due to sign, RFC 3339; null if it cannot be told. */
	readonly nextDueAt: string | null;
	readonly keys: readonly KeyShown[];
	readonly waits: readonly WaitShown[];
	/** What a tick would do now; null if everything waits. */
	readonly step: string | null;
	/** Why its state cannot be read; then nothing else is known. */
	readonly damaged: string | null;
}

export interface Status {
	readonly schema: 1;
	readonly at: string;
	readonly host: string;
	readonly daemon: boolean;
	readonly domains: readonly DomainStatus[];
	readonly troubles: readonly TroubleShown[];
	/** Alerts that are not delivered yet. */
	readonly undelivered: number;
}

export interface StatusFacts {
	readonly host: string;
	readonly now: Date;
	readonly daemon: boolean;
	readonly domains: readonly {
		readonly policy: Policy;
		readonly state: DomainState | null;
		readonly damaged: string | null;
	}[];
	/** Null where the door was not asked. */
	readonly inspection: InspectAnswer | null;
	readonly troubles: readonly TroubleShown[];
	readonly undelivered: number;
	readonly lastLook: (domain: string, selector: string) => LookReport | null;
}

export function buildStatus(facts: StatusFacts): Status {
	return {
		schema: 1,
		at: facts.now.toISOString(),
		host: facts.host,
		daemon: facts.daemon,
		domains: facts.domains.map(({ policy, state, damaged }) =>
			state === null ? unknownDomain(policy.domain, damaged) : domainStatus(policy, state, facts),
		),
		troubles: facts.troubles,
		undelivered: facts.undelivered,
	};
}

function domainStatus(policy: Policy, state: DomainState, facts: StatusFacts): DomainStatus {
	const shown = (key: KeyEntry): KeyShown => showKey(key, facts.lastLook(policy.domain, key.selector));
	const active = activeKey(state);
	const candidate = state.keys.findLast((key) => isCandidate(key.state)) ?? null;
	const { step, waits } = planned(policy, state, facts);
	const due = candidate === null ? nextDue(state, policy, facts.now) : new Date(candidate.dueAt);
	return {
		domain: policy.domain,
		active: active === null ? null : shown(active),
		next: candidate === null ? null : shown(candidate),
		nextDueAt: due?.toISOString() ?? null,
		keys: state.keys.map(shown),
		waits: waits.map((wait) => ({ ...wait, until: wait.until?.toISOString() ?? null })),
		step,
		damaged: null,
	};
}

/** Plans as the agent would, from the stored state alone: without the daily look, which is no news. */
function planned(
	policy: Policy,
	state: DomainState,
	{ now, inspection }: StatusFacts,
): { readonly step: string | null; readonly waits: readonly Wait[] } {
	const never = { until: new Date(8.64e15), reason: "" };
	const signer = inspection?.signers.find((one) => one.signer === policy.signer && one.problem === null);
	const result = plan(
		state,
		{
			inUse:
				signer?.lines.filter((line) => line.domain === policy.domain && line.signs) ??
				state.keys
					.filter((key) => key.state === "active")
					.map(({ selector, publicKey }) => ({ selector, publicKey, problem: null })),
			lastPauseAt: inspection?.lastPauseAt == null ? null : new Date(inspection.lastPauseAt),
			delays: new Map(state.keys.map((key) => [`watch ${key.selector}`, never])),
			freeze: null,
		},
		policy,
		now,
	);
	if (result.kind === "wait") return { step: null, waits: result.waits.filter((wait) => wait.reason !== "") };
	const { step } = result;
	const selector = step.kind === "adopt" ? step.selectors.join(", ") : step.selector;
	return { step: selector === null ? step.kind : `${step.kind} ${selector}`, waits: [] };
}

function showKey(key: KeyEntry, look: LookReport | null): KeyShown {
	return {
		selector: key.selector,
		state: key.state,
		since: key.since,
		algorithm: key.algorithm,
		bits: key.bits,
		origin: key.origin,
		record: key.record.name,
		reason: key.reason,
		lastLook: look === null ? null : { at: look.at, verdict: look.verdict, summary: look.summary },
	};
}

function unknownDomain(domain: string, damaged: string | null): DomainStatus {
	return {
		domain,
		active: null,
		next: null,
		nextDueAt: null,
		keys: [],
		waits: [],
		step: null,
		damaged,
	};
}
