/** Whether something signs for every domain, with lines that can be turned, and whether the running signer does it. */

import type { InspectedSigner } from "../ports/door.ts";
import { isCandidate } from "../rotation/life.ts";
import type { DomainFacts, Facts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";

export function checkSigning({ domains, door }: Facts): readonly Finding[] {
	if (door.kind === "silent") return [];
	return domains.flatMap((domain) => {
		const signer = door.answer.signers.find(({ signer: name }) => name === domain.policy.signer);
		if (signer === undefined || signer.problem !== null || domain.state?.wants.remove != null) return [];
		return [
			...(domain.keys.length === 0 ? unsigned(domain, signer) : []),
			...fixed(domain),
			...silent(domain),
		];
	});
}

/** A first key is made by itself, unless there is no place for its lines. */
function unsigned({ policy, state }: DomainFacts, signer: InspectedSigner): readonly Finding[] {
	const { domain } = policy;
	const noPlace = signer.firstKeyFaults.find((fault) => fault.domain === domain);
	if (noPlace !== undefined)
		return [
			finding("domain.no_place", domain, {
				summary: `nothing signs for it, and it cannot get a first key: ${noPlace.reason}`,
				advice: "make room for its lines as said",
				command: `keyturn add ${domain}`,
			}),
		];
	const isComing = state?.keys.some((key) => isCandidate(key.state)) ?? false;
	return [
		finding("domain.unsigned", domain, {
			summary: isComing ? "nothing signs for it yet: its first key is on its way" : "nothing signs for it",
			...(isComing
				? { advice: "see what it waits for", command: "keyturn status" }
				: { command: `keyturn add ${domain}` }),
			...(isComing ? { severity: "warning" as const } : {}),
		}),
	];
}

function fixed({ policy, keys }: DomainFacts): readonly Finding[] {
	return keys.flatMap(({ line }) =>
		line.problem === null
			? []
			: [
					finding("key.fixed", `${policy.domain} ${line.selector}`.trim(), {
						summary: `its line cannot be turned: ${line.problem}`,
						advice: `write the line of ${line.entry} so that it names one domain, one selector and one file`,
					}),
				],
	);
}

function silent({ policy, keys }: DomainFacts): readonly Finding[] {
	return keys.flatMap(({ line, unsigned: why }) =>
		why === null
			? []
			: [
					finding("signer.silent", `${policy.domain} ${line.selector}`, {
						summary: `the running signer does not sign with it: ${why}`,
						advice: "restart the signer once: it may run with an older configuration",
					}),
				],
	);
}
