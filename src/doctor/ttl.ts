/** Whether receivers would go on believing a revoked key for longer than a day. */

import type { Facts, KeyFacts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";
import { length } from "./words.ts";

const DAY_SECONDS = 86_400;

export function checkTtl({ domains, settings }: Facts): readonly Finding[] {
	return domains.flatMap(({ policy, keys }) =>
		keys.flatMap((key) => {
			const ttl = servedTtl(key);
			if (ttl <= DAY_SECONDS) return [];
			return [
				finding("ttl.long", `${policy.domain} ${key.line.selector}`, {
					summary: `its record is served with a TTL of ${length(ttl)}: after a revocation receivers would believe it for that long`,
					advice: `lower the TTL in the zone; new keys get record.ttl of ${settings.path} (${length(policy.record.ttlSeconds)})`,
				}),
			];
		}),
	);
}

/** The longest that any server gives; 0 if none is known. */
export function servedTtl({ look }: KeyFacts): number {
	return Math.max(0, ...(look?.servers.map(({ ttlSeconds }) => ttlSeconds ?? 0) ?? []));
}
