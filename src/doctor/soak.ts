/** Whether the wait for what resolvers remember is as long as the zone lets it live, and short enough for a turn to be in time. */

import type { DomainFacts, Facts } from "./facts.ts";
import { autoSoakMs } from "../rotation/timing.ts";
import { type Finding, finding } from "./finding.ts";
import { length } from "./words.ts";

/** The longest that `soak: auto` waits for absences. */
const MOST_SECONDS = 86_400;

export function checkSoak({ domains, settings }: Facts): readonly Finding[] {
	return domains.flatMap((domain) => judge(domain, settings.path));
}

function judge(
	{ policy, negativeTtlSeconds, wildcardTtlSeconds }: DomainFacts,
	path: string,
): readonly Finding[] {
	if (negativeTtlSeconds === null) return [];
	const { soakMs } = policy.verify;
	const wildcard = wildcardTtlSeconds ?? 0;
	const auto = autoSoakMs({ negativeTtlSeconds, wildcardTtlSeconds: wildcard });
	const soak = (soakMs === "auto" ? auto : soakMs) / 1000;
	const ahead = policy.publishAheadMs / 1000;
	return [
		...(soak < negativeTtlSeconds
			? [tooShort(policy.domain, { soak, negative: negativeTtlSeconds, path })]
			: []),
		...(soakMs !== "auto" && soak < wildcard
			? [tooShortForWildcard(policy.domain, { soak, wildcard, path })]
			: []),
		...(soak > ahead ? [tooLong(policy.domain, { soak, ahead, path })] : []),
	];
}

function tooShort(
	domain: string,
	{ soak, negative, path }: { readonly soak: number; readonly negative: number; readonly path: string },
): Finding {
	return finding("soak.short", domain, {
		summary: `resolvers may remember that a record is absent for ${length(negative)} (the zone's negative TTL, or that of its NSEC records), and keyturn waits ${length(soak)}: they could miss a new key`,
		advice:
			negative > MOST_SECONDS
				? "lower the last number of the zone's SOA record, and with it the TTL of NSEC records, to an hour"
				: `verify: { soak: auto } in ${path}`,
	});
}

function tooShortForWildcard(
	domain: string,
	{ soak, wildcard, path }: { readonly soak: number; readonly wildcard: number; readonly path: string },
): Finding {
	return finding("soak.short", domain, {
		summary: `resolvers may remember for ${length(wildcard)} what the wildcard below _domainkey answers for the name of a new key, and keyturn waits ${length(soak)}: they could find that in the new key's place`,
		advice: `verify: { soak: auto } in ${path}`,
	});
}

function tooLong(
	domain: string,
	{ soak, ahead, path }: { readonly soak: number; readonly ahead: number; readonly path: string },
): Finding {
	return finding("soak.long", domain, {
		summary: `the wait until resolvers forget what was at the name before (${length(soak)}) is longer than publish_ahead (${length(ahead)}): every turn will be late`,
		advice: `lower the last number of the zone's SOA record (in signed zones the TTL of NSEC records follows it; or that of a wildcard below _domainkey), or raise publish_ahead in ${path}`,
	});
}
