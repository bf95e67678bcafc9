/** Judges what a domain says about its mail in DNS besides its keys, as a receiver would: SPF (RFC 7208) and DMARC (RFC 7489). */

export type PolicyRecordType = "TXT" | "A" | "AAAA" | "MX" | "PTR";

export type PolicyAnswer =
	/** TXT: the joined texts; A, AAAA: addresses; MX and PTR: names without the final dot. */
	| { readonly kind: "found"; readonly values: readonly string[] }
	| { readonly kind: "absent" }
	| { readonly kind: "unknown"; readonly why: string };

/** Never fails: every outcome is an answer. */
export type PolicyLookup = (name: string, type: PolicyRecordType) => Promise<PolicyAnswer>;

/** RFC 7208 section 2.6. */
export type SpfResult = "pass" | "fail" | "softfail" | "neutral" | "none" | "temperror" | "permerror";

export interface SpfVerdict {
	readonly result: SpfResult;
	/** What is to be said of it; empty if nothing. */
	readonly comment: string;
	/** How many lookups it took, of the ten that are allowed (RFC 7208 section 4.6.4). */
	readonly lookups: number;
}

export interface DmarcVerdict {
	/** pass: a message signed for the domain itself passes; none: there is no record that counts. */
	readonly result: "pass" | "fail" | "none" | "temperror";
	/** `p=`, or `sp=` where the record of the organization applies; null without a record. */
	readonly policy: string | null;
	/** The record that applies; null without one. */
	readonly record: string | null;
}

export interface MailPolicies {
	/** Mail from `domain` by a client at `address`, as a receiver judges it. */
	spf(domain: string, address: string, lookup: PolicyLookup): Promise<SpfVerdict>;
	/** A message whose From has `domain`, signed for `domain` and with no help from SPF. */
	dmarc(domain: string, lookup: PolicyLookup): Promise<DmarcVerdict>;
}
