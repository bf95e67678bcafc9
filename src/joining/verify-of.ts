/** Which servers stand for those of the zone that holds a name, where its record is read in DNS. */

import type { VerifyPolicy } from "../rotation/policy.ts";
import type { Settings } from "../settings/settings.ts";

/**
 * As the domain has it that the name belongs to: of several the nearest. Where an alias leads out of all of them, no list
 * of name servers is meant for it.
 */
export function verifyOf(
	{ policies, verify }: Pick<Settings, "policies" | "verify">,
	name: string,
): VerifyPolicy {
	const [own] = policies
		.filter(({ domain }) => name.endsWith(`.${domain}`))
		.toSorted((one, other) => other.domain.length - one.domain.length);
	return own?.verify ?? { ...verify, nameservers: "auto" };
}
