/** What writes a zone. One adapter a provider; `publishing/` makes each safe to repeat. */

export type ZoneFound =
	| { readonly kind: "zone"; readonly zone: string }
	/** `hint`: what to do, where that is something else than to look for the zone in another account. */
	| { readonly kind: "none"; readonly why: string; readonly hint?: string }
	| { readonly kind: "ambiguous"; readonly zones: readonly string[] };

/** Names are absolute, lower case, without the final dot; values are the joined text of a TXT record. */
export type ZoneChange =
	| { readonly kind: "add"; readonly name: string; readonly value: string; readonly ttlSeconds: number }
	| { readonly kind: "remove"; readonly name: string; readonly value: string }
	| {
			readonly kind: "replace";
			readonly name: string;
			readonly from: string;
			readonly to: string;
			readonly ttlSeconds: number;
	  };

export type ChangeResult =
	| { readonly kind: "done" }
	/** add: something else stands at the name; nothing was written. */
	| { readonly kind: "occupied"; readonly values: readonly string[] }
	/** Not done. `denied`: the credential; asking again is pointless until somebody acts. */
	| {
			readonly kind: "refused";
			readonly denied: boolean;
			readonly why: string;
			readonly hint: string | null;
			/** Records of others went with the change: whatever stands at the name afterwards, people have to act. */
			readonly isFinal?: true;
	  }
	/** It may or may not have been done: list and compare. */
	| {
			readonly kind: "unknown";
			readonly why: string;
			/** It was taken, and only DNS, which may be long in it, can show it: nothing is wrong yet. */
			readonly isAwaited?: true;
	  };

export interface ProviderLimits {
	/** The longest TXT value in octets. */
	readonly valueOctets: number;
	readonly minTtlSeconds: number;
	/** Changes in one call. */
	readonly batch: number;
}

/** Every member fails with a `provider.*` error that names the provider and the thing sought, never a secret. */
export interface DnsProvider {
	/** Its name in keyturn.yaml. */
	readonly name: string;
	/** Changes that go through one account are paced together. */
	readonly account: string;
	readonly limits: ProviderLimits;
	/** "dns": it has no list of its own, and `list` asks the name servers, which may be long in showing what was taken. */
	readonly readsBack?: "dns";
	/** Nothing is written: an addition that is "done" was only noted, and somebody has to be told to make the record there. */
	readonly byHand?: { readonly where: string };
	/** The zone of this account that holds `name`: the longest match on a dot boundary. */
	findZone(name: string, signal: AbortSignal): Promise<ZoneFound>;
	/** The values of all TXT records at the name, complete or an error; none is an empty list. */
	list(zone: string, name: string, signal: AbortSignal): Promise<readonly string[]>;
	/**
	 * One result per change, in order. Adding what is there and removing what is gone succeed; siblings are never
	 * touched; removal is of the record as the server holds it, whatever its chunking.
	 */
	change(zone: string, changes: readonly ZoneChange[], signal: AbortSignal): Promise<readonly ChangeResult[]>;
	/** What `list` tells, in the very form in which the interface has it; absent where that is no text. Can be repeated. */
	readonly forms?: (zone: string, name: string, signal: AbortSignal) => Promise<readonly string[]>;
}
