/** Empties the record of a key: whatever was or will be signed with it verifies no more. */

import { revokedRecord } from "../dkim/key-record.ts";
import { KeyturnError } from "../errors.ts";
import { type KeyEntry, keyOf, moveKey } from "../rotation/domain-state.ts";
import { COMPROMISED } from "../rotation/retiring.ts";
import { CAUSES } from "./causes.ts";
import { changeRecord, type Leftover, leftSentences } from "./change-record.ts";
import type { Loaded } from "./documents.ts";
import { otherUsers } from "./readers.ts";
import { endNotRemoved, isAwaited, notRemoved, retireFailed } from "./not-removed.ts";
import { leaveRecord, mayRemove, mustBeUnused, withoutWishesFor } from "./retire.ts";
import type { Doc, Job, Run } from "./run.ts";
import { keepersOf, signingOn, strangersOf } from "./same-record.ts";

/** RFC 5863 section 3.5: a gravestone keeps the name from being used again by somebody who did not hear of it. */
const STANDS_MS = 30 * 86_400_000;

export async function revoke(run: Run, { doc, step }: Job<"revoke">, loaded: Loaded): Promise<void> {
	const key = keyOf(doc.state, step.selector);
	if (key === null) return;
	const { domain, retire } = doc.policy;
	const wish = doc.state.wants.revoke.find(({ selector }) => selector === key.selector);
	const isCompromised = wish !== undefined;
	const value = revokedRecord(key.record.value);
	let others: readonly string[] = [];
	let left: readonly Leftover[] = [];
	try {
		// Mail signed from now on would fail: the signer has to be done with it, whoever put it back.
		const answer = await mustBeUnused(run, doc, key);
		const sources = { answer, strangers: strangersOf(answer, loaded) };
		// What is not compromised is emptied only once nobody needs it.
		if (!isCompromised) {
			if ((await mayRemove(run, doc, key, sources)) === "later") return;
			const keepers = keepersOf(run, { doc, step }, key, loaded);
			if (keepers === "later") return;
			if (keepers.length > 0) {
				await leaveRecord(run, { doc, step }, key, keepers);
				return;
			}
		} else if (!wish.unsigned) mustSignForNobody(domain, key, signingOn(doc, key, loaded));
		others = otherUsers(sources, domain, key);
		const changed = await changeRecord(run, doc, key, (ttlSeconds) => ({
			kind: "replace",
			name: key.record.owner,
			from: key.record.value,
			to: value,
			ttlSeconds,
		}));
		if (changed.failed !== null && (await isAwaited(run, { doc, step }, changed.failed))) return;
		if (changed.failed !== null && !isCompromised) {
			await notRemoved(run, { doc, step }, changed.failed);
			return;
		}
		if (changed.failed !== null) throw changed.failed.error;
		await endNotRemoved(run, domain, changed.asked);
		({ left } = changed);
		// Whoever still asks the servers of before finds the key there, and believes the thief.
		if (isCompromised) mustBeEmptyBefore(key, left);
	} catch (thrown) {
		const error = run.fail(doc, step, thrown);
		await (isCompromised ? revokeFailed(run, { doc, step }, error) : retireFailed(run, { doc, step }, error));
		return;
	}
	const now = run.now();
	await tellRevoked(run, doc, key, { isCompromised, others, left });
	const standsMs = isCompromised ? Math.max(STANDS_MS, retire.tombstoneMs) : retire.tombstoneMs;
	await run.end(CAUSES.retire(domain, key.selector), domain);
	await run.save(
		doc,
		withoutWishesFor(
			key.selector,
			moveKey(doc.state, key.selector, "revoked", now, {
				record: { ...key.record, value },
				owes: {
					act: "retire",
					id: null,
					askedAt: now.toISOString(),
					tries: 0,
					notBefore: new Date(now.getTime() + standsMs).toISOString(),
				},
				reason: isCompromised ? COMPROMISED : "its record is kept empty for a while (retire.tombstone)",
			}),
		),
	);
	await run.ports.keys.remove(domain, key.selector);
	run.done(doc, step);
	run.delay(doc, { kind: "watch", selector: key.selector }, now, "its name servers are looked at");
}

/** Fails where mail of other domains is signed with it still: wishes of their own turn those away that were known by then. */
function mustSignForNobody(domain: string, { selector, record }: KeyEntry, signing: readonly string[]): void {
	if (signing.length === 0) return;
	throw new KeyturnError(
		"signer.config",
		`${domain}: mail of ${signing.join(", ")} is still signed with the key of ${selector}, whose record is ${record.owner}, too`,
		{
			retry: true,
			hint: "it is emptied once they sign with another key: keyturn status says what they wait for; keyturn revoke once more turns one that was added since, and with --unsigned their mail is not waited for",
		},
	);
}

/** Fails where a server of before may still serve the record and can be asked again. */
function mustBeEmptyBefore(key: KeyEntry, left: readonly Leftover[]): void {
	const open = left.filter(({ error }) => error !== null);
	if (open.length === 0) return;
	const names = open.map(({ provider }) => provider).join(" and ");
	throw new KeyturnError("provider.refused", leftSentences(key, open).join("; "), {
		retry: true,
		hint: `it is tried again; if ${names} serves the zone no more, take it out of \`providers\` in keyturn.yaml`,
	});
}

interface Revoked {
	readonly isCompromised: boolean;
	readonly others: readonly string[];
	readonly left: readonly Leftover[];
}

async function tellRevoked(
	run: Run,
	doc: Doc,
	key: KeyEntry,
	{ isCompromised, others, left }: Revoked,
): Promise<void> {
	const { domain } = doc.policy;
	await run.tell("revoked", {
		severity: isCompromised ? "warning" : "info",
		domains: [domain],
		selector: key.selector,
		summary: `${domain}: the record of ${key.selector} is empty now; nothing signed with it verifies once every server has that`,
		detail: [
			`${key.record.owner} TXT ${revokedRecord(key.record.value)}`,
			`resolvers may hold the record of before for ${key.record.ttlSeconds} s more`,
			...leftSentences(key, left),
			...others,
		].join("\n"),
		hint:
			others.length === 0 ? null : "what else signs with the key makes signatures that fail: give it another",
	});
}

async function revokeFailed(run: Run, { doc, step }: Job<"revoke">, error: KeyturnError): Promise<void> {
	const { domain } = doc.policy;
	await run.raise({
		cause: CAUSES.retire(domain, step.selector),
		event: "retire_failed",
		severity: "critical",
		domains: [domain],
		selector: step.selector,
		summary: `${domain}: the record of ${step.selector} could not be emptied; mail forged with it still verifies`,
		detail: error.message,
		hint: error.hint ?? "it is tried again; keyturn record shows the record to be emptied by hand",
	});
}
