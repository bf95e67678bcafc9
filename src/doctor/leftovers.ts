/** Key records and key files that nobody uses, or looks after: a record says that a signature is good for as long as it stands. */

import type { Facts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";
import { quoted } from "./words.ts";

export function checkLeftovers(facts: Facts): readonly Finding[] {
	return [...records(facts), ...files(facts), ...domains(facts)];
}

function records({ domains }: Facts): readonly Finding[] {
	return domains.flatMap(({ policy, leftRecords }) =>
		leftRecords.map(({ selector, name, isOurs, isAdopted: knownToState }) =>
			finding("leftover.record", `${policy.domain} ${selector}`, {
				summary: isOurs
					? `${name} stands again although keyturn had removed it`
					: `${name} holds a key that nothing on this host signs with: whoever has its private half can still sign as ${policy.domain}`,
				...(isOurs
					? { advice: "see who put it back, and remove it in the zone" }
					: knownToState
						? {
								advice: "if no other host signs with it",
								command: `keyturn retire ${policy.domain} ${quoted(selector)}`,
							}
						: { advice: "if no other host signs with it, remove it in the zone" }),
			}),
		),
	);
}

function files({ door }: Facts): readonly Finding[] {
	if (door.kind === "silent") return [];
	// Two signers may have their keys in one directory.
	const paths = new Set(door.answer.examined.signers.flatMap(({ strayKeys }) => strayKeys));
	return [...paths].map((path) =>
		finding("leftover.file", path, {
			summary: "no line of a signer names this private key, and keyturn did not put it there",
			advice: `if nothing else on this host reads it, remove it with shred -u ${quoted(path)}`,
		}),
	);
}

function domains({ agent, settings }: Facts): readonly Finding[] {
	return agent.forgotten.map(({ domain, selectors }) =>
		finding("leftover.domain", domain, {
			summary: `${settings.path} does not name it any more, so that nobody takes away what keyturn has published for it: ${selectors.join(", ")}`,
			advice:
				"put it back into `domains`, so that these go in their time; `keyturn remove` is for a domain whose signing is to end as well",
		}),
	);
}
