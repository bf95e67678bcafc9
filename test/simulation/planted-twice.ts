/** Faults as a careless agent would have them, where each message is signed with keys of two algorithms. */

import type { DnsProvider, ZoneChange } from "../../src/ports/dns-provider.ts";
import { blind, type PlantedFault, withLuck } from "./planting.ts";
import { type Scenario, signingTwice } from "./scenario.ts";
import { HONEST } from "./wrappers.ts";

const HOUR_MS = 3_600_000;
/** What names the keys of the second algorithm. */
const SECOND = "ed25519-";

export const PLANTED_TWICE: readonly PlantedFault[] = [
	{
		name: "a switch of two keys of which one is verified",
		breaks: ["1 never unverifiable", "2 never switched on hope"],
		wrappers: {
			...HONEST,
			publishing: notFor("add"),
			propagation: (honest) => blind(honest, (_domain, selector) => selector.startsWith(SECOND)),
		},
		adjust: twice,
	},
	{
		name: "one of two records left where both are told gone",
		breaks: ["gone everywhere"],
		wrappers: {
			...HONEST,
			publishing: notFor("remove"),
		},
		adjust: twice,
	},
	{
		name: "one of two keys never turned",
		breaks: ["7 one domain's trouble is its own"],
		wrappers: { ...HONEST, policy: ({ keys: _keys, ...honest }) => honest },
		adjust: (scenario) => ({ ...twice(scenario), days: 0.1, calmDays: 2.2, wishEveryMs: 12 * HOUR_MS }),
	},
];

/** What is done for the records of the second keys only in name. */
function notFor(kind: "add" | "remove"): (bare: DnsProvider) => DnsProvider {
	return (bare) => ({
		...bare,
		change: async (zone, changes, signal) => {
			const isOne = (change: ZoneChange) => change.kind === kind && change.name.startsWith(SECOND);
			const others = changes.filter((change) => !isOne(change));
			const results = others.length === 0 ? [] : [...(await bare.change(zone, others, signal))];
			return changes.map(
				(change) => (isOne(change) ? { kind: "done" } : results.shift()) ?? { kind: "done" },
			);
		},
	});
}

/** Few domains, whose old records go within hours. */
function twice(scenario: Scenario): Scenario {
	const few = { ...scenario, policies: scenario.policies.slice(-3) };
	const host = signingTwice(withLuck({})(few), () => true);
	return {
		...host,
		days: 0.4,
		calmDays: 0.6,
		queueLifetimeMs: HOUR_MS,
		wishEveryMs: 2.5 * HOUR_MS,
		policies: host.policies.map((policy) => ({
			...policy,
			selector: { kind: "template", template: "{alg}-{yyyy}{mm}" },
			retire: { ...policy.retire, graceMs: 2 * HOUR_MS },
		})),
	};
}
