/** Which zone of a provider a record goes into. */

import { isBelow } from "../dkim/names.ts";
import { KeyturnError } from "../errors.ts";
import type { DnsProvider } from "../ports/dns-provider.ts";

/** The first of the zones known that holds the name, or what the provider finds; fails with `provider.zone` or `provider.ambiguous`. */
export async function zoneHolding(
	provider: DnsProvider,
	name: string,
	known: readonly (string | null)[],
	signal: AbortSignal,
): Promise<string> {
	const remembered = known.find((zone) => zone !== null && isBelow(name, zone));
	if (typeof remembered === "string") return remembered;
	const found = await provider.findZone(name, signal);
	switch (found.kind) {
		case "zone":
			return found.zone;
		case "none":
			throw new KeyturnError("provider.zone", `${provider.name}: no zone for ${name}: ${found.why}`, {
				hint: found.hint ?? "set `zone` for the domain, or give the provider's credential access to it",
			});
		case "ambiguous":
			throw new KeyturnError(
				"provider.ambiguous",
				`${provider.name}: several zones for ${name}: ${found.zones.join(", ")}`,
				{ hint: "delete the ones that are not served, or take them out of the credential's reach" },
			);
	}
}
