/** One model of how it stands: each domain's key in use, its next turn, and what waits for what; derived, never stored. */

import { activeKey, type DomainState, type KeyEntry } from "../rotation/domain-state.ts";
import { isCandidate, type KeyState } from "../rotation/life.ts";
import type { Wait } from "../rotation/step.ts";
import type { Policy } from "../rotation/policy.ts";
import { graceEnds, nextDue } from "../rotation/timing.ts";
import { removalsFrom } from "../rotation/retiring.ts";
import { turningAs } from "../rotation/together.ts";
import { type Moment, outlook, turnUnderWay } from "./outlook.ts";

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
	/** What has to stand there. */
	readonly value: string;
	/** When its record was published and first used, and when it was last used; null where that is not known, or not yet so. */
	readonly publishedAt: string | null;
	readonly usedFrom: string | null;
	readonly usedUntil: string | null;
	/** When the record of an old key may go; null while its last use is not confirmed, and where it stays or has gone. */
	readonly removableFrom: string | null;
	readonly reason: string | null;
}

export interface WaitShown {
	readonly selector: string | null;
	readonly until: string | null;
	readonly reason: string;
}

export interface DomainStatus {
	readonly domain: string;
	readonly active: KeyShown | null;
	/** It is to have no key any more (`remove`). */
	readonly leaving: boolean;
	/** The key of the next turn, if it is made. */
	readonly next: KeyShown | null;
	/** When the next key is due to sign, RFC 3339; null if it cannot be told. */
	readonly nextDueAt: string | null;
	/** How often the step that the next key is at has failed since it last succeeded. */
	readonly failures: number;
	readonly keys: readonly KeyShown[];
	readonly waits: readonly WaitShown[];
	/** What a tick would do now; null if everything waits. */
	readonly step: string | null;
	/** Why its state cannot be read; then nothing else is known. */
	readonly damaged: string | null;
	/** Such a state stays as it is, and nothing is done with the domain; absent where the next tick begins anew. */
	readonly isLeft?: true;
}

export interface Status {
	readonly schema: 1;
	readonly at: string;
	readonly host: string;
	readonly daemon: boolean;
	/** When a tick last noted the time, RFC 3339, as each does that goes through, every half an hour; null if none ever did. */
	readonly lastTickAt: string | null;
	readonly domains: readonly DomainStatus[];
	readonly troubles: readonly TroubleShown[];
	/** Alerts that are not delivered yet. */
	readonly undelivered: number;
	/** Providers in use that nothing is published through before `provider check` has passed. */
	readonly unchecked: readonly string[];
}

export interface StatusFacts {
	readonly host: string;
	readonly now: Date;
	readonly daemon: boolean;
	readonly lastTickAt: Date | null;
	readonly domains: readonly {
		readonly policy: Policy;
		readonly state: DomainState | null;
		readonly damaged: string | null;
		readonly isLeft?: true;
		/** What to do about one that is left and that no other keyturn wrote; null where trying again is all. */
		readonly remedy?: string | null;
	}[];
	readonly troubles: readonly TroubleShown[];
	readonly undelivered: number;
	/** Providers in use that nothing is published through before `provider check` has passed. */
	readonly unchecked: readonly string[];
	/** Since when the clock is steady, where it has jumped; null where it is not in doubt. */
	readonly steadySince: Date | null;
}

export function buildStatus(facts: StatusFacts): Status {
	return {
		schema: 1,
		at: facts.now.toISOString(),
		host: facts.host,
		daemon: facts.daemon,
		lastTickAt: facts.lastTickAt?.toISOString() ?? null,
		domains: asTheyTurn(facts.domains).map(({ policy, state, damaged, isLeft }) =>
			state === null
				? { ...unknownDomain(policy.domain, damaged), ...(isLeft === undefined ? {} : { isLeft }) }
				: domainStatus(policy, state, facts),
		),
		troubles: facts.troubles,
		undelivered: facts.undelivered,
		unchecked: facts.unchecked,
	};
}

/** Who signs with one key turns by the settings of whoever stands first in keyturn.yaml; in the order given. */
export function asTheyTurn(domains: StatusFacts["domains"]): StatusFacts["domains"] {
	const firsts = new Map<string, Policy>();
	return domains.map((one) => {
		const { policy, state } = one;
		const key = state === null || policy.keys !== undefined ? null : activeKey(state);
		if (key === null) return one;
		const name = `${policy.signer} ${key.publicKey}`;
		const first = firsts.get(name);
		if (first !== undefined) return { ...one, policy: turningAs(policy, first) };
		firsts.set(name, policy);
		return one;
	});
}

function domainStatus(policy: Policy, state: DomainState, facts: StatusFacts): DomainStatus {
	const active = activeKey(state);
	const candidate = state.keys.findLast((key) => isCandidate(key.state)) ?? null;
	const { step, waits } = planned(policy, state, facts);
	const show = (key: KeyEntry): KeyShown => showKey(key, policy, facts);
	const leaving = state.wants.remove !== null;
	const next = candidate === null ? nextDue(state, policy, facts.now) : new Date(candidate.dueAt);
	const due = leaving ? null : next;
	return {
		domain: policy.domain,
		active: active === null ? null : show(active),
		leaving,
		next: candidate === null ? null : show(candidate),
		nextDueAt: due?.toISOString() ?? null,
		failures: candidate?.owes?.tries ?? 0,
		keys: state.keys.map(show),
		waits: waits.map((wait) => ({ ...wait, until: wait.until?.toISOString() ?? null })),
		step,
		damaged: null,
	};
}

/** A step that a tick would do at once is shown as such, but for looks, which go on all the time. */
function planned(
	policy: Policy,
	state: DomainState,
	moment: Moment,
): { readonly step: string | null; readonly waits: readonly Wait[] } {
	const next = outlook(state, policy, moment);
	if (next.kind === "wait") return { step: null, waits: next.waits };
	const { step } = next;
	if (step.kind === "look")
		return { step: null, waits: [{ selector: null, ...turnUnderWay(state, policy) }] };
	const selector = step.kind === "adopt" ? step.selectors.join(", ") : step.selector;
	return { step: selector === null ? step.kind : `${step.kind} ${selector}`, waits: [] };
}

function showKey(key: KeyEntry, policy: Policy, { now, steadySince }: Moment): KeyShown {
	const firsts = key.uses.map(({ firstAt }) => firstAt).toSorted();
	const isRemoved = policy.retire.adopted || key.origin === "made";
	const isOld = (key.state === "retiring" && isRemoved) || key.state === "revoked";
	return {
		selector: key.selector,
		state: key.state,
		since: key.since,
		algorithm: key.algorithm,
		bits: key.bits,
		origin: key.origin,
		record: key.record.name,
		value: key.record.value,
		publishedAt: key.lookingSince,
		usedFrom: firsts[0] ?? null,
		usedUntil: key.state === "active" ? null : lastUsed(key, now),
		removableFrom: isOld ? (removableFrom(key, policy, { now, steadySince })?.toISOString() ?? null) : null,
		reason: key.reason,
	};
}

function removableFrom(key: KeyEntry, policy: Policy, { now, steadySince }: Moment): Date | null {
	const ends = graceEnds(key, policy, now);
	if (ends === null || steadySince === null) return ends;
	const until = removalsFrom(steadySince, policy);
	return until > ends ? until : ends;
}

/** Null while any use of it may go on. */
function lastUsed({ uses }: KeyEntry, now: Date): string | null {
	const ends = uses.map(({ lastAt, lastAtLatest }) =>
		lastAt === null && lastAtLatest !== null && new Date(lastAtLatest) <= now ? lastAtLatest : lastAt,
	);
	const known = ends.filter((end) => end !== null);
	return known.length < ends.length ? null : (known.toSorted().at(-1) ?? null);
}

function unknownDomain(domain: string, damaged: string | null): DomainStatus {
	return {
		domain,
		active: null,
		leaving: false,
		next: null,
		nextDueAt: null,
		failures: 0,
		keys: [],
		waits: [],
		step: null,
		damaged,
	};
}
