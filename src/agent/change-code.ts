/** Says by one code what became of a change that a provider did not do: a credential, a loss, DNS that is slow, or anything else. */

import type { ErrorCode } from "../errors.ts";
import type { ChangeResult } from "../ports/dns-provider.ts";

export function codeOfChange(result: ChangeResult | undefined): ErrorCode {
	if (result?.kind === "unknown" && result.isAwaited === true) return "provider.late";
	if (result?.kind !== "refused") return "provider.refused";
	if (result.denied) return "provider.denied";
	return result.isFinal === true ? "provider.loss" : "provider.refused";
}
