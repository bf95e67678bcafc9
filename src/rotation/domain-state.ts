/** What keyturn remembers of a domain: what is ours, wanted, owed, and when each was confirmed. */

import { type KeyState, mayMove } from "./life.ts";

/** All times are RFC 3339, UTC. */
export interface DomainState {
	readonly schema: 1;
	readonly domain: string;
	readonly wants: Wants;
	/** What is wanted of the keys of a further algorithm, where several are turned together; absent where nothing ever was. */
	readonly wantsOf?: Readonly<Partial<Record<Algorithm, Wants>>>;
	readonly keys: readonly KeyEntry[];
}

export type Algorithm = "rsa" | "ed25519";

/** What operators asked for and is not done yet. */
export interface Wants {
	/** `rotate --now`: turn the key whether due or not; cleared when the switch is confirmed. */
	readonly rotate: (Asked & { readonly noSoak: boolean }) | null;
	/** `rollback`: back to this key; cleared when it signs, or cannot be gone back to. */
	readonly rollback: (Asked & { readonly selector: string }) | null;
	/** `revoke`: each is cleared when its empty record was seen. */
	readonly revoke: readonly RevokeWanted[];
	/** `retire`: each is cleared when its record is gone. */
	readonly retire: readonly (Asked & { readonly selector: string })[];
	/** `add`: its first key at once, whatever the window; cleared when a key signs. */
	readonly add: (Asked & { readonly noSoak: boolean }) | null;
	/** `remove`: no key signs for the domain any more, nor gets a new one; stays until `add`. */
	readonly remove: Asked | null;
}

export interface Asked {
	readonly id: string;
	readonly askedAt: string;
}

export interface RevokeWanted extends Asked {
	readonly selector: string;
	readonly unsigned: boolean;
	/** Keys that were made before this was asked for: who stole one has probably read these too. */
	readonly distrusts: readonly string[];
}

export const NOTHING_WANTED: Wants = {
	rotate: null,
	rollback: null,
	revoke: [],
	retire: [],
	add: null,
	remove: null,
};

export interface KeyEntry {
	readonly selector: string;
	readonly algorithm: "rsa" | "ed25519";
	readonly bits: number | null;
	/** Base64 of the SPKI DER of the public half. */
	readonly publicKey: string;
	readonly record: KeyRecordEntry;
	readonly origin: "made" | "adopted";
	readonly state: KeyState;
	/** When `state` was confirmed. */
	readonly since: string;
	/** The slot of the schedule that this key is for; for an adopted key the moment of adoption. */
	readonly dueAt: string;
	/**
	 * When every server was first seen right in one row; null while it is not so. Of a key in use, where that is later than
	 * `since`: when too few began to answer.
	 */
	readonly rightSince: string | null;
	/** When the wait for the servers began; `verify.timeout` counts from here. */
	readonly lookingSince: string | null;
	readonly uses: readonly KeyUse[];
	readonly owes: Owed | null;
	/** Why it is where it is, for people; null where the state says it all. */
	readonly reason: string | null;
	/** When its private half was laid out for everybody; absent while it is not. */
	readonly disclosedAt?: string;
	/** Programs that are not ours and used it at the last look, while it retires; absent where none did. */
	readonly usedBy?: readonly string[];
	/** The other domains that it was made for as well; absent where it is this domain's alone. */
	readonly sharedWith?: readonly string[];
}

export interface KeyRecordEntry {
	/** `<selector>._domainkey.<domain>` */
	readonly name: string;
	/** Where it is written: `name`, or the target of its alias. */
	readonly owner: string;
	readonly value: string;
	/** Null until it is known. */
	readonly zone: string | null;
	readonly providers: readonly string[];
	readonly ttlSeconds: number;
	/** How long a cached absence of this name can live: the longest that was seen, before publishing and since. */
	readonly negativeTtlSeconds: number;
	/**
	 * How long what a wildcard answered for it, seen before publishing, or a wrong record at this name, seen since then, can
	 * live; absent where there was none.
	 */
	readonly wildcardTtlSeconds?: number;
}

/** How long connections that are open at a reload may go on signing with the key of before. */
export const CONNECTIONS_MS = 24 * 3_600_000;

export interface KeyUse {
	readonly host: string;
	readonly signer: string;
	readonly firstAt: string;
	/** The confirmed last use; null while in use, or while it may still be used. */
	readonly lastAt: string | null;
	/** When an unconfirmed last use counts as confirmed (open connections of a reload); null otherwise. */
	readonly lastAtLatest: string | null;
}

/** Saving it is the intent; clearing it together with `state` and `since` is the result. */
export interface Owed {
	readonly act: "publish" | "switch" | "takeOut" | "retire" | "drop";
	/** Of the attempt under way; null between attempts. */
	readonly id: string | null;
	readonly askedAt: string;
	/** Attempts that failed. */
	readonly tries: number;
	/** No attempt before this moment; null for at once. */
	readonly notBefore: string | null;
	/** Why a provider denied an attempt of those counted: no attempt helps until somebody mends that; absent where none did. */
	readonly denied?: string;
}

export function emptyDomainState(domain: string): DomainState {
	return { schema: 1, domain, wants: NOTHING_WANTED, keys: [] };
}

export function activeKey(state: DomainState): KeyEntry | null {
	return state.keys.find((key) => key.state === "active") ?? null;
}

/** The key with this selector; a selector is never used for two keys. */
export function keyOf(state: DomainState, selector: string): KeyEntry | null {
	return state.keys.find((key) => key.selector === selector) ?? null;
}

/** Moves a key along the life table, clearing what it owed; throws on a move that the table does not have. */
export function moveKey(
	state: DomainState,
	selector: string,
	to: KeyState,
	since: Date,
	changes: Partial<Omit<KeyEntry, "selector" | "state" | "since">> = {},
): DomainState {
	return editKey(state, selector, (key) => {
		if (!mayMove(key.state, to))
			throw new Error(`${state.domain}: key ${selector} cannot move from ${key.state} to ${to}`);
		return { ...key, owes: null, reason: null, ...changes, state: to, since: since.toISOString() };
	});
}

/** Replaces one key by what `edit` makes of it. */
export function editKey(
	state: DomainState,
	selector: string,
	edit: (key: KeyEntry) => KeyEntry,
): DomainState {
	return { ...state, keys: state.keys.map((key) => (key.selector === selector ? edit(key) : key)) };
}
