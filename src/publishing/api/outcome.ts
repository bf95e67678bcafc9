/** What a call that failed says about the change that it was part of. */

import { asKeyturnError } from "../../errors.ts";
import type { ChangeResult, ZoneChange } from "../../ports/dns-provider.ts";
import { intoBatches } from "../batches.ts";

/** A fault of our own goes on up. */
export function outcomeOf(thrown: unknown): Extract<ChangeResult, { kind: "refused" | "unknown" }> {
	const error = asKeyturnError(thrown);
	switch (error.code) {
		case "provider.unreachable":
			return { kind: "unknown", why: error.message };
		case "provider.denied":
		case "provider.limited":
		case "provider.refused":
		case "provider.zone":
			return {
				kind: "refused",
				denied: error.code === "provider.denied",
				why: error.message,
				hint: error.hint,
			};
		default:
			throw error;
	}
}

/** Whether the next change would meet the same. */
export function isLasting(thrown: unknown): boolean {
	return ["provider.denied", "provider.limited", "provider.unreachable"].includes(
		asKeyturnError(thrown).code,
	);
}

/** Carries out changes batch by batch, no name twice in one, until one meets what lasts; one result per change, in order. */
export async function inBatches(
	provider: string,
	changes: readonly ZoneChange[],
	limit: number,
	make: (batch: readonly ZoneChange[]) => Promise<readonly ChangeResult[]>,
): Promise<readonly ChangeResult[]> {
	const results: ChangeResult[] = [];
	for (const batch of intoBatches(changes, limit, ({ name }) => name)) {
		try {
			results.push(...(await make(batch)));
		} catch (thrown) {
			results.push(...batch.map(() => outcomeOf(thrown)));
			if (isLasting(thrown)) break;
		}
	}
	return changes.map((_, index) => results[index] ?? notTried(provider, results.at(-1)));
}

/** The same, each change by itself. */
export async function oneByOne(
	provider: string,
	changes: readonly ZoneChange[],
	make: (change: ZoneChange) => Promise<ChangeResult>,
): Promise<readonly ChangeResult[]> {
	return inBatches(provider, changes, 1, async (batch) => Promise.all(batch.map(make)));
}

/** Of what was not asked any more, since what went before met something that lasts. */
function notTried(provider: string, before: ChangeResult | undefined): ChangeResult {
	if (before?.kind === "refused" && before.denied) return before;
	const why = before?.kind === "refused" || before?.kind === "unknown" ? `: ${before.why}` : "";
	return { kind: "refused", denied: false, why: `${provider} was not asked any more${why}`, hint: null };
}
