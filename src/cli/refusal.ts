/** Why the record of an old key stands still, as the agent has told it: whoever asked for it to go hears that at once. */

import { CAUSES } from "../agent/causes.ts";
import type { Trouble } from "../agent/host-state.ts";
import { troublesOf } from "./outage.ts";
import type { Seen, Standing } from "./pursuit.ts";
import { EXIT, type Workbench } from "./workbench.ts";

/** The troubles of providers, for all of their domains. */
const OF_PROVIDERS = [CAUSES.denied(""), CAUSES.remove("")];

/** What a compromised key waits for, as `revoke` words it: domains that are on their way to other keys. */
const WAITED_FOR = /^\S+: mail of .+ is still signed with the key of /;

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
	if (!isAnswer || !isFinal(trouble, why)) return { ...waiting, words: `${waiting.words} (${why})` };
	return { ...waiting, code: EXIT.failed, words: `failed: ${why}` };
}

/** A warning is none: a provider that gives no answer, or too many calls, is told in the same words as one that refuses. */
function isFinal({ event, severity }: Trouble, why: string): boolean {
	return event === "provider_denied" || (severity === "critical" && !WAITED_FOR.test(why));
}

function concerns({ id, domains }: Trouble, domain: string, selector: string): boolean {
	if (id === CAUSES.retire(domain, selector)) return true;
	return domains.includes(domain) && OF_PROVIDERS.some((cause) => id.startsWith(cause));
}
