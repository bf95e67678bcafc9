/** What a call that failed says about the change that it was part of. */

import { asKeyturnError } from "../../errors.ts";
import type { ChangeResult } from "../../ports/dns-provider.ts";

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

/** Of what was not asked any more, since what went before met something that lasts. */
export function notTried(provider: string, before: ChangeResult | undefined): ChangeResult {
	if (before?.kind === "refused" && before.denied) return before;
	const why = before?.kind === "refused" || before?.kind === "unknown" ? `: ${before.why}` : "";
	return { kind: "refused", denied: false, why: `${provider} was not asked any more${why}`, hint: null };
}
