/** What a whole run shows once its trouble is over: that those who can turn have turned, that all was told, that there is rest. */

import { CAUSES } from "../../src/agent/causes.ts";
import type { KeyturnEvent } from "../../src/ports/alert-sink.ts";

/** Once the faults are over, what the calm part of the run showed. */
export interface Aftermath {
	/** Domains for which nothing signs in the end. */
	readonly unsigned: readonly string[];
	/** Domains that stay broken to the end. */
	readonly broken: ReadonlySet<string>;
	/** When the first trouble of each domain was told, in milliseconds of a host that has power. */
	readonly firstToldMs: ReadonlyMap<string, number>;
	/** By when each broken domain has to be told of at the latest. */
	readonly toldByMs: ReadonlyMap<string, number>;
	/** What ticks changed that had nothing to do, as sentences. */
	readonly restless: readonly string[];
	/** The last switch of each domain, in milliseconds; null if there was none. */
	readonly lastSwitchMs: ReadonlyMap<string, number | null>;
	/** The due moments of each domain that had all the time they need. */
	readonly lastDueMs: ReadonlyMap<string, number>;
	/** Events by sink, in the order of their delivery. */
	readonly delivered: ReadonlyMap<string, readonly KeyturnEvent[]>;
	/** The sinks for which so much waited at some time that the oldest news may have been given up. */
	readonly full: ReadonlySet<string>;
	/**
	 * Domains of which a key's line stands in a key table alone, since an administrator saved both tables between two renames: its
	 * record stands until somebody takes the line out, which is told.
	 */
	readonly halves: ReadonlySet<string>;
	/** When the program of `hooks.post` was last told of each domain, in milliseconds. */
	readonly hookToldMs: ReadonlyMap<string, number>;
	/** Records of old keys that outlived all that may keep them, as sentences. */
	readonly outlived: readonly string[];
	/** Waits that named no reason or no moment, as sentences. */
	readonly silentWaits: readonly string[];
}

/**
 * Those that can turn have turned, whatever stands beside them. This is I11 as well: where provider and DNS work from some
 * time on, a turn that is due completes within a bound.
 */
export function oneDomainsTroubleIsItsOwn(after: Aftermath): readonly string[] {
	const breaches = after.unsigned
		.filter((domain) => !after.broken.has(domain))
		.map((domain) => `${domain} has no key though it was asked for and nothing kept it`);
	for (const [domain, dueMs] of after.lastDueMs) {
		if (after.broken.has(domain)) continue;
		const lastMs = after.lastSwitchMs.get(domain) ?? null;
		if (lastMs === null || lastMs < dueMs)
			breaches.push(
				`${domain} did not turn for its due date though nothing kept it: ${[...after.broken].join(", ") || "no domain"} is broken`,
			);
	}
	return breaches;
}

/** Whatever keeps an old record does so for a while only: mail in the queue, a program that has its key. */
export function nothingIsKeptForGood(after: Aftermath): readonly string[] {
	return after.outlived;
}

/** Waits name reason and moment; the broken are told of; what is over is told over; every sink and hook got it. */
export function neverSilent(after: Aftermath): readonly string[] {
	const breaches = [...after.silentWaits];
	for (const [domain, atMs] of after.lastSwitchMs)
		if (atMs !== null && (after.hookToldMs.get(domain) ?? -Infinity) < atMs)
			breaches.push(`no hook was told how the last switch of ${domain} ended`);
	// I11: what is stuck is told in time.
	for (const [domain, byMs] of after.toldByMs)
		if ((after.firstToldMs.get(domain) ?? Infinity) > byMs)
			breaches.push(`${domain} was stuck and nobody was told by ${Math.round(byMs / 60_000)} minutes`);
	const all = new Map<string, KeyturnEvent>();
	for (const events of after.delivered.values())
		for (const event of events)
			if (event.phase !== "repeat" && !isToldDirectly(event)) all.set(nameOf(event), event);
	const standing = new Map<string, KeyturnEvent>();
	for (const [sink, events] of after.delivered) {
		const got = new Set(events.map(nameOf));
		for (const [name, event] of all)
			if (!got.has(name) && !(isNews(event) && after.full.has(sink)))
				breaches.push(`${sink} never got ${name}`);
		for (const event of events) {
			if (event.summary === "") breaches.push(`${event.event} has no summary`);
			if (event.trouble === null) continue;
			if (event.phase === "end") standing.delete(`${sink} ${event.trouble}`);
			else standing.set(`${sink} ${event.trouble}`, event);
		}
	}
	for (const domain of after.broken)
		if (![...standing.values()].some((event) => event.domains.includes(domain)))
			breaches.push(`${domain} is broken and nobody was told`);
	for (const domain of after.halves)
		if (![...standing.values()].some((event) => isOfHalf(event, domain)))
			breaches.push(
				`a key of ${domain} stands in a key table alone, which keeps its record, and nobody was told`,
			);
	for (const event of standing.values())
		if (
			event.domains.length > 0 &&
			event.domains.every(
				(domain) => !after.broken.has(domain) && !(after.halves.has(domain) && isOfHalf(event, domain)),
			)
		)
			breaches.push(`${event.event} of ${event.domains.join(", ")} is over and its end was not told`);
	return breaches;
}

/** That a whole tick failed is told past the outbox, which may be out of reach: the process that dies forgets who knows. */
function isToldDirectly({ trouble, phase }: KeyturnEvent): boolean {
	return trouble === CAUSES.tick() && phase !== "end";
}

/** What only says that all went well. */
function isNews({ phase, severity }: KeyturnEvent): boolean {
	return phase === null && severity === "info";
}

function isOfHalf({ event, domains }: KeyturnEvent, domain: string): boolean {
	return event === "retire_failed" && domains.includes(domain);
}

/** One happening, whatever id each sink's copy has. */
function nameOf({ event, at, trouble, phase, domains }: KeyturnEvent): string {
	return [event, phase ?? "", trouble ?? domains.join(" "), at].join(" ");
}

/** I9: ticks with nothing to do write no domain's file and change nothing at a provider. */
export function restWritesNothing(after: Aftermath): readonly string[] {
	return after.restless;
}
