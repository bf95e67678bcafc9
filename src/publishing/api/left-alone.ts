/** Record sets that are more than a list of records. */

import { KeyturnError } from "../../errors.ts";

/** Of a set whose answer depends on who asks: written as a plain one, it would lose that. */
export function hasPolicy(provider: string, name: string): KeyturnError {
	return new KeyturnError(
		"provider.refused",
		`${provider}: the TXT record at ${name} has a routing policy or is an alias, and is left alone`,
		{ hint: "give it simple routing, or take it away, in the provider's console" },
	);
}
