/** A key that was found in use, as it is taken into the state. Pure. */

import { isRecordOf, type PublicHalf, recordText } from "../dkim/key-material.ts";
import { formatKeyRecord } from "../dkim/key-record.ts";
import { keyRecordName } from "../dkim/names.ts";
import type { Vacancy } from "../ports/propagation.ts";
import type { KeyEntry } from "../rotation/domain-state.ts";
import type { Policy } from "../rotation/policy.ts";

export interface FoundKey {
	readonly selector: string;
	readonly half: PublicHalf;
	/** What stands at its name. */
	readonly seen: Vacancy;
	/** Who could change its record. */
	readonly providers: readonly string[];
	readonly now: Date;
}

/** It counts as turned from now on. */
export function adoptedKey(policy: Policy, { selector, half, seen, providers, now }: FoundKey): KeyEntry {
	const published = seen.values.find((value) => isRecordOf(value, half.publicKey));
	const at = now.toISOString();
	return {
		selector,
		algorithm: half.algorithm,
		bits: half.bits,
		publicKey: half.publicKey,
		record: {
			name: keyRecordName(selector, policy.domain),
			owner: seen.owner,
			value: published ?? formatKeyRecord({ algorithm: half.algorithm, publicKey: recordText(half) }),
			zone: policy.zone ?? seen.zone,
			providers,
			ttlSeconds: policy.record.ttlSeconds,
			negativeTtlSeconds: seen.negativeTtlSeconds,
		},
		origin: "adopted",
		state: "active",
		since: at,
		dueAt: at,
		rightSince: null,
		lookingSince: null,
		uses: [{ host: policy.host, signer: policy.signer, firstAt: at, lastAt: null, lastAtLatest: null }],
		owes: null,
		reason: "found in use",
	};
}
