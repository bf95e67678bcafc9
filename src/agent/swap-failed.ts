/** Tells a switch that was not done; the trouble stands until the next of that signer that is. */

import type { KeyturnError } from "../errors.ts";
import { CAUSES } from "./causes.ts";
import type { Run } from "./run.ts";

export async function swapFailed(
	run: Run,
	domain: string,
	signer: string,
	selector: string,
	error: KeyturnError,
): Promise<void> {
	await run.raise({
		cause: CAUSES.swap(signer),
		event: "swap_failed",
		severity: "critical",
		domains: [domain],
		selector,
		summary: `${signer}: the switch to a new key was not done; the old key signs`,
		detail: error.message,
		hint: error.hint,
	});
}
