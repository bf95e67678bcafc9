/** Whether a key is too short to be trusted, of a kind that many cannot verify, or its record says that it is only tried out. */

import { publicHalfOf } from "../dkim/key-material.ts";
import { parseKeyRecord } from "../dkim/key-record.ts";
import type { DomainFacts, DoorFacts, Facts, KeyFacts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";

/** RFC 8301 section 3.2: signers should use 2048 at least, and verifiers must not accept less than 1024. */
const ENOUGH_BITS = 2048;
const LEAST_BITS = 1024;

export function checkStrength({ domains, door }: Facts): readonly Finding[] {
	return domains.flatMap((domain) => [
		...domain.keys.flatMap((key) => [
			...weak(domain.policy.domain, key),
			...testing(domain.policy.domain, key),
		]),
		...alone(domain, door),
	]);
}

/** RFC 8463 section 6: a signature of the old algorithm goes beside the new one, for receivers that do not know that yet. */
function alone({ policy, keys }: DomainFacts, door: DoorFacts): readonly Finding[] {
	// Where both are asked for, the one that is missing is told of.
	if (keys.length === 0 || policy.keys?.some(({ algorithm }) => algorithm === "rsa") === true) return [];
	const algorithms = [...keys.map(({ algorithm }) => algorithm), ...algorithmsOf(policy.domain, door)];
	if (algorithms.some((algorithm) => algorithm !== "ed25519")) return [];
	return [
		finding("key.alone", policy.domain, {
			summary:
				"only Ed25519 signs for it, which many receivers cannot verify: to them its mail is not signed (RFC 8463)",
			advice: `let key be { algorithm: rsa, bits: 2048 } in keyturn.yaml and turn it, or have an RSA key sign beside it: docs/signers.md, "RSA and Ed25519"`,
		}),
	];
}

/** Of all lines that sign for a domain, also of signers that are not named for it; null of a key that cannot be read. */
function algorithmsOf(domain: string, door: DoorFacts): readonly KeyFacts["algorithm"][] {
	if (door.kind === "silent") return [];
	return door.answer.signers
		.flatMap(({ lines }) => lines)
		.filter((line) => line.domain === domain && line.signs)
		.map(({ publicKey }) => publicHalfOf(publicKey ?? "")?.algorithm ?? null);
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
