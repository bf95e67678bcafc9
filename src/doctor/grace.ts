/** Whether an old record outlives the mail that was signed with its key and still waits in the queue. */

import type { Facts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";
import { servedTtl } from "./ttl.ts";
import { length } from "./words.ts";

export function checkGrace({ domains, door, settings }: Facts): readonly Finding[] {
	const queue = door.kind === "told" ? door.answer.queue : null;
	const lifetime = queue?.lifetimeSeconds ?? 0;
	return domains.flatMap(({ policy, keys }) => {
		const ttl = Math.max(policy.record.ttlSeconds, ...keys.map(servedTtl));
		const grace = policy.retire.graceMs / 1000;
		if (grace >= lifetime + ttl) return [];
		const needed = Math.ceil((lifetime + ttl) / 86_400);
		const waits =
			lifetime === 0
				? ""
				: ` mail may wait in the queue for ${length(lifetime)} (maximal_queue_lifetime), and`;
		return [
			finding("grace.short", policy.domain, {
				summary: `grace is ${length(grace)}, but${waits} its record is remembered for ${length(ttl)}: late mail would not verify`,
				advice: `retire: { grace: ${needed}d } or longer in ${settings.path}`,
			}),
		];
	});
}
