/** The key record of a new key: its public half, the configured tags, and what the key in use carries on. */

import { type KeySpec, recordText, type PublicHalf } from "../dkim/key-material.ts";
import { carriedTags, formatKeyRecord, type KeyRecordTags, parseKeyRecord } from "../dkim/key-record.ts";
import type { RecordPolicy } from "./policy.ts";

/** `inUse` is the record of the key in use, null if there is none. */
export function nextRecord(key: PublicHalf, policy: RecordPolicy, inUse: string | null): string {
	const tags: KeyRecordTags = { ...carriedFrom(inUse), ...configured(policy) };
	return formatKeyRecord({ ...tags, algorithm: key.algorithm, publicKey: recordText(key) });
}

/** How long the record of a key that is not made yet will be. */
export function nextRecordOctets(spec: KeySpec, policy: RecordPolicy, inUse: string | null): number {
	const publicKey = Buffer.alloc(spkiOctets(spec)).toString("base64");
	const bits = spec.algorithm === "rsa" ? spec.bits : null;
	return Buffer.byteLength(nextRecord({ algorithm: spec.algorithm, bits, publicKey }, policy, inUse));
}

/** DER of a SubjectPublicKeyInfo: Ed25519's is fixed (RFC 8410); around an RSA modulus of 2048 bits and more stand 38 octets. */
function spkiOctets(spec: KeySpec): number {
	return spec.algorithm === "ed25519" ? 44 : spec.bits / 8 + 38;
}

function carriedFrom(inUse: string | null): KeyRecordTags {
	if (inUse === null) return {};
	const parsed = parseKeyRecord(inUse);
	return parsed.kind === "record" ? carriedTags(parsed.record) : {};
}

function configured(policy: RecordPolicy): KeyRecordTags {
	return {
		...(policy.hash === undefined ? {} : { hash: policy.hash }),
		...(policy.service === undefined ? {} : { service: policy.service }),
		...(policy.flags === undefined ? {} : { flags: policy.flags }),
		...(policy.notes === undefined ? {} : { notes: policy.notes }),
	};
}
