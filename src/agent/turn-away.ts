/** Turns away at once from a key that may never sign again, and notes the use of one that signs although its time is over. */

import { editKey, type KeyEntry, keyOf } from "../rotation/domain-state.ts";
import { isCandidate } from "../rotation/life.ts";
import { whyDistrusted } from "../rotation/retiring.ts";
import { usedUntilNow } from "../rotation/signing.ts";
import { isUnderWay } from "../rotation/step.ts";
import { CAUSES } from "./causes.ts";
import { supersede } from "./make.ts";
import type { Doc, Job, Run } from "./run.ts";

/** Every message signed with it fails already: waiting for cached absences of the next record would make none of them better. */
export async function turnAway(
	run: Run,
	{ doc, step }: Job<"turnAway">,
	mates: readonly Doc[],
): Promise<void> {
	const key = keyOf(doc.state, step.selector);
	if (key === null) return;
	await tellUse(run, doc.policy.domain, key, {
		what: `the signer uses ${key.selector} again`,
		detail:
			"its record stays gone, so its mail does not verify until a new key is in place, which is made at once",
	});
	await wantTurn(run, [...mates, doc]);
	run.done(doc, step);
}

async function wantTurn(run: Run, docs: readonly Doc[]): Promise<void> {
	const rotate = { id: run.ports.random.id(), askedAt: run.now().toISOString(), noSoak: true };
	for (const doc of docs) await run.save(doc, { ...doc.state, wants: { ...doc.state.wants, rotate } });
}

/** The same where DNS alone knows that a key of ours in use was revoked: a snapshot of the host is older than that. */
export async function turnAwayFromRevoked(run: Run, doc: Doc, { selector, origin }: KeyEntry): Promise<void> {
	const { rotate, rollback, remove } = doc.state.wants;
	if (origin !== "made" || rotate !== null || rollback !== null || remove !== null) return;
	for (const key of doc.state.keys.filter(({ state }) => isCandidate(state)))
		if (!isUnderWay(key)) await supersede(run, doc, key.selector, whyDistrusted(selector));
	await wantTurn(run, [doc]);
}

/** The same beside the key in use, which is given the other's lines; nothing to be told of a switch to a key that is new. */
export async function tellBeside(run: Run, { doc, step }: Job<"switch">): Promise<void> {
	const other = step.from === null ? null : keyOf(doc.state, step.from);
	if (other === null || keyOf(doc.state, step.selector)?.state !== "active") return;
	await tellUse(run, doc.policy.domain, other, {
		what: `the signer's tables also use ${other.selector}`,
		detail: `mail signed with it does not verify; its lines are given to ${step.selector}, which signs beside it`,
	});
}

async function tellUse(
	run: Run,
	domain: string,
	key: KeyEntry,
	{ what, detail }: { readonly what: string; readonly detail: string },
): Promise<void> {
	await run.raise({
		cause: CAUSES.drift(domain),
		event: "drift_detected",
		severity: "critical",
		domains: [domain],
		selector: key.selector,
		summary: `${domain}: ${what}, ${whyNever(key)}`,
		detail,
		hint: "was an old backup of the signer's tables restored?",
	});
}

function whyNever({ disclosedAt }: KeyEntry): string {
	return disclosedAt === undefined ? "which is revoked" : "whose private half is known to everybody";
}

export async function noteUse(run: Run, { doc, step }: Job<"noteUse">): Promise<void> {
	const { host, signer } = doc.policy;
	const now = run.now();
	await run.save(
		doc,
		editKey(doc.state, step.selector, (key) => {
			const last = key.uses.at(-1);
			const isOpen = last !== undefined && last.lastAt === null;
			const since = isOpen ? last : { host, signer, firstAt: now.toISOString() };
			return {
				...key,
				owes: null,
				uses: [...(isOpen ? key.uses.slice(0, -1) : key.uses), { ...since, ...usedUntilNow(now) }],
			};
		}),
	);
	run.done(doc, step);
}
