/** Recognises what a provider made of a key record that it did not store as it was given: cut, split, or quoted once more. */

import { isRevokedRecord } from "../dkim/key-record.ts";

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

/** Without what quoting and escaping (RFC 1035 section 5.1) add, and without what either may take away. */
function bare(value: string): string {
	return value.replace(/\\\d{3}|[^A-Za-z0-9+/=]/g, "");
}
