/** Knows for how long too few have answered for a key in use, though each run may be of a process of its own. */

import type { LookReport } from "../ports/propagation.ts";
import { editKey, type KeyEntry } from "../rotation/domain-state.ts";
import type { Doc, Run } from "./run.ts";

/** Answers that only time out are told after so long, or after six looks of one process. */
const UNANSWERED_MS = 3_600_000;

/** Notes whether too few answered at a look; true where that is so without a break for an hour, of a key in use. */
export async function isUnansweredForLong(
	run: Run,
	doc: Doc,
	key: KeyEntry,
	report: LookReport,
): Promise<boolean> {
	if (key.state !== "active") return false;
	const before = unansweredSince(key);
	const since = report.verdict === "unknown" ? (before ?? report.at) : null;
	if (since !== before)
		await run.save(
			doc,
			editKey(doc.state, key.selector, (one) => ({ ...one, rightSince: since })),
		);
	return since !== null && run.now().getTime() - Date.parse(since) >= UNANSWERED_MS;
}

/** What is noted from before it signed is when it was right. */
function unansweredSince({ rightSince, since }: KeyEntry): string | null {
	return rightSince !== null && rightSince > since ? rightSince : null;
}
