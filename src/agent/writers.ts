/** Which providers write a record: those of its domain, or, where its name is an alias into another zone, those of that zone. */

import { isBelow } from "../dkim/names.ts";
import { asKeyturnError, KeyturnError } from "../errors.ts";
import type { DnsProvider } from "../ports/dns-provider.ts";
import type { KeyRecordEntry } from "../rotation/domain-state.ts";
import type { Policy } from "../rotation/policy.ts";
import type { AgentPorts, AgentSettings } from "./run.ts";

export interface WritersGiven {
	readonly ports: Pick<AgentPorts, "providers">;
	readonly settings: AgentSettings;
	readonly signal: AbortSignal;
}

/**
 * The domain's own providers where its zone holds the record; else those of the configured domain in whose zone it lies;
 * else the one provider that finds its zone. Fails with `provider.zone` where there is none, with `provider.ambiguous` where
 * several find the same zone, and as `findZone` does.
 */
export async function writersOf(
	given: WritersGiven,
	policy: Policy,
	{ name, owner }: Pick<KeyRecordEntry, "name" | "owner">,
): Promise<readonly DnsProvider[]> {
	const own = named(given, policy.providers);
	if (owner === name || (policy.zone !== null && isBelow(owner, policy.zone))) return own;
	// Those that have no list of their zones say of every zone that DNS knows that it is theirs.
	const [first] = own.filter(hasZones);
	if (first !== undefined && (await zoneAt(first, owner, given.signal)) !== null) return own;
	const neighbour = neighbourOf(given.settings, policy, owner);
	if (neighbour !== null) return named(given, neighbour.providers);
	const found = await finder(given, own, owner);
	if (found !== null) return [found];
	if (first === undefined) return own;
	throw new KeyturnError(
		"provider.zone",
		`${name} is an alias of ${owner}, and no configured provider has a zone that holds it`,
		{ hint: "configure the provider of that zone, or make the name an alias into a zone that is configured" },
	);
}

/** A configured one that is set up; the others are told of elsewhere. */
function named({ ports }: WritersGiven, names: readonly string[]): readonly DnsProvider[] {
	return names.map((name) => {
		const provider = ports.providers.get(name);
		if (provider === undefined) throw new KeyturnError("bug", `provider ${name} is not set up`);
		return provider;
	});
}

function hasZones({ readsBack }: DnsProvider): boolean {
	return readsBack !== "dns";
}

/** The domain whose zone is the longest that holds the name. */
function neighbourOf({ policies }: AgentSettings, own: Policy, name: string): Policy | null {
	const zoneOf = ({ zone, domain }: Policy): string => zone ?? domain;
	const holding = policies.filter((policy) => policy !== own && isBelow(name, zoneOf(policy)));
	const isOwn = isBelow(name, own.domain);
	const [longest] = holding.toSorted((one, other) => zoneOf(other).length - zoneOf(one).length);
	if (longest === undefined || (isOwn && zoneOf(longest).length <= own.domain.length)) return null;
	return longest;
}

/** Among all that are configured; one that fails counts only where no other has the zone. */
async function finder(
	{ ports, signal }: WritersGiven,
	own: readonly DnsProvider[],
	owner: string,
): Promise<DnsProvider | null> {
	const found: { readonly provider: DnsProvider; readonly zone: string }[] = [];
	let failure: KeyturnError | null = null;
	for (const provider of ports.providers.values()) {
		if (own.includes(provider) || !hasZones(provider)) continue;
		try {
			const zone = await zoneAt(provider, owner, signal);
			if (zone !== null) found.push({ provider, zone });
		} catch (thrown) {
			failure = asKeyturnError(thrown);
		}
	}
	const [best, next] = found.toSorted((one, other) => other.zone.length - one.zone.length);
	if (best === undefined && failure !== null) throw failure;
	if (best !== undefined && next?.zone === best.zone)
		throw new KeyturnError(
			"provider.ambiguous",
			`${owner}: both ${best.provider.name} and ${next.provider.name} have a zone ${best.zone}`,
			{ hint: "configure a domain in that zone with the provider that serves it" },
		);
	return best?.provider ?? null;
}

async function zoneAt(provider: DnsProvider, name: string, signal: AbortSignal): Promise<string | null> {
	const found = await provider.findZone(name, signal);
	return found.kind === "zone" ? found.zone : null;
}
