/** Notes for how long resolvers may remember what was wrong or absent at a key's name: the soak lasts at least that long. */

import type { LookReport } from "../ports/propagation.ts";
import type { KeyEntry, KeyRecordEntry } from "../rotation/domain-state.ts";

/**
 * What becomes of a key that a look has found not right: no server counts as right any more, and how long that may be
 * remembered is kept, unless something that lives longer was found before. The record is the same object where it stays so.
 */
export function notRight(
	{ record: before }: KeyEntry,
	report: LookReport,
): Pick<KeyEntry, "rightSince" | "record"> {
	const record = inZoneOfNow(before, report);
	const ttlSeconds = rememberedSeconds(record.owner, report);
	const isLonger = ttlSeconds > (record.wildcardTtlSeconds ?? 0);
	return { rightSince: null, record: isLonger ? { ...record, wildcardTtlSeconds: ttlSeconds } : record };
}

/** Its zone may have another negative TTL than when its key was made: the SOA was changed, or another host has the zone by now. */
export function inZoneOfNow(
	record: KeyRecordEntry,
	{ negativeTtlSeconds }: Pick<LookReport, "negativeTtlSeconds">,
): KeyRecordEntry {
	return negativeTtlSeconds > record.negativeTtlSeconds ? { ...record, negativeTtlSeconds } : record;
}

/** An alias that leads elsewhere than to where the record was written is wrong itself; 0 where nothing but absences was found. */
function rememberedSeconds(owner: string, report: LookReport): number {
	const leadsElsewhere = report.owner !== owner;
	const wrong = [...report.servers, ...report.resolvers].filter(
		({ outcome }) => leadsElsewhere || outcome !== "right",
	);
	return Math.max(0, ...wrong.map(({ ttlSeconds }) => ttlSeconds ?? 0));
}
