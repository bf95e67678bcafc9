/** What keyturn remembers of a domain: what is ours, wanted, owed, and when each was confirmed. */

import { KEY_STATES, type KeyState, mayMove } from "./life.ts";

/** All times are RFC 3339, UTC. */
export interface DomainState {
	readonly schema: 1;
	readonly domain: string;
	readonly wants: Wants;
	readonly keys: readonly KeyEntry[];
}

export interface Wants {
	/** `rotate --now`: turn the key whether due or not; cleared when the switch is confirmed. */
	readonly rotate: { readonly id: string; readonly askedAt: string; readonly noSoak: boolean } | null;
}

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
	/** When every server was first seen right in one row; null while it is not so. */
	readonly rightSince: string | null;
	/** When the wait for the servers began; `verify.timeout` counts from here. */
	readonly lookingSince: string | null;
	readonly uses: readonly KeyUse[];
	readonly owes: Owed | null;
	/** Why it is where it is, for people; null where the state says it all. */
	readonly reason: string | null;
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
	/** How long a cached absence of this name can live, seen before publishing. */
	readonly negativeTtlSeconds: number;
}

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
	readonly act: "publish" | "switch" | "retire" | "drop";
	/** Of the attempt under way; null between attempts. */
	readonly id: string | null;
	readonly askedAt: string;
	/** Attempts that failed. */
	readonly tries: number;
	/** No attempt before this moment; null for at once. */
	readonly notBefore: string | null;
}

export function emptyDomainState(domain: string): DomainState {
	return { schema: 1, domain, wants: { rotate: null }, keys: [] };
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

/** Reads a stored document strictly: an unknown field or state is an error, never a guess. Throws with the place. */
export function parseDomainState(stored: unknown): DomainState {
	const doc = object(stored, "", ["schema", "domain", "wants", "keys"]);
	if (doc["schema"] !== 1)
		throw new Error(`schema: expected 1, got ${JSON.stringify(doc["schema"])} (made by a newer keyturn?)`);
	const wants = object(doc["wants"], "wants", ["rotate"]);
	const state: DomainState = {
		schema: 1,
		domain: text(doc["domain"], "domain"),
		wants: {
			rotate:
				wants["rotate"] === null
					? null
					: ((wish) => ({
							id: text(wish["id"], "wants.rotate.id"),
							askedAt: time(wish["askedAt"], "wants.rotate.askedAt"),
							noSoak: flag(wish["noSoak"], "wants.rotate.noSoak"),
						}))(object(wants["rotate"], "wants.rotate", ["id", "askedAt", "noSoak"])),
		},
		keys: list(doc["keys"], "keys").map((key, index) => parseKey(key, `keys[${index}]`)),
	};
	const names = state.keys.map((key) => key.selector);
	const twice = names.find((name, index) => names.indexOf(name) !== index);
	if (twice !== undefined) throw new Error(`keys: selector ${twice} stands twice`);
	return state;
}

function parseKey(stored: unknown, at: string): KeyEntry {
	const key = object(stored, at, [
		"selector",
		"algorithm",
		"bits",
		"publicKey",
		"record",
		"origin",
		"state",
		"since",
		"dueAt",
		"rightSince",
		"lookingSince",
		"uses",
		"owes",
		"reason",
	]);
	const record = object(key["record"], `${at}.record`, [
		"name",
		"owner",
		"value",
		"zone",
		"providers",
		"ttlSeconds",
		"negativeTtlSeconds",
	]);
	return {
		selector: text(key["selector"], `${at}.selector`),
		algorithm: oneOf(key["algorithm"], ["rsa", "ed25519"] as const, `${at}.algorithm`),
		bits: nullable(key["bits"], (value) => count(value, `${at}.bits`)),
		publicKey: text(key["publicKey"], `${at}.publicKey`),
		record: {
			name: text(record["name"], `${at}.record.name`),
			owner: text(record["owner"], `${at}.record.owner`),
			value: text(record["value"], `${at}.record.value`),
			zone: nullable(record["zone"], (value) => text(value, `${at}.record.zone`)),
			providers: list(record["providers"], `${at}.record.providers`).map((name) =>
				text(name, `${at}.record.providers`),
			),
			ttlSeconds: count(record["ttlSeconds"], `${at}.record.ttlSeconds`),
			negativeTtlSeconds: count(record["negativeTtlSeconds"], `${at}.record.negativeTtlSeconds`),
		},
		origin: oneOf(key["origin"], ["made", "adopted"] as const, `${at}.origin`),
		state: oneOf(key["state"], KEY_STATES, `${at}.state`),
		since: time(key["since"], `${at}.since`),
		dueAt: time(key["dueAt"], `${at}.dueAt`),
		rightSince: nullable(key["rightSince"], (value) => time(value, `${at}.rightSince`)),
		lookingSince: nullable(key["lookingSince"], (value) => time(value, `${at}.lookingSince`)),
		uses: list(key["uses"], `${at}.uses`).map((use, index) => parseUse(use, `${at}.uses[${index}]`)),
		owes: nullable(key["owes"], (value) => parseOwed(value, `${at}.owes`)),
		reason: nullable(key["reason"], (value) => text(value, `${at}.reason`)),
	};
}

function parseUse(stored: unknown, at: string): KeyUse {
	const use = object(stored, at, ["host", "signer", "firstAt", "lastAt", "lastAtLatest"]);
	return {
		host: text(use["host"], `${at}.host`),
		signer: text(use["signer"], `${at}.signer`),
		firstAt: time(use["firstAt"], `${at}.firstAt`),
		lastAt: nullable(use["lastAt"], (value) => time(value, `${at}.lastAt`)),
		lastAtLatest: nullable(use["lastAtLatest"], (value) => time(value, `${at}.lastAtLatest`)),
	};
}

function parseOwed(stored: unknown, at: string): Owed {
	const owed = object(stored, at, ["act", "id", "askedAt", "tries", "notBefore"]);
	return {
		act: oneOf(owed["act"], ["publish", "switch", "retire", "drop"] as const, `${at}.act`),
		id: nullable(owed["id"], (value) => text(value, `${at}.id`)),
		askedAt: time(owed["askedAt"], `${at}.askedAt`),
		tries: count(owed["tries"], `${at}.tries`),
		notBefore: nullable(owed["notBefore"], (value) => time(value, `${at}.notBefore`)),
	};
}

/** Readers of stored JSON, shared by every document of the agent; each throws with the place, expected and got. */
export function object(stored: unknown, at: string, fields: readonly string[]): Record<string, unknown> {
	if (typeof stored !== "object" || stored === null || Array.isArray(stored))
		throw expected("an object", stored, at);
	for (const name of Object.keys(stored))
		if (!fields.includes(name)) throw new Error(`${at === "" ? name : `${at}.${name}`}: unknown field`);
	const found = stored as Record<string, unknown>;
	for (const name of fields)
		if (found[name] === undefined) throw new Error(`${at === "" ? name : `${at}.${name}`}: missing`);
	return found;
}

export function list(stored: unknown, at: string): readonly unknown[] {
	if (!Array.isArray(stored)) throw expected("a list", stored, at);
	return stored;
}

export function text(stored: unknown, at: string): string {
	if (typeof stored !== "string") throw expected("a text", stored, at);
	return stored;
}

export function time(stored: unknown, at: string): string {
	if (typeof stored !== "string" || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(stored))
		throw expected("a time such as 2026-11-01T03:00:00.000Z", stored, at);
	return stored;
}

export function count(stored: unknown, at: string): number {
	if (typeof stored !== "number" || !Number.isSafeInteger(stored) || stored < 0)
		throw expected("a whole number", stored, at);
	return stored;
}

export function flag(stored: unknown, at: string): boolean {
	if (typeof stored !== "boolean") throw expected("true or false", stored, at);
	return stored;
}

export function oneOf<const Word extends string>(stored: unknown, words: readonly Word[], at: string): Word {
	const word = words.find((candidate) => candidate === stored);
	if (word === undefined) throw expected(words.join(" or "), stored, at);
	return word;
}

export function nullable<Value>(stored: unknown, read: (value: unknown) => Value): Value | null {
	return stored === null ? null : read(stored);
}

function expected(what: string, got: unknown, at: string): Error {
	return new Error(`${at}: expected ${what}, got ${JSON.stringify(got)?.slice(0, 80)}`);
}
