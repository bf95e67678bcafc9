/** Takes keys found in use into the state, without touching them. */

import { publicHalfOf } from "../dkim/key-material.ts";
import { keyRecordName } from "../dkim/names.ts";
import {
	activeKey,
	type DomainState,
	editKey,
	type KeyEntry,
	type KeyRecordEntry,
	type KeyUse,
	keyOf,
	moveKey,
} from "../rotation/domain-state.ts";
import { usedUntilNow } from "../rotation/signing.ts";
import { turnedFor } from "../rotation/timing.ts";
import { isSuperseded } from "../rotation/wishes.ts";
import type { Policy } from "../rotation/policy.ts";
import { adoptedKey } from "./adopted-key.ts";
import { CAUSES } from "./causes.ts";
import { inspection, linesInUse } from "./inspection.ts";
import type { Job, Run } from "./run.ts";
import { writersOf } from "./writers.ts";

/** An adopted key counts as turned at adoption: installing keyturn never stops a mail server at noon. */
export async function adopt(run: Run, { doc, step }: Job<"adopt">): Promise<void> {
	const { policy } = doc;
	const answer = await inspection(run);
	const lines = (linesInUse(answer, policy) ?? []).filter((line) => step.selectors.includes(line.selector));
	const now = run.now();
	let state: DomainState = { ...doc.state, wants: { ...doc.state.wants, add: null } };
	for (const line of lines) {
		const half = line.publicKey === null ? null : publicHalfOf(line.publicKey);
		if (half === null) continue;
		const seen = run.inquiries.vacancy(policy.domain, line.selector, policy.verify);
		if (seen === null) continue;
		const { selector } = line;
		const name = keyRecordName(selector, policy.domain);
		const providers = await writerNames(run, policy, { name, owner: seen.owner });
		const key = adoptedKey(policy, { selector, half, seen, providers, now });
		state = { ...state, keys: [...state.keys, key] };
	}
	if (run.inquiries.isWaiting(policy.domain)) return;
	const replaced = activeKey(doc.state);
	if (replaced !== null && state.keys !== doc.state.keys) {
		state = retireReplaced(state, replaced.selector, step.selectors, now);
		await tellReplaced(run, { doc, step }, replaced.selector);
	}
	await run.save(doc, state);
	run.done(doc, step);
}

/** It is only noted who could change the record: nothing is written, so nobody has to be found. */
async function writerNames(
	run: Run,
	policy: Policy,
	record: Pick<KeyRecordEntry, "name" | "owner">,
): Promise<readonly string[]> {
	try {
		return (await writersOf(run, policy, record)).map(({ name }) => name);
	} catch {
		return policy.providers;
	}
}

/** Its process may go on signing with it for a day, as after a reload. */
function retireReplaced(
	state: DomainState,
	selector: string,
	successors: readonly string[],
	now: Date,
): DomainState {
	return moveKey(state, selector, "retiring", now, {
		uses: usesEnded(keyOf(state, selector)?.uses ?? [], now, false),
		reason: `${successors.join(", ")} was found signing in its place`,
	});
}

async function tellReplaced(run: Run, { doc, step }: Job<"adopt">, before: string): Promise<void> {
	const { domain } = doc.policy;
	const now = step.selectors.join(", ");
	await run.raise({
		cause: CAUSES.drift(domain),
		event: "drift_detected",
		severity: "warning",
		domains: [domain],
		selector: step.selectors[0] ?? null,
		summary: `${domain}: the signer uses ${now}, which keyturn does not know, and no longer ${before}`,
		detail: `${now} is taken over as found; its record will not be removed, since nothing proves that keyturn made it`,
		hint: "somebody changed the signer's tables, or an old state directory was restored",
	});
}

/** A verified key that the live table names already: an administrator, or a switch whose result was lost, put it there. */
export async function takeOver(run: Run, { doc, step }: Job<"takeOver">): Promise<void> {
	const { domain, signer } = doc.policy;
	await run.tell("switched", {
		severity: "info",
		domains: [domain],
		selector: step.selector,
		summary: `${domain}: the signer was found using ${step.selector}`,
		detail: null,
		hint: null,
	});
	await run.end(CAUSES.swap(signer), domain);
	await run.save(doc, signsSince(doc.state, step.selector, run.now(), false, doc.policy));
	await run.ports.keys.remove(domain, step.selector);
	run.done(doc, step);
}

/**
 * The state once `selector` signs: the key used before begins to retire. Unless the old process is known to be gone,
 * open connections may go on signing with the old key for a day.
 */
export function signsSince(
	state: DomainState,
	selector: string,
	at: Date,
	oldProcessGone: boolean,
	policy: { readonly host: string; readonly signer: string } & Parameters<typeof turnedFor>[1],
): DomainState {
	// It signed already, and has been given the lines of another.
	if (keyOf(state, selector)?.state === "active")
		return editKey(state, selector, (key) => ({ ...key, owes: null, reason: null }));
	// One that began to sign by the same switch signs beside it: `key` was a list then.
	const own = keyOf(state, selector)?.algorithm;
	const isSwitched = ({ origin, uses }: KeyEntry): boolean => origin === "made" || uses.length > 1;
	const isBeside = (key: KeyEntry): boolean =>
		isSwitched(key) && key.algorithm !== own && key.since === at.toISOString();
	const before = state.keys.filter(
		(key) => key.state === "active" && key.selector !== selector && !isBeside(key),
	);
	let next = state;
	for (const old of before)
		next = moveKey(next, old.selector, "retiring", at, {
			uses: usesEnded(old.uses, at, oldProcessGone),
			reason: `${selector} signs in its place`,
		});
	next = moveKey(next, selector, "active", at);
	next = editKey(next, selector, (key) => ({
		...key,
		dueAt: turnedFor(key, policy, at).toISOString(),
		uses: [
			...key.uses,
			{
				host: policy.host,
				signer: policy.signer,
				firstAt: at.toISOString(),
				lastAt: null,
				lastAtLatest: null,
			},
		],
	}));
	const { rotate, rollback, revoke } = next.wants;
	// Made before a key was known to be compromised, and on its way already: it is turned once more. What was asked for while the
	// way back was under way is a key after that.
	const isTurnedOnceMore =
		rollback?.selector === selector ||
		revoke.some((wish) => wish.selector === selector || wish.distrusts.includes(selector));
	return {
		...next,
		wants: {
			...next.wants,
			rotate: isTurnedOnceMore ? rotate : null,
			// It would come back to life, and take the key away again that was asked for in its place.
			rollback: rollback?.selector === selector || isSuperseded(next.wants) ? null : rollback,
			add: null,
		},
	};
}

/** The uses of a key that signs no more since `at`; without a restart open connections may go on for a day. */
export function usesEnded(uses: readonly KeyUse[], at: Date, oldProcessGone: boolean): readonly KeyUse[] {
	return uses.map((use) => {
		if (use.lastAt !== null) return use;
		return oldProcessGone
			? { ...use, lastAt: at.toISOString(), lastAtLatest: null }
			: { ...use, ...usedUntilNow(at) };
	});
}
