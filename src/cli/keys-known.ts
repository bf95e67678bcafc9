/** Names the keys that a command could have meant, for whoever named another. */

import type { DomainState } from "../rotation/domain-state.ts";

export function keysKnown({ keys }: DomainState): string {
	if (keys.length === 0) return "known: none; keyturn rotate looks at the signer first";
	return `known: ${keys.map(({ selector, state }) => `${selector} (${state})`).join(", ")}`;
}
