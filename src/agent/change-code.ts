/** Says what became of a change that a provider did not do: a credential, a loss, DNS that is slow, or anything else. */

import { type ErrorCode, KeyturnError } from "../errors.ts";
import type { ChangeResult } from "../ports/dns-provider.ts";

export function codeOfChange(result: ChangeResult | undefined): ErrorCode {
	if (result?.kind === "unknown" && result.isAwaited === true) return "provider.late";
	if (result?.kind !== "refused") return "provider.refused";
	if (result.denied) return "provider.denied";
	return result.isFinal === true ? "provider.loss" : "provider.refused";
}

/** As an error in the words given, with what to do; only where the credential is refused asking again is pointless. */
export function changeFailure(result: ChangeResult | undefined, message: string): KeyturnError {
	const refused = result?.kind === "refused" ? result : null;
	const hint = refused?.hint ?? null;
	return new KeyturnError(codeOfChange(result), message, {
		retry: refused?.denied !== true,
		...(hint === null ? {} : { hint }),
	});
}
