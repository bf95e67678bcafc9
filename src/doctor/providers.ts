/** Whether each provider lets us in, has the zone, writes the zone that the world asks, and could take the next record. */

import type { DomainFacts, Facts, ProviderFacts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";
import { quoted } from "./words.ts";

export function checkProviders({ domains, settings }: Facts): readonly Finding[] {
	const found = domains.flatMap((domain) => [
		...domain.providers.flatMap((provider) => judge(domain, provider, settings.path)),
		...domain.obstacles.map((why) =>
			finding("provider.unfit", domain.policy.domain, {
				summary: `its next record would not be published: ${why}`,
				command: `keyturn provider check ${quoted(domain.policy.providers[0] ?? "NAME")}`,
			}),
		),
	]);
	return onceEach(found);
}

function judge({ policy, keys }: DomainFacts, provider: ProviderFacts, path: string): readonly Finding[] {
	const { domain } = policy;
	const { name } = provider;
	switch (provider.kind) {
		case "failed":
			return [
				finding("provider.failed", `provider ${name}`, {
					summary: provider.why,
					...(provider.hint === null
						? { command: `keyturn provider check ${quoted(name)}` }
						: { advice: provider.hint }),
					...(provider.code === "provider.denied" ? { severity: "critical" as const } : {}),
				}),
			];
		case "none":
			return [
				finding("provider.zone", domain, {
					summary: `provider ${name} has no zone for it: ${provider.why}`,
					advice:
						provider.hint ??
						`give its credential the right to this zone, or name another provider in ${path}`,
				}),
			];
		case "ambiguous":
			return [
				finding("provider.zone", domain, {
					summary: `provider ${name} has several zones for it: ${provider.zones.join(", ")}`,
					advice: "delete the ones that are not served, or take them out of the credential's reach",
				}),
			];
		case "zone":
			return elsewhere(domain, keys, provider);
	}
}

/** The name servers serve a record that the provider does not hold: changes there would reach nobody. */
function elsewhere(
	domain: string,
	keys: DomainFacts["keys"],
	{ name, zone, values }: Extract<ProviderFacts, { readonly kind: "zone" }>,
): readonly Finding[] {
	const [asked] = keys;
	if (values === null || values.length > 0 || asked?.look?.verdict !== "right") return [];
	return [
		finding("provider.elsewhere", domain, {
			summary: `the name servers serve the record of ${asked.line.selector}, but zone ${zone} of provider ${name} does not hold it: new records may go where nobody looks`,
			advice: `see which DNS host the NS records of ${zone} name, and whether a record gets there`,
			command: `keyturn provider check ${quoted(name)}`,
		}),
	];
}

/** A provider that is down is so for all of its domains. */
function onceEach(findings: readonly Finding[]): readonly Finding[] {
	const seen = new Set<string>();
	return findings.filter(({ code, subject, summary }) => {
		const key = JSON.stringify([code, subject, summary]);
		return !seen.has(key) && seen.add(key);
	});
}
