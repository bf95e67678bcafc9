/** Tells what of old keys was not done: one trouble for a provider at fault, whatever its domains, else one for the key. */

import type { KeyturnError } from "../errors.ts";
import { editKey, keyOf } from "../rotation/domain-state.ts";
import { CAUSES } from "./causes.ts";
import type { Unchanged } from "./change-record.ts";
import { SHOWN_MS } from "./look.ts";
import type { Job, Run } from "./run.ts";

type RemovalJob = Job<"retire"> | Job<"revoke">;

const NO_HARM = "it does no harm where it is; its removal is tried again";

/**
 * Whether nothing is wrong yet: the provider took the change, and only DNS, which may be long in it, can show it. The step is
 * put off then, for an hour in all; since when is saved, for runs that know nothing of one another.
 */
export async function isAwaited(run: Run, { doc, step }: RemovalJob, { error }: Unchanged): Promise<boolean> {
	if (error.code !== "provider.late") return false;
	const now = run.now();
	const owes = keyOf(doc.state, step.selector)?.owes ?? null;
	// What holds a record back has no tries; a moment to come was noted by a clock that was ahead.
	const isBegun = owes?.act === "retire" && owes.tries > 0 && new Date(owes.askedAt) <= now;
	if (isBegun && now.getTime() - Date.parse(owes.askedAt) >= SHOWN_MS) return false;
	const begun = { act: "retire", id: null, askedAt: now.toISOString(), tries: 1, notBefore: null } as const;
	if (!isBegun)
		await run.save(
			doc,
			editKey(doc.state, step.selector, (key) => ({ ...key, owes: begun })),
		);
	run.delay(doc, step, run.backoff(run.tries(doc, step)), error.message);
	return true;
}

/** A provider that did not change a record, be it this one or any. */
export async function notRemoved(run: Run, job: RemovalJob, { provider, error }: Unchanged): Promise<void> {
	const { doc, step } = job;
	const { domain } = doc.policy;
	const { code, message, hint } = run.fail(doc, step, error);
	const isDenied = code === "provider.denied";
	if (!isDenied && code !== "provider.unreachable") return retireFailed(run, job, error);
	await run.end(CAUSES.retire(domain, step.selector), domain);
	await run.raise({
		cause: isDenied ? CAUSES.denied(provider) : CAUSES.remove(provider),
		event: isDenied ? "provider_denied" : "retire_failed",
		severity: isDenied ? "critical" : "warning",
		domains: [domain],
		selector: step.selector,
		summary: `${provider}: the old record of ${step.selector}._domainkey.${domain} was not removed`,
		detail: message,
		hint: hint ?? NO_HARM,
	});
}

/** They did what they were asked to. */
export async function endNotRemoved(run: Run, domain: string, providers: readonly string[]): Promise<void> {
	for (const provider of providers) {
		await run.end(CAUSES.denied(provider), domain);
		await run.end(CAUSES.remove(provider), domain);
	}
}

export async function retireFailed(run: Run, job: RemovalJob, error: KeyturnError): Promise<void> {
	const what = `the old record of ${job.step.selector} was not removed`;
	await tellRetireFailed(run, job, error, { what, hint: NO_HARM });
}

/** What was to be done with an old key and its record; `hint` is told where the error has none. */
export async function tellRetireFailed(
	run: Run,
	{ doc, step }: RemovalJob | Job<"disclose">,
	error: KeyturnError,
	told: { readonly what: string; readonly hint: string },
): Promise<void> {
	const { domain } = doc.policy;
	await run.raise({
		cause: CAUSES.retire(domain, step.selector),
		event: "retire_failed",
		severity: error.code === "provider.loss" ? "critical" : "warning",
		domains: [domain],
		selector: step.selector,
		summary: `${domain}: ${told.what}`,
		detail: error.message,
		hint: error.hint ?? told.hint,
	});
}
