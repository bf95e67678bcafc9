/** `keyturn rollback`: back to the key that signed before, while its record stands. */

import { KeyturnError } from "../errors.ts";
import { activeKey, type DomainState, type KeyEntry, keyOf } from "../rotation/domain-state.ts";
import { lanesOf, laneState } from "../rotation/lanes.ts";
import type { Policy } from "../rotation/policy.ts";
import { previousKey, whyNoRollback } from "../rotation/wishes.ts";
import { keysKnown } from "./keys-known.ts";
import { pursue, type Seen, type Standing, stateOf, type WaitOptions, withProgress } from "./pursuit.ts";
import { inLocalTime, localMinute } from "../report/words.ts";
import { choose, type CommandContext, EXIT } from "./workbench.ts";

export async function rollback(context: CommandContext, name: string, options: WaitOptions): Promise<number> {
	const bench = await context.open();
	const policies = choose(bench, [name]);
	const domain = policies[0]?.domain ?? name;
	const state = await stateOf(bench, policies[0] ?? { domain });
	const why = whyNoRollback(state);
	if (why !== null) throw new KeyturnError("usage", `${domain}: ${why}`, { hint: keysKnown(state) });
	const askedAt = bench.clock.now();
	const to = policies.flatMap(lanesOf).flatMap(({ lane }): readonly string[] => {
		const own = laneState(state, lane);
		const back = own.wants.rollback ?? previousKey(own);
		return back === null ? [] : [back.selector];
	});
	const wish = {
		id: bench.random.id(),
		at: askedAt.toISOString(),
		kind: "rollback" as const,
		domains: [domain],
	};
	return withProgress(context, bench, policies, options, async (turning) =>
		pursue(
			turning,
			{
				wish,
				standing: (policy, now, seen) => standing(policy, now, { ...seen, to, askedAt }),
			},
			options,
		),
	);
}

function standing(
	{ domain, timezone }: Policy,
	state: DomainState,
	seen: Seen & {
		/** Several where each message is signed with keys of several algorithms. */
		readonly to: readonly string[];
		readonly askedAt: Date;
	},
): Standing {
	const selector = activeKey(state)?.selector ?? null;
	const left = seen.to.flatMap((name) => {
		const key = keyOf(state, name);
		const isBack = key?.state === "active" && new Date(key.since) >= seen.askedAt;
		return isBack || key === null ? [] : [key];
	});
	const [first] = left;
	if (first === undefined)
		return {
			domain,
			code: EXIT.done,
			selector,
			words: `signs with ${seen.to.join(" and ")} again since ${localMinute(sinceOf(state, seen.to), timezone)}, until the next due date`,
		};
	if (!seen.isTaken || isWanted(state))
		return { domain, code: EXIT.waiting, selector, words: `waiting: ${backInWords(first)}` };
	const reason = first.reason ?? "it was given up";
	return {
		domain,
		code: EXIT.failed,
		selector,
		words: inLocalTime(`failed, ${selector ?? "no key"} still signs: ${reason}`, timezone),
	};
}

function isWanted({ wants, wantsOf = {} }: DomainState): boolean {
	return [wants, ...Object.values(wantsOf)].some(({ rollback }) => rollback !== null);
}

function sinceOf(state: DomainState, [name = ""]: readonly string[]): Date {
	return new Date(keyOf(state, name)?.since ?? 0);
}

function backInWords({ selector, state }: KeyEntry): string {
	return state === "verified"
		? `the record of ${selector} stands; the switch is to be done`
		: `the record of ${selector} is looked at again`;
}
