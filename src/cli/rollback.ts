/** `keyturn rollback`: back to the key that signed before, while its record stands. */

import { KeyturnError } from "../errors.ts";
import { activeKey, type DomainState } from "../rotation/domain-state.ts";
import type { Policy } from "../rotation/policy.ts";
import { previousKey, whyNoRollback } from "../rotation/wishes.ts";
import { pursue, type Standing, stateOf, type WaitOptions, withProgress } from "./pursuit.ts";
import { inLocalTime, localMinute } from "../report/words.ts";
import { choose, type CommandContext, EXIT } from "./workbench.ts";

export async function rollback(context: CommandContext, name: string, options: WaitOptions): Promise<number> {
	const bench = await context.open();
	const policies = choose(bench, [name]);
	const domain = policies[0]?.domain ?? name;
	const state = await stateOf(bench, domain);
	const why = whyNoRollback(state);
	if (why !== null)
		throw new KeyturnError("usage", `${domain}: ${why}`, {
			hint: "keyturn status shows the keys that there are",
		});
	const askedAt = bench.clock.now();
	const to = state.wants.rollback?.selector ?? previousKey(state)?.selector ?? "";
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
				standing: async (policy, now, seen) =>
					Promise.resolve(standing(policy, now, { ...seen, to, askedAt })),
			},
			options,
		),
	);
}

function standing(
	{ domain, timezone }: Policy,
	state: DomainState,
	seen: {
		readonly to: string;
		readonly askedAt: Date;
		readonly isTaken: boolean;
		readonly waitingWords: string;
	},
): Standing {
	const active = activeKey(state);
	const selector = active?.selector ?? null;
	if (active?.selector === seen.to && new Date(active.since) >= seen.askedAt)
		return {
			domain,
			code: EXIT.done,
			selector,
			words: `signs with ${seen.to} again since ${localMinute(new Date(active.since), timezone)}, until the next due date`,
		};
	if (!seen.isTaken || state.wants.rollback !== null)
		return { domain, code: EXIT.waiting, selector, words: `waiting: ${backInWords(state, seen.to)}` };
	const reason = state.keys.find((key) => key.selector === seen.to)?.reason ?? "it was given up";
	return {
		domain,
		code: EXIT.failed,
		selector,
		words: inLocalTime(`failed, ${selector ?? "no key"} still signs: ${reason}`, timezone),
	};
}

function backInWords(state: DomainState, to: string): string {
	const key = state.keys.find((one) => one.selector === to);
	return key?.state === "verified"
		? `the record of ${to} stands; the switch is to be done`
		: `the record of ${to} is looked at again`;
}
