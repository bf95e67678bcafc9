/** Decides the one next step a domain's keys need, from their state, what was seen, and the time; does nothing itself. */

import { type DomainState, type KeyEntry, keyOf, type Owed } from "./domain-state.ts";
import type { Policy } from "./policy.ts";
import { disclosing, dropping, retirement, revocation, watching } from "./retiring.ts";
import { inUse, settling, takingOut } from "./signing.ts";
import { delayKey, type Facts, type Seen, type Step, type Wait, type Wanted } from "./step.ts";
import { turn } from "./turning.ts";

export type Plan =
	| { readonly kind: "step"; readonly step: Step }
	| { readonly kind: "wait"; readonly waits: readonly Wait[]; readonly until: Date | null };

export function plan(state: DomainState, seen: Seen, policy: Policy, now: Date): Plan {
	const facts: Facts = { state, seen, policy, now };
	const waits: Wait[] = [];
	for (const concern of [
		settling,
		inUse,
		takingOut,
		revocation,
		turn,
		watching,
		retirement,
		disclosing,
		dropping,
	])
		for (const wanted of concern(facts)) {
			const outcome = isWait(wanted) ? wanted : (delayed(wanted, facts) ?? wanted);
			if (!isWait(outcome)) return { kind: "step", step: outcome };
			waits.push(outcome);
		}
	const untils = waits.flatMap((wait) => (wait.until === null ? [] : [wait.until.getTime()]));
	return { kind: "wait", waits, until: untils.length === 0 ? null : new Date(Math.min(...untils)) };
}

function isWait(wanted: Wanted): wanted is Wait {
	return "until" in wanted;
}

/** What has to pass before this very step, whatever it is. */
function delayed(step: Step, { state, seen, now }: Facts): Wait | null {
	const selector = step.kind === "adopt" ? null : step.selector;
	const delay = seen.delays.get(delayKey(step.kind, selector));
	if (delay !== undefined && delay.until > now) return { selector, ...delay };
	const key = selector === null ? null : keyOf(state, selector);
	const owes = key?.owes ?? null;
	if (key === null || owes?.notBefore == null || (owes.act !== step.kind && !isTombstoneOf(owes, step)))
		return null;
	// What a clock that was ahead has put off would wait as long as it was ahead; only removal may wait too long.
	if (!REMOVALS.has(owes.act) && new Date(owes.askedAt) > now) return null;
	if (new Date(owes.notBefore) > now)
		return { selector, until: new Date(owes.notBefore), reason: whyNotBefore(owes, key) };
	return null;
}

/** What holds a record back holds it back from being emptied too, but for a compromised key, which owes nothing. */
function isTombstoneOf({ act }: Owed, { kind }: Step): boolean {
	return act === "retire" && kind === "revoke";
}

const REMOVALS: ReadonlySet<Owed["act"]> = new Set(["retire", "drop"]);

function whyNotBefore({ act, tries }: Owed, { state, reason }: KeyEntry): string {
	if (tries > 0) return `${act} failed ${tries} ${tries === 1 ? "time" : "times"}; next attempt`;
	if (act === "drop") return "its key file is kept that long, in case a restored backup names the key";
	if (act === "retire" && state === "revoked")
		return "its empty record stands that long: the key is revoked for everybody who looks";
	return reason ?? `${act} was put off`;
}
