/** Whether a key is too short to be trusted, or its record says that it is only tried out. */

import { parseKeyRecord } from "../dkim/key-record.ts";
import type { Facts, KeyFacts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";

/** RFC 8301 section 3.2: signers should use 2048 at least, and verifiers must not accept less than 1024. */
const ENOUGH_BITS = 2048;
const LEAST_BITS = 1024;

export function checkStrength({ domains }: Facts): readonly Finding[] {
	return domains.flatMap(({ policy, keys }) =>
		keys.flatMap((key) => [...weak(policy.domain, key), ...testing(policy.domain, key)]),
	);
}

function weak(domain: string, { line, algorithm, bits }: KeyFacts): readonly Finding[] {
	if (algorithm !== "rsa" || bits === null || bits >= ENOUGH_BITS) return [];
	const isRefused = bits < LEAST_BITS;
	return [
		finding("key.weak", `${domain} ${line.selector}`, {
			summary: `an RSA key of ${bits} bits ${isRefused ? "is refused by receivers" : "is no longer safe: 2048 are asked for"} (RFC 8301)`,
			command: `keyturn rotate --now ${domain}`,
			...(isRefused ? { severity: "critical" as const } : {}),
		}),
	];
}

/** RFC 6376 section 3.6.1: a verifier must not treat signed mail of a domain in test mode otherwise than unsigned. */
function testing(domain: string, { line, record }: KeyFacts): readonly Finding[] {
	const parsed = record === null ? null : parseKeyRecord(record);
	if (parsed?.kind !== "record" || !(parsed.record.flags ?? []).includes("y")) return [];
	return [
		finding("key.testing", `${domain} ${line.selector}`, {
			summary: "its record has t=y (test mode): receivers treat its mail as if it were not signed (RFC 6376)",
			advice: "take t=y out of the record, or turn the key",
			command: `keyturn rotate --now ${domain}`,
		}),
	];
}
