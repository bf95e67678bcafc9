/** Whether a key matches its record, and whether what the name servers were seen to answer is fresh enough to switch on. */

import { type PublicHalf, publicHalf, recordKey } from "../dkim/key-material.ts";
import { parseKeyRecord, refusedTags } from "../dkim/key-record.ts";
import type { Evidence } from "../ports/door.ts";

const FRESH_MS = 5 * 60_000;
/** The agent reads the same clock, but rounds. */
const FUTURE_MS = 1_000;

/** The key of a record that verifies mail; a sentence if it does not. */
export function keyOfRecord(value: string): PublicHalf | string {
	const parsed = parseKeyRecord(value);
	if (parsed.kind === "unreadable") return `the record is no key record: ${parsed.why}`;
	const key = recordKey(parsed.record);
	if (key === null) return "the record holds no readable key";
	const refused = refusedTags(parsed.record, key.algorithm);
	return refused === null ? key : `verifiers would refuse the record: ${refused}`;
}

/** Why this private key does not belong to the record; null if it does. */
export function mismatch(privatePem: string, record: string): string | null {
	const half = publicHalf(privatePem);
	if (half === null) return "the private key is no RSA or Ed25519 key in PEM";
	const key = keyOfRecord(record);
	if (typeof key === "string") return key;
	return half.publicKey === key.publicKey ? null : "the private key does not match the record";
}

/** Why the evidence does not allow to switch to this key now; null if it does. */
export function staleness(
	key: { readonly domain: string; readonly selector: string; readonly record: string },
	evidence: readonly Evidence[],
	now: Date,
): string | null {
	const name = `${key.selector} of ${key.domain}`;
	const found = evidence.find(
		(candidate) => candidate.domain === key.domain && candidate.selector === key.selector,
	);
	if (found === undefined) return `${name}: no answers were given`;
	const seen = keyOfRecord(found.record);
	const staged = keyOfRecord(key.record);
	if (typeof seen === "string") return `${name}: ${seen}`;
	if (typeof staged === "string" || seen.publicKey !== staged.publicKey)
		return `${name}: the servers answered another key than the one staged`;
	if (found.answers.length === 0) return `${name}: no server's answer was given`;
	const old = found.answers.find(({ at }) => !isFresh(new Date(at), now));
	return old === undefined
		? null
		: `${name}: the answer of ${old.server} is of ${old.at}, expected at most 5 minutes before ${now.toISOString()}`;
}

function isFresh(at: Date, now: Date): boolean {
	const ageMs = now.getTime() - at.getTime();
	return ageMs <= FRESH_MS && ageMs >= -FUTURE_MS;
}
