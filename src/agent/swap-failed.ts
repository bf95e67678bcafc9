/** Tells a switch that was not done; the trouble stands until the next of that signer that is. */

import type { KeyturnError } from "../errors.ts";
import { CAUSES } from "./causes.ts";
import { meanwhile } from "./meanwhile.ts";
import type { Doc, Run } from "./run.ts";

export async function swapFailed(run: Run, doc: Doc, selector: string, error: KeyturnError): Promise<void> {
	const { domain, signer } = doc.policy;
	await run.raise({
		cause: CAUSES.swap(signer),
		event: "swap_failed",
		severity: "critical",
		domains: [domain],
		selector,
		summary: `${signer}: the switch to a new key was not done; ${meanwhile(doc.state)}`,
		detail: error.message,
		hint: error.hint,
	});
}
