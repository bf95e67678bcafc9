/** Looks for domains that stand twice, and for names of providers and signers that are not there. */

import type { FaultList } from "./fault-list.ts";
import type { Path } from "./faults.ts";
import { didYouMean } from "./nearest.ts";

export interface NamedDomain {
	readonly name: string;
	/** Several where each of its keys has a signer of its own. */
	readonly signer?: string | readonly string[] | undefined;
	/** None for the door, which passes them over. */
	readonly providers: readonly string[];
	readonly at: Path;
}

export interface DomainNames {
	readonly signers: readonly string[];
	readonly providers: readonly string[];
	readonly faults: FaultList;
}

export function checkDomains(domains: readonly NamedDomain[], names: DomainNames): void {
	const firstAt = new Map<string, Path>();
	for (const domain of domains) {
		const before = firstAt.get(domain.name);
		if (before === undefined) firstAt.set(domain.name, domain.at);
		else refuseTwice(domain, before, names.faults);
		checkSigner(domain, names);
		checkProviders(domain, names);
	}
}

function refuseTwice(domain: NamedDomain, before: Path, faults: FaultList): void {
	faults.add({
		path: [...domain.at, "name"],
		rule: `stands twice: domains[${String(before.at(-1))}] is the same domain`,
		consequence: "one key would be turned by two sets of rules",
	});
}

function checkSigner({ signer, at, name }: NamedDomain, { signers, faults }: DomainNames): void {
	const named = signer === undefined ? [] : [signer].flat();
	for (const [index, one] of named.entries())
		if (!signers.includes(one))
			faults.add({
				path: [...at, "signer", ...(typeof signer === "string" ? [] : [index])],
				rule: "is no name under signers",
				hint: didYouMean(one, signers) ?? known(signers),
			});
	if (signer === undefined && signers.length > 1)
		faults.add({
			path: [...at, "signer"],
			rule: `is missing: ${name} must name its signer, since there are several`,
			hint: known(signers),
			on: "key",
		});
}

function checkProviders({ providers, at }: NamedDomain, names: DomainNames): void {
	for (const [index, provider] of providers.entries()) {
		if (providers.indexOf(provider) < index)
			names.faults.add({
				path: [...at, "provider", index],
				rule: `names ${provider} a second time`,
				hint: "name each DNS host of the zone once",
			});
		if (names.providers.includes(provider)) continue;
		names.faults.add({
			path: providers.length === 1 ? [...at, "provider"] : [...at, "provider", index],
			rule: "is no name under providers",
			hint: didYouMean(provider, names.providers) ?? known(names.providers),
		});
	}
}

function known(names: readonly string[]): string {
	return names.length === 0 ? "none is configured" : `known here: ${names.slice(0, 12).join(", ")}`;
}
