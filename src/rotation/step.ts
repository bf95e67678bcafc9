/** The steps that a plan may take, the waits instead, and what each is decided from. */

import type { DomainState, KeyEntry } from "./domain-state.ts";
import type { Policy } from "./policy.ts";
import type { Group } from "./together.ts";

/** A line of the signer's live configuration for this domain. */
export interface LineInUse {
	readonly selector: string;
	/** Base64 of the SPKI DER; null if the key file is unreadable. */
	readonly publicKey: string | null;
	readonly problem: string | null;
}

export interface Delay {
	readonly until: Date;
	readonly reason: string;
}

/** What this run observed. */
export interface Seen {
	/** What the live configuration signs with; null if nobody could look. */
	readonly inUse: readonly LineInUse[] | null;
	/** Why nobody could, where that is known. */
	readonly unread?: string | null;
	/** Why the signer has no place for a first key of the domain; null if it has one. */
	readonly firstKeyFault: string | null;
	/** When services were last stopped for a switch. */
	readonly lastPauseAt: Date | null;
	/** Steps not worth trying before a moment, by `delayKey`. */
	readonly delays: ReadonlyMap<string, Delay>;
	/** Where the clock is in doubt, since when it has been steady: what has passed by then does not count. */
	readonly steadySince: Date | null;
	/** Whoever signs with the same key, and turns with it; absent where nobody does. */
	readonly group?: Group;
}

export type Step =
	/** A switch asked for earlier, whose end is not known. */
	| { readonly kind: "settle"; readonly selector: string }
	/** Keys in use that keyturn did not make. */
	| { readonly kind: "adopt"; readonly selectors: readonly string[] }
	/** A verified key that the live configuration names already. */
	| { readonly kind: "takeOver"; readonly selector: string }
	/** A retired key that the live configuration names again, as after a restored backup: its record has to come back. */
	| { readonly kind: "revive"; readonly selector: string }
	/** A key that may never sign again, revoked or known to everybody, is the one in use: a turn at once. */
	| { readonly kind: "turnAway"; readonly selector: string }
	/** A key whose record is kept for mail under way only is in use again: grace counts from when it no longer is. */
	| { readonly kind: "noteUse"; readonly selector: string }
	| { readonly kind: "make"; readonly selector: null; readonly dueAt: Date }
	| { readonly kind: "giveUp"; readonly selector: string; readonly reason: string }
	| { readonly kind: "publish"; readonly selector: string }
	| { readonly kind: "look"; readonly selector: string }
	/** `from` null: the first key of a domain that nothing signs for. */
	| { readonly kind: "switch"; readonly selector: string; readonly from: string | null }
	/** A key that signed before and is gone back to: its record is looked at again first. */
	| { readonly kind: "restore"; readonly selector: string }
	/** Its record becomes one with an empty `p=` (RFC 6376 section 3.6.1): nothing signed with it verifies any more. */
	| { readonly kind: "revoke"; readonly selector: string }
	/** Its lines go from the signer's tables, and nothing takes its place. */
	| { readonly kind: "takeOut"; readonly selector: string }
	/** The daily look at a key in use, and at one that waits for its date. */
	| { readonly kind: "watch"; readonly selector: string }
	| { readonly kind: "retire"; readonly selector: string }
	/** Its private half is laid out for everybody (`retire.publish_private`). */
	| { readonly kind: "disclose"; readonly selector: string }
	/** The key files of a key retired long ago. */
	| { readonly kind: "drop"; readonly selector: string };

export type StepKind = Step["kind"];

/** `until` null: until somebody does something. */
export interface Wait {
	readonly selector: string | null;
	readonly until: Date | null;
	readonly reason: string;
}

/** The key of a step in `Seen.delays`. */
export function delayKey(kind: StepKind, selector: string | null): string {
	return `${kind} ${selector ?? ""}`;
}

/** All that decides a step. */
export interface Facts {
	readonly state: DomainState;
	readonly seen: Seen;
	readonly policy: Policy;
	readonly now: Date;
}

/** What a concern asks for: the first step that need not wait is done. */
export type Wanted = Step | Wait;

/** Whether it is not known how a switch ended that was asked for. */
export function isUnderWay({ owes }: KeyEntry): boolean {
	return (owes?.act === "switch" || owes?.act === "takeOut") && owes.id !== null;
}
