/** `keyturn retire`: an old record goes as soon as no mail under way needs it, whoever made its key. */

import { KeyturnError } from "../errors.ts";
import { type DomainState, keyOf } from "../rotation/domain-state.ts";
import type { Policy } from "../rotation/policy.ts";
import { type Moment, outlooks, waitsOf } from "../report/outlook.ts";
import { removalsFrom } from "../rotation/retiring.ts";
import { graceEnds } from "../rotation/timing.ts";
import { leftWords, whyNoRetire } from "../rotation/wishes.ts";
import { momentOf } from "./moment.ts";
import { pursue, type Standing, stateOf, type WaitOptions, withProgress } from "./pursuit.ts";
import { orRefused } from "./refusal.ts";
import { inLocalTime, localMinute } from "../report/words.ts";
import { keysKnown } from "./keys-known.ts";
import { choose, type CommandContext, EXIT } from "./workbench.ts";

export async function retire(
	context: CommandContext,
	name: string,
	selector: string,
	options: Omit<WaitOptions, "soak">,
): Promise<number> {
	const bench = await context.open();
	const policies = choose(bench, [name]);
	const domain = policies[0]?.domain ?? name;
	const state = await stateOf(bench, policies[0] ?? { domain });
	const why = whyNoRetire(state, selector);
	if (why !== null)
		throw new KeyturnError("usage", `${domain}: ${why}`, {
			hint: keyOf(state, selector)?.state === "active" ? `keyturn rotate --now ${domain}` : keysKnown(state),
		});
	const moment = await momentOf(bench);
	const wish = {
		id: bench.random.id(),
		at: moment.now.toISOString(),
		kind: "retire" as const,
		domains: [domain],
		selector,
	};
	return withProgress(context, bench, policies, options, async (turning) =>
		pursue(
			turning,
			{
				wish,
				standing: async (policy, state, seen) => {
					const told = standing(policy, state, selector, seen);
					if (told.code === EXIT.done) return told;
					return orRefused(told, seen, { bench, selector, askedAt: moment.now });
				},
			},
			{ ...options, wait: options.wait && isRipe(policies, state, selector, moment), soak: true },
		),
	);
}

/** Whether nothing but work is left: nobody waits at a terminal for a grace that ends in days. */
function isRipe(
	policies: readonly Policy[],
	state: DomainState,
	selector: string,
	{ now, steadySince }: Moment,
): boolean {
	const [policy] = policies;
	const key = keyOf(state, selector);
	if (policy === undefined || key === null) return false;
	if (steadySince !== null && removalsFrom(steadySince, policy) > now) return false;
	if (key.state === "revoked") return true;
	// Grace begins anew once whoever uses it is seen to do so no more.
	if (key.usedBy !== undefined) return false;
	const ends = graceEnds(key, { ...policy, jitterMs: 0 }, now);
	return ends !== null && ends <= now;
}

function standing(policy: Policy, state: DomainState, selector: string, moment: Moment): Standing {
	const { domain, timezone } = policy;
	const key = keyOf(state, selector);
	if (key?.state === "retired") {
		const since = localMinute(new Date(key.since), timezone);
		const left = leftWords(key);
		return {
			domain,
			code: EXIT.done,
			selector,
			words:
				left === null
					? `the record of ${selector} is removed since ${since}`
					: `${selector} is retired since ${since}; ${left}`,
		};
	}
	const waits = waitsOf(outlooks(state, policy, moment));
	const wait = waits.find((one) => one.selector === selector);
	const until = wait?.until == null ? "" : ` until ${wait.until.toISOString()}`;
	const words = wait === undefined ? "it is to be removed" : `${wait.reason}${until}`;
	return { domain, code: EXIT.waiting, selector, words: inLocalTime(`waiting: ${words}`, timezone) };
}
