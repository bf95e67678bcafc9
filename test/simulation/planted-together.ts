/** A fault as a careless door would have it, where one key signs for several domains. */

import type { InspectedLine } from "../../src/ports/door.ts";
import type { Signer } from "../../src/ports/signer.ts";
import { type PlantedFault, withLuck } from "./planting.ts";
import { turningTogether } from "./scenario.ts";
import { HONEST } from "./wrappers.ts";

export const PLANTED_TOGETHER: readonly PlantedFault[] = [
	{
		name: "switch a line of several domains for one of them",
		breaks: ["1 never unverifiable"],
		wrappers: {
			...HONEST,
			// The agent does not hear who turns together, and whoever is ready first takes the line with it.
			door: (honest) => ({
				request: async (request, signal) => {
					const answer = await honest.request(request, signal);
					if (answer.act !== "inspect") return answer;
					const signers = answer.signers.map((signer) => ({
						...signer,
						lines: signer.lines.map(alone),
					}));
					return { ...answer, signers };
				},
			}),
			signer: (honest) => ({
				...honest,
				render: (reading, changes) => honest.render(reading, forAll(reading, changes)),
			}),
		},
		adjust: (scenario) => {
			const calm = withLuck({})(scenario);
			return turningTogether(calm, calm.policies.slice(-2), "line");
		},
	},
];

function alone(line: InspectedLine): InspectedLine {
	const { group: _group, ...rest } = line;
	return rest;
}

/** Nobody asked for the others of a line. */
function forAll(...[reading, changes]: Parameters<Signer["render"]>): typeof changes {
	const others = reading.lines.flatMap((line) => {
		const of = (domain: string, from: string | null) =>
			reading.lines.find((one) => one.domain === domain && one.selector === from)?.entry;
		const mate = changes.find((change) => of(change.domain, change.from) === line.entry);
		const isAsked = changes.some(({ domain }) => domain === line.domain);
		return mate === undefined || isAsked ? [] : [{ ...mate, domain: line.domain }];
	});
	return [...changes, ...others];
}
