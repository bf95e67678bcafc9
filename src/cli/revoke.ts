/** `keyturn revoke`: a compromised key is turned at once, then its record is emptied, so that nothing it signed verifies. */

import { KeyturnError } from "../errors.ts";
import { activeKey, type DomainState, keyOf } from "../rotation/domain-state.ts";
import type { Policy } from "../rotation/policy.ts";
import { whyNoRevoke } from "../rotation/wishes.ts";
import { keysKnown } from "./keys-known.ts";
import { pursue, type Seen, type Standing, stateOf, type WaitOptions, withProgress } from "./pursuit.ts";
import { orRefused } from "./refusal.ts";
import { standingOfTurn } from "./rotate.ts";
import { localMinute } from "../report/words.ts";
import { choose, type CommandContext, EXIT } from "./workbench.ts";

export interface RevokeOptions extends WaitOptions {
	readonly useStandby: boolean;
	readonly unsigned: boolean;
}

export async function revoke(
	context: CommandContext,
	name: string,
	selector: string,
	options: RevokeOptions,
): Promise<number> {
	const bench = await context.open();
	const policies = choose(bench, [name]);
	const domain = policies[0]?.domain ?? name;
	const state = await stateOf(bench, policies[0] ?? { domain });
	const why = whyNoRevoke(state, selector);
	if (why !== null) throw new KeyturnError("usage", `${domain}: ${why}`, { hint: keysKnown(state) });
	const askedAt = bench.clock.now();
	const wish = {
		id: bench.random.id(),
		at: askedAt.toISOString(),
		kind: "revoke" as const,
		domains: [domain],
		selector,
		noSoak: !options.soak,
		unsigned: options.unsigned,
		useStandby: options.useStandby,
	};
	return withProgress(context, bench, policies, options, async (turning) =>
		pursue(
			turning,
			{
				wish,
				standing: async (policy, state, seen) => {
					const told = standing(policy, state, { ...seen, selector, askedAt });
					const isToBeEmptied = keyOf(state, selector)?.state === "retiring";
					return isToBeEmptied ? orRefused(told, seen, { bench, selector, askedAt }) : told;
				},
			},
			options,
		),
	);
}

function standing(
	policy: Policy,
	state: DomainState,
	seen: Seen & { readonly selector: string; readonly askedAt: Date },
): Standing {
	const { domain, timezone } = policy;
	const key = keyOf(state, seen.selector);
	const signs = activeKey(state)?.selector ?? null;
	if (key?.state === "revoked" || key?.state === "retired")
		return {
			domain,
			code: EXIT.done,
			selector: signs,
			words: `${seen.selector} is revoked since ${localMinute(new Date(key.since), timezone)}; ${signs === null ? "nothing signs" : `${signs} signs`}`,
		};
	if (key?.state === "active") {
		const turning = standingOfTurn(policy, state, seen);
		// A key whose switch was under way when it was revoked has turned: its successor is still to come.
		const { code, words } =
			turning.code === EXIT.done
				? { code: EXIT.waiting, words: `waiting: ${seen.selector} has just begun to sign` }
				: turning;
		return {
			...turning,
			code,
			words: `${words} (mail is still signed with ${seen.selector}, and verifies; --unsigned ends that at once)`,
		};
	}
	return {
		domain,
		code: EXIT.waiting,
		selector: signs,
		words: `waiting: the record of ${seen.selector} is to be emptied`,
	};
}
