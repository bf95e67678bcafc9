/** Recognises what a provider made of a key record that it did not store as it was given: cut, split, or quoted once more. */

import { recordKey } from "../dkim/key-material.ts";
import { isRevokedRecord, parseKeyRecord } from "../dkim/key-record.ts";

/**
 * The first of the values at a name, where all of them are made of what was sent and none is what was sent; null otherwise.
 * Somebody else's key is none of ours, nor is a record that was emptied on purpose.
 */
export function remnantOf(sent: string, values: readonly string[]): string | null {
	const whole = bare(sent);
	const isMade = (value: string): boolean => {
		const part = bare(value);
		return part !== "" && (whole.includes(part) || part.includes(whole)) && !isRevokedRecord(value);
	};
	return values.every(isMade) ? (values[0] ?? null) : null;
}

/** Whether it has a key that is whole, and not the one that was sent: nobody makes that of ours by cutting or re-writing it. */
export function hasAnotherKey(sent: string, value: string): boolean {
	const [own, other] = [sent, value].map(rsaKeyIn);
	return other !== null && other !== own;
}

/** Of RSA alone: any 32 octets are a key of Ed25519. */
function rsaKeyIn(value: string): string | null {
	const parsed = parseKeyRecord(value);
	if (parsed.kind !== "record" || parsed.record.algorithm !== "rsa") return null;
	return recordKey(parsed.record)?.publicKey ?? null;
}

/** Without what quoting and escaping (RFC 1035 section 5.1) add, and without what either may take away. */
function bare(value: string): string {
	return value.replace(/\\\d{3}|[^A-Za-z0-9+/=]/g, "");
}
