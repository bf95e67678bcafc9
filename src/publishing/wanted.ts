/** What a change wants of the values at a name, and what they say about it before and after. */

import type { ChangeResult, ZoneChange } from "../ports/dns-provider.ts";
import { canonicalTxt, describeDifference, equalTxt, hasTxt, octets } from "./compare.ts";
import { hasAnotherKey, remnantOf } from "./remnant.ts";

/** keyturn takes away what is its own to the octet, and nothing else. */
const BY_HAND =
	"remove that record by hand; a shorter key (RSA 2048, Ed25519) or delegating _domainkey to another provider avoids it";

/** Whether the values are as the change wants them; siblings do not count. */
export function isReached(change: ZoneChange, values: readonly string[]): boolean {
	switch (change.kind) {
		case "add":
			return hasTxt(values, change.value);
		case "remove":
			return !hasTxt(values, change.value);
		case "replace":
			return hasTxt(values, change.to) && (equalTxt(change.from, change.to) || !hasTxt(values, change.from));
	}
}

/** The value that the change brings, null for a removal. */
export function broughtValue(change: ZoneChange): string | null {
	switch (change.kind) {
		case "add":
			return change.value;
		case "remove":
			return null;
		case "replace":
			return change.to;
	}
}

/** The value that the change takes away, null for an addition. */
export function goneValue(change: ZoneChange): string | null {
	switch (change.kind) {
		case "add":
			return null;
		case "remove":
			return change.value;
		case "replace":
			return change.from;
	}
}

/** Whether something foreign keeps a value from being brought: keyturn never writes beside what somebody else has there. */
export function isOccupied(change: ZoneChange, values: readonly string[]): boolean {
	if (change.kind === "remove" || values.length === 0 || isReached(change, values)) return false;
	return change.kind === "add" || !hasTxt(values, change.from);
}

/** What is left to do: a replacement whose old record has gone is an addition, as when an earlier try got half way. */
export function asStillNeeded(change: ZoneChange, values: readonly string[]): ZoneChange {
	if (change.kind !== "replace" || hasTxt(values, change.from)) return change;
	return { kind: "add", name: change.name, value: change.to, ttlSeconds: change.ttlSeconds };
}

/**
 * Where an earlier try has left what the provider made of the value: another would only leave the same, there or at another name,
 * and a removal would not take it away.
 */
export function leftMangled(change: ZoneChange, values: readonly string[]): ChangeResult | null {
	if (change.kind === "replace" || hasTxt(values, change.value)) return null;
	const remnant = remnantOf(change.value, values);
	if (remnant === null) return null;
	// A longer value that only begins alike is somebody else's: a removal is done without it.
	if (change.kind === "remove" && remnant.length >= change.value.length) return null;
	const difference = describeDifference(change.value, remnant);
	return {
		kind: "refused",
		denied: false,
		why: `at ${change.name} stands what the provider made of the value: ${difference}`,
		hint: BY_HAND,
	};
}

/**
 * What the provider made of the value, or somebody else put in its place, if something came to stand there that is neither ours
 * nor was there before.
 */
export function mangled(
	change: ZoneChange,
	before: readonly string[],
	after: readonly string[],
): ChangeResult | null {
	const sent = broughtValue(change);
	const stray = after.find((value) => !hasTxt(before, value));
	if (sent === null || stray === undefined || hasTxt(after, sent)) return null;
	// Two wrote whole sets at one moment, and the other was the last.
	if (change.kind === "add" && hasAnotherKey(sent, canonicalTxt(stray)))
		return { kind: "occupied", values: after.map(canonicalTxt) };
	return {
		kind: "refused",
		denied: false,
		why: `the provider said done, but at ${change.name} stands another value: ${describeDifference(sent, stray)}`,
		hint: BY_HAND,
	};
}

export function tooLong(change: ZoneChange, provider: string, limitOctets: number): ChangeResult | null {
	const value = broughtValue(change);
	if (value === null || octets(value) <= limitOctets) return null;
	return {
		kind: "refused",
		denied: false,
		why: `the value for ${change.name} has ${octets(value)} octets, and ${provider} takes ${limitOctets} at most`,
		hint: "use an RSA key of 2048 bits or Ed25519, or delegate _domainkey to a provider that takes it",
	};
}

/** The values beside the one brought that were not there before: somebody else wrote at the same moment. */
export function racers(
	change: ZoneChange,
	before: readonly string[],
	after: readonly string[],
): readonly string[] {
	const own = broughtValue(change);
	if (own === null) return [];
	return after.map(canonicalTxt).filter((value) => !equalTxt(value, own) && !hasTxt(before, value));
}

export function besideAlias(name: string): ChangeResult {
	return {
		kind: "refused",
		denied: false,
		why: `a CNAME stands at ${name}, and no record can stand beside it`,
		hint: "take the CNAME away; or let it lead to where the record may be written, and have a new key made",
	};
}
