/** Why the record of an old key stands still, as the agent has told it: whoever asked for it to go hears that at once. */

import { CAUSES } from "../agent/causes.ts";
import type { Trouble } from "../agent/host-state.ts";
import { troublesOf } from "./outage.ts";
import type { Seen, Standing } from "./pursuit.ts";
import { EXIT, type Workbench } from "./workbench.ts";

/** The troubles of providers, for all of their domains. */
const OF_PROVIDERS = [CAUSES.denied(""), CAUSES.remove("")];

export interface RecordAsked {
	readonly bench: Workbench;
	readonly selector: string;
	/** When the wish was left. */
	readonly askedAt: Date;
}

/**
 * What a wish for a record waits for, or why it has failed: what began once it was asked for is an answer to it, and waiting
 * on ends no denial. A wish that nobody has taken yet has no answer.
 */
export async function orRefused(
	waiting: Standing,
	{ isTaken }: Seen,
	{ bench, selector, askedAt }: RecordAsked,
): Promise<Standing> {
	const { domain } = waiting;
	const trouble = (await troublesOf(bench)).find((one) => concerns(one, domain, selector));
	if (!isTaken || trouble === undefined) return waiting;
	const why = trouble.detail ?? trouble.summary;
	const isAnswer = new Date(trouble.since) >= askedAt;
	const isFinal = trouble.event === "provider_denied" || trouble.severity === "critical";
	if (!isAnswer || !isFinal) return { ...waiting, words: `${waiting.words} (${why})` };
	return { ...waiting, code: EXIT.failed, words: `failed: ${why}` };
}

function concerns({ id, domains }: Trouble, domain: string, selector: string): boolean {
	if (id === CAUSES.retire(domain, selector)) return true;
	return domains.includes(domain) && OF_PROVIDERS.some((cause) => id.startsWith(cause));
}
