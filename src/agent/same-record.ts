/** Which other domains stand on a key's record, or on the key itself, under names and files of their own. */

import type { InspectAnswer } from "../ports/door.ts";
import type { KeyEntry } from "../rotation/domain-state.ts";
import type { Loaded } from "./documents.ts";
import type { Doc, Job, Run } from "./run.ts";

/**
 * The other domains that have this very record, where names of several are aliases of one, an emptied one among them: whoever
 * is the last to need it takes it away. "later" where the state of one cannot be read, so that it cannot be told.
 */
export function keepersOf(
	run: Run,
	job: Job<"retire"> | Job<"revoke">,
	key: KeyEntry,
	{ docs, lost }: Loaded,
): readonly string[] | "later" {
	if (lost.length > 0) return later(run, job, lost, "needs its record too");
	const others = docs.filter(({ stored }) => stored !== job.doc.stored);
	return domainsOf(others, (other) => isKeptFor(other, key));
}

/** Those of them whose mail is signed with it now. One whose state cannot be read is not waited for: the key is compromised. */
export function signingOn(doc: Doc, key: KeyEntry, { docs }: Loaded): readonly string[] {
	const others = docs.filter(({ stored }) => stored !== doc.stored);
	return domainsOf(others, (other) => other.state === "active" && isKeptFor(other, key));
}

function isKeptFor({ state, record }: KeyEntry, key: KeyEntry): boolean {
	return state !== "retired" && record.owner === key.record.owner && record.value === key.record.value;
}

/**
 * The domains that have the key itself, under whichever name: a copy of its file, while the record of that may stand. "later"
 * as above.
 */
export function holdersOf(
	run: Run,
	job: Job<"disclose">,
	key: KeyEntry,
	{ docs, lost }: Loaded,
): readonly string[] | "later" {
	if (lost.length > 0) return later(run, job, lost, "has the same key");
	return domainsOf(docs, ({ publicKey, state }) => state !== "retired" && publicKey === key.publicKey);
}

/** The domains that a signer signs for with a key of which their own documents, where they have any, know nothing. */
export interface Stranger {
	readonly signer: string;
	readonly domains: readonly string[];
}

/** By the key's public half. */
export type Strangers = ReadonlyMap<string, readonly Stranger[]>;

/**
 * Their names may be aliases of a key's record, and nobody turns them. A domain whose state cannot be read is none of them:
 * `keepersOf` waits for that.
 */
export function strangersOf({ signers }: InspectAnswer, { docs, lost }: Loaded): Strangers {
	const unread = new Set(lost.map(({ domain }) => domain));
	const known = new Set(
		docs.flatMap(({ policy, state }) =>
			state.keys.flatMap((key) => (key.state === "retired" ? [] : [`${policy.domain} ${key.publicKey}`])),
		),
	);
	const found = new Map<string, Stranger[]>();
	for (const { signer, lines } of signers) {
		const domains = new Map<string, Set<string>>();
		for (const { domain, publicKey, signs } of lines)
			if (signs && publicKey !== null && !unread.has(domain) && !known.has(`${domain} ${publicKey}`))
				domains.set(publicKey, (domains.get(publicKey) ?? new Set()).add(domain));
		for (const [publicKey, names] of domains)
			found.set(publicKey, [...(found.get(publicKey) ?? []), { signer, domains: [...names] }]);
	}
	return found;
}

function domainsOf(docs: readonly Doc[], has: (key: KeyEntry) => boolean): readonly string[] {
	return docs.filter(({ state }) => state.keys.some(has)).map(({ policy }) => policy.domain);
}

function later(
	run: Run,
	{ doc, step }: Job<"retire"> | Job<"revoke"> | Job<"disclose">,
	lost: Loaded["lost"],
	what: string,
): "later" {
	const names = lost.map(({ domain }) => domain).join(", ");
	const reason = `whether ${names} ${what} cannot be told: its state cannot be read`;
	run.delay(doc, step, run.backoff(run.tries(doc, step)), reason);
	return "later";
}
