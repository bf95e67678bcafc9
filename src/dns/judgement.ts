/** Holds what a server serves against the key that it should serve, as key material and not as text. */

import { parseKeyRecord, refusedTags, type KeyRecord } from "../dkim/key-record.ts";
import { recordKey, type PublicHalf } from "../dkim/key-material.ts";
import type { ServerOutcome } from "../ports/propagation.ts";
import type { TextRecord } from "./observation.ts";

/** A revoked record is expected after `revoke`: it has no key. */
export type Expected = { readonly kind: "key"; readonly key: PublicHalf } | { readonly kind: "revoked" };

export interface Judgement {
	readonly outcome: ServerOutcome;
	/** What was served, for people. */
	readonly got: string;
}

/** Null if the record is none that a server could be held against. */
export function parseExpected(record: string): Expected | null {
	const parsed = parseKeyRecord(record);
	if (parsed.kind === "unreadable") return null;
	if (parsed.record.publicKey === "") return { kind: "revoked" };
	const key = recordKey(parsed.record);
	return key === null ? null : { kind: "key", key };
}

/** `records` holds at least one. */
export function judge(records: readonly TextRecord[], expected: Expected): Judgement {
	const [first] = records;
	if (records.length !== 1 || first === undefined)
		return {
			outcome: "several_records",
			got: `${records.length} TXT records: ${records.map(show).join(", ")}`,
		};
	const parsed = parseKeyRecord(first.text);
	if (parsed.kind === "unreadable")
		return { outcome: "unreadable_record", got: `${show(first)}, which is no key record: ${parsed.why}` };
	if (parsed.record.publicKey === "")
		return expected.kind === "revoked"
			? { outcome: "right", got: "the empty p=" }
			: { outcome: "revoked", got: "an empty p=, which revokes the key" };
	if (expected.kind === "revoked")
		return { outcome: "wrong_key", got: `a record that still has a key: ${show(first)}` };
	return judgeKey(parsed.record, first, expected.key);
}

function judgeKey(record: KeyRecord, text: TextRecord, expected: PublicHalf): Judgement {
	const refused = refusedTags(record, expected.algorithm);
	if (refused !== null) return { outcome: "wrong_tags", got: `a record that verifiers refuse: ${refused}` };
	const key = recordKey(record);
	if (key === null)
		return { outcome: "unreadable_record", got: `a p= that is no ${expected.algorithm} key: ${show(text)}` };
	return key.publicKey === expected.publicKey
		? { outcome: "right", got: "the key" }
		: { outcome: "wrong_key", got: `another key: ${show(text)}` };
}

/** Foreign text: cut, and nothing that a terminal would act on. */
function show(record: TextRecord): string {
	const text = record.text.replace(/[^\x20-\x7e]/g, "?");
	return `"${text.length > 60 ? `${text.slice(0, 40)}…${text.slice(-12)}` : text}"`;
}
