/** What the agent remembers of its host: the last clock seen, the troubles that last, and what is still to be told. */

import {
	EVENTS,
	type EventName,
	type KeyturnEvent,
	type Severity,
	type TroubleName,
	TROUBLES,
} from "../ports/alert-sink.ts";
import {
	count,
	list,
	notUnderstood,
	nullable,
	object,
	oneOf,
	text,
	time,
} from "../rotation/stored-fields.ts";

/** All times are RFC 3339, UTC. */
export interface HostState {
	readonly schema: 1;
	/** The newest wall clock that a tick saw. */
	readonly lastClock: string;
	/** The time since boot at that tick, in milliseconds; null where nobody noted it. */
	readonly lastBootMs: number | null;
	/** Which boot that was; null where nobody noted it, or it cannot be told. */
	readonly lastBootId: string | null;
	/** When the clock was last found to have been set on, be it by so little that it is believed; null where it never was. */
	readonly setOnAt: string | null;
	/** Since when wall clock and uptime have agreed; later by what nobody could prove of silences while that was in doubt. */
	readonly steadySince: string;
	readonly troubles: readonly Trouble[];
	readonly outbox: readonly Undelivered[];
	/** Of `provider check`, one for each provider and account. */
	readonly checks: readonly Checked[];
}

/** What `provider check` found out about an account, and what it may have left there. */
export interface Checked {
	/** Its name in keyturn.yaml. */
	readonly provider: string;
	readonly account: string;
	/** Null until a check has passed on this account. */
	readonly passedAt: string | null;
	/** Records that are being written, or are not known to be gone. */
	readonly scratch: readonly Scratch[];
}

export interface Scratch {
	readonly zone: string;
	readonly name: string;
	readonly value: string;
}

/** A failure that lasts. */
export interface Trouble {
	/** Names the cause: `publish cf`, `verify example.com 202611`. */
	readonly id: string;
	readonly event: TroubleName;
	readonly severity: Severity;
	readonly domains: readonly string[];
	readonly selector: string | null;
	readonly summary: string;
	readonly detail: string | null;
	readonly hint: string | null;
	readonly since: string;
	/** Those that are well again while others are not: its end names them too. Absent while there are none. */
	readonly over?: readonly string[];
	/** Whom it was told, how often, and when it is told again. */
	readonly told: readonly { readonly sink: string; readonly count: number; readonly nextAt: string }[];
}

/** One event for one sink. */
export interface Undelivered {
	readonly sink: string;
	readonly event: KeyturnEvent;
	readonly tries: number;
	readonly notBefore: string;
}

export function newHostState(now: Date): HostState {
	const at = now.toISOString();
	return {
		schema: 1,
		lastClock: at,
		lastBootMs: null,
		lastBootId: null,
		setOnAt: null,
		steadySince: at,
		troubles: [],
		outbox: [],
		checks: [],
	};
}

/** Reads the stored document strictly; throws with the place. */
export function parseHostState(stored: unknown): HostState {
	// What older versions wrote lacks what came later.
	const fields = ["schema", "lastClock", "steadySince", "troubles", "outbox"];
	const doc = object(stored, "", fields, ["checks", "lastBootMs", "lastBootId", "setOnAt"]);
	if (doc["schema"] !== 1) throw notUnderstood(`schema: expected 1, got ${JSON.stringify(doc["schema"])}`);
	return {
		schema: 1,
		lastClock: time(doc["lastClock"], "lastClock"),
		lastBootMs: nullable(doc["lastBootMs"] ?? null, (stored) => count(stored, "lastBootMs")),
		lastBootId: nullable(doc["lastBootId"] ?? null, (stored) => text(stored, "lastBootId")),
		setOnAt: nullable(doc["setOnAt"] ?? null, (stored) => time(stored, "setOnAt")),
		steadySince: time(doc["steadySince"], "steadySince"),
		troubles: list(doc["troubles"], "troubles").map((one, index) => parseTrouble(one, `troubles[${index}]`)),
		outbox: list(doc["outbox"], "outbox").map((one, index) => parseUndelivered(one, `outbox[${index}]`)),
		checks: list(doc["checks"] ?? [], "checks").map((one, index) => parseChecked(one, `checks[${index}]`)),
	};
}

const SEVERITIES = ["info", "warning", "critical"] as const;
const PHASES = ["start", "repeat", "end"] as const;
const TELLING = ["severity", "domains", "selector", "summary", "detail", "hint"];

function parseTrouble(stored: unknown, at: string): Trouble {
	const isPartlyOver = typeof stored === "object" && stored !== null && "over" in stored;
	const fields = ["id", "event", ...TELLING, "since", "told", ...(isPartlyOver ? ["over"] : [])];
	const trouble = object(stored, at, fields);
	return {
		...(isPartlyOver
			? { over: list(trouble["over"], `${at}.over`).map((name) => text(name, `${at}.over`)) }
			: {}),
		id: text(trouble["id"], `${at}.id`),
		event: oneOf(trouble["event"], TROUBLES, `${at}.event`),
		...parseTelling(trouble, at),
		since: time(trouble["since"], `${at}.since`),
		told: list(trouble["told"], `${at}.told`).map((one) => {
			const entry = object(one, `${at}.told`, ["sink", "count", "nextAt"]);
			return {
				sink: text(entry["sink"], `${at}.told.sink`),
				count: count(entry["count"], `${at}.told.count`),
				nextAt: time(entry["nextAt"], `${at}.told.nextAt`),
			};
		}),
	};
}

function parseChecked(stored: unknown, at: string): Checked {
	const check = object(stored, at, ["provider", "account", "passedAt", "scratch"]);
	return {
		provider: text(check["provider"], `${at}.provider`),
		account: text(check["account"], `${at}.account`),
		passedAt: nullable(check["passedAt"], (value) => time(value, `${at}.passedAt`)),
		scratch: list(check["scratch"], `${at}.scratch`).map((one) => {
			const left = object(one, `${at}.scratch`, ["zone", "name", "value"]);
			return {
				zone: text(left["zone"], `${at}.scratch.zone`),
				name: text(left["name"], `${at}.scratch.name`),
				value: text(left["value"], `${at}.scratch.value`),
			};
		}),
	};
}

function parseUndelivered(stored: unknown, at: string): Undelivered {
	const entry = object(stored, at, ["sink", "event", "tries", "notBefore"]);
	return {
		sink: text(entry["sink"], `${at}.sink`),
		event: parseEvent(entry["event"], `${at}.event`),
		tries: count(entry["tries"], `${at}.tries`),
		notBefore: time(entry["notBefore"], `${at}.notBefore`),
	};
}

/** An event as the history and the outbox keep it. */
export function parseEvent(stored: unknown, at: string): KeyturnEvent {
	const fields = ["schema", "id", "at", "host", "event", "trouble", "phase", ...TELLING, "since", "count"];
	const event = object(stored, at, fields);
	const names: readonly (EventName | TroubleName)[] = [...EVENTS, ...TROUBLES];
	return {
		schema: 1,
		id: text(event["id"], `${at}.id`),
		at: time(event["at"], `${at}.at`),
		host: text(event["host"], `${at}.host`),
		event: oneOf(event["event"], names, `${at}.event`),
		trouble: nullable(event["trouble"], (value) => text(value, `${at}.trouble`)),
		phase: nullable(event["phase"], (value) => oneOf(value, PHASES, `${at}.phase`)),
		...parseTelling(event, at),
		since: nullable(event["since"], (value) => time(value, `${at}.since`)),
		count: count(event["count"], `${at}.count`),
	};
}

/** What a trouble and an event have in common. */
function parseTelling(stored: Record<string, unknown>, at: string) {
	return {
		severity: oneOf(stored["severity"], SEVERITIES, `${at}.severity`),
		domains: list(stored["domains"], `${at}.domains`).map((name) => text(name, `${at}.domains`)),
		selector: nullable(stored["selector"], (value) => text(value, `${at}.selector`)),
		summary: text(stored["summary"], `${at}.summary`),
		detail: nullable(stored["detail"], (value) => text(value, `${at}.detail`)),
		hint: nullable(stored["hint"], (value) => text(value, `${at}.hint`)),
	};
}
