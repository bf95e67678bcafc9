/** Reads a domain's stored document strictly: an unknown field or state is an error, never a guess. */

import {
	type Asked,
	type DomainState,
	type KeyEntry,
	type KeyUse,
	NOTHING_WANTED,
	type Owed,
	type RevokeWanted,
	type Wants,
} from "./domain-state.ts";
import { KEY_STATES } from "./life.ts";
import { count, flag, list, notUnderstood, nullable, object, oneOf, text, time } from "./stored-fields.ts";

/** As long as a document is the same the store gives the same object, at every tick and for thousands of domains. */
const parsed = new WeakMap<object, DomainState>();

/** Throws with the place, what was expected there, and what it got. What is given is not changed afterwards. */
export function parseDomainState(stored: unknown): DomainState {
	if (typeof stored !== "object" || stored === null) return parse(stored);
	const known = parsed.get(stored) ?? parse(stored);
	parsed.set(stored, known);
	return known;
}

function parse(stored: unknown): DomainState {
	const doc = object(stored, "", ["schema", "domain", "wants", "keys"], ["wantsOf"]);
	if (doc["schema"] !== 1)
		throw notUnderstood(
			`schema: expected 1, got ${JSON.stringify(doc["schema"])} (made by a newer keyturn?)`,
		);
	const state: DomainState = {
		schema: 1,
		domain: text(doc["domain"], "domain"),
		wants: parseWants(doc["wants"], "wants"),
		...(doc["wantsOf"] === undefined ? {} : { wantsOf: parseWantsOf(doc["wantsOf"]) }),
		keys: list(doc["keys"], "keys").map((key, index) => parseKey(key, `keys[${index}]`)),
	};
	const names = new Set<string>();
	for (const { selector } of state.keys) {
		if (names.has(selector)) throw notUnderstood(`keys: selector ${selector} stands twice`);
		names.add(selector);
	}
	return state;
}

/** What an older document does not name was not asked for then. */
function parseWants(stored: unknown, at: string): Wants {
	const found = object(stored, at, ["rotate"], ["rollback", "revoke", "retire", "add", "remove"]);
	const wants: Readonly<Record<string, unknown>> = { ...NOTHING_WANTED, ...found };
	return {
		rotate: nullable(wants["rotate"], (value) => parseHurried(value, `${at}.rotate`)),
		rollback: nullable(wants["rollback"], (value) => parseAskedOf(value, `${at}.rollback`)),
		revoke: list(wants["revoke"], `${at}.revoke`).map((value, index) =>
			parseRevoke(value, `${at}.revoke[${index}]`),
		),
		retire: list(wants["retire"], `${at}.retire`).map((value, index) =>
			parseAskedOf(value, `${at}.retire[${index}]`),
		),
		add: nullable(wants["add"], (value) => parseHurried(value, `${at}.add`)),
		remove: nullable(wants["remove"], (value) =>
			parseAsked(object(value, `${at}.remove`, ["id", "askedAt"]), `${at}.remove`),
		),
	};
}

function parseWantsOf(stored: unknown): NonNullable<DomainState["wantsOf"]> {
	const found = object(stored, "wantsOf", [], ["rsa", "ed25519"]);
	return Object.fromEntries(
		Object.entries(found).map(([name, wants]) => [name, parseWants(wants, `wantsOf.${name}`)]),
	);
}

function parseHurried(stored: unknown, at: string): Asked & { readonly noSoak: boolean } {
	const wish = object(stored, at, ["id", "askedAt", "noSoak"]);
	return { ...parseAsked(wish, at), noSoak: flag(wish["noSoak"], `${at}.noSoak`) };
}

function parseRevoke(stored: unknown, at: string): RevokeWanted {
	const wish = object(stored, at, ["id", "askedAt", "selector", "unsigned", "distrusts"]);
	return {
		...parseAsked(wish, at),
		selector: text(wish["selector"], `${at}.selector`),
		unsigned: flag(wish["unsigned"], `${at}.unsigned`),
		distrusts: list(wish["distrusts"], `${at}.distrusts`).map((name) => text(name, `${at}.distrusts`)),
	};
}

function parseAskedOf(stored: unknown, at: string): Asked & { readonly selector: string } {
	const wish = object(stored, at, ["id", "askedAt", "selector"]);
	return { ...parseAsked(wish, at), selector: text(wish["selector"], `${at}.selector`) };
}

function parseAsked(wish: Readonly<Record<string, unknown>>, at: string): Asked {
	return { id: text(wish["id"], `${at}.id`), askedAt: time(wish["askedAt"], `${at}.askedAt`) };
}

function parseKey(stored: unknown, at: string): KeyEntry {
	const names = [
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
	];
	const key = object(stored, at, names, ["disclosedAt", "usedBy", "sharedWith"]);
	const record = object(
		key["record"],
		`${at}.record`,
		["name", "owner", "value", "zone", "providers", "ttlSeconds", "negativeTtlSeconds"],
		["wildcardTtlSeconds"],
	);
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
			...(record["wildcardTtlSeconds"] === undefined
				? {}
				: { wildcardTtlSeconds: count(record["wildcardTtlSeconds"], `${at}.record.wildcardTtlSeconds`) }),
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
		...(key["disclosedAt"] === undefined
			? {}
			: { disclosedAt: time(key["disclosedAt"], `${at}.disclosedAt`) }),
		...(key["usedBy"] === undefined ? {} : { usedBy: texts(key["usedBy"], `${at}.usedBy`) }),
		...(key["sharedWith"] === undefined ? {} : { sharedWith: texts(key["sharedWith"], `${at}.sharedWith`) }),
	};
}

function texts(stored: unknown, at: string): readonly string[] {
	return list(stored, at).map((one) => text(one, at));
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
	const owed = object(stored, at, ["act", "id", "askedAt", "tries", "notBefore"], ["denied"]);
	return {
		act: oneOf(owed["act"], ["publish", "switch", "takeOut", "retire", "drop"] as const, `${at}.act`),
		id: nullable(owed["id"], (value) => text(value, `${at}.id`)),
		askedAt: time(owed["askedAt"], `${at}.askedAt`),
		tries: count(owed["tries"], `${at}.tries`),
		notBefore: nullable(owed["notBefore"], (value) => time(value, `${at}.notBefore`)),
		...(owed["denied"] === undefined ? {} : { denied: text(owed["denied"], `${at}.denied`) }),
	};
}
