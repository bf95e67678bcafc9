/** A DNS provider whose interface has the whole zone in one list: read once for several changes, written back in one call. */

import type { ChangeResult, DnsProvider, ZoneChange } from "../../ports/dns-provider.ts";
import { canonicalTxt, equalTxt, hasTxt } from "../compare.ts";
import { broughtValue, goneValue, isOccupied, isReached } from "../wanted.ts";
import { inBatches } from "./outcome.ts";
import type { WantedRecord } from "./record-api.ts";
import { type InterfaceOptions, readingOf } from "./reading.ts";
import type { ApiZone } from "./zones.ts";

export interface ZoneEntry<Entry> {
	/** Absolute, lower case, without the final dot. */
	readonly name: string;
	/** As the interface shows it, in whatever quotes. */
	readonly value: string;
	/** The entry itself, for the write. */
	readonly entry: Entry;
}

export interface ZoneContent<Entry, Whole> {
	/** The TXT records of the zone. */
	readonly txt: readonly ZoneEntry<Entry>[];
	/** What was read, for interfaces that want all of it again. */
	readonly whole: Whole;
}

export interface ZoneEdit<Entry> {
	readonly gone: readonly Entry[];
	readonly come: readonly WantedRecord[];
}

/** Members fail as `Api.call` does. */
export interface ZoneCalls<Zone extends ApiZone, Entry, Whole> {
	/** The whole zone, proven complete or an error. */
	read(zone: Zone, signal: AbortSignal): Promise<ZoneContent<Entry, Whole>>;
	/** All or nothing; every other entry of the zone stays as it was read. */
	write(zone: Zone, whole: Whole, edit: ZoneEdit<Entry>, signal: AbortSignal): Promise<void>;
}

export function createZoneProvider<Zone extends ApiZone, Entry, Whole>(
	options: InterfaceOptions<Zone> & { readonly calls: ZoneCalls<Zone, Entry, Whole> },
): DnsProvider {
	const { name, limits, zones, calls } = options;

	async function held(zone: Zone, at: string, signal: AbortSignal): Promise<readonly string[]> {
		const { txt } = await calls.read(zone, signal);
		return txt.filter((one) => one.name === at).map(({ value }) => value);
	}

	/** Of changes at different names. */
	async function make(
		zone: Zone,
		changes: readonly ZoneChange[],
		signal: AbortSignal,
	): Promise<readonly ChangeResult[]> {
		const { txt, whole } = await calls.read(zone, signal);
		const steps = changes.map((change) => stepOf(change, txt));
		const edit = { gone: steps.flatMap(({ gone }) => gone), come: steps.flatMap(({ come }) => come) };
		if (edit.gone.length + edit.come.length > 0) await calls.write(zone, whole, edit, signal);
		return steps.map(({ result }) => result);
	}

	return {
		...readingOf(options, held),
		async change(zoneName, changes, signal) {
			const zone = await zones.exact(zoneName, signal);
			return inBatches(name, changes, limits.batch, async (batch) => make(zone, batch, signal));
		},
	};
}

/** What a change takes away and brings, and what has become of it once that is written. */
interface Step<Entry> extends ZoneEdit<Entry> {
	readonly result: ChangeResult;
}

function stepOf<Entry>(change: ZoneChange, txt: readonly ZoneEntry<Entry>[]): Step<Entry> {
	const held = txt.filter((one) => one.name === change.name);
	const values = held.map(({ value }) => canonicalTxt(value));
	const none = { gone: [], come: [] };
	if (isReached(change, values)) return { ...none, result: { kind: "done" } };
	if (isOccupied(change, values)) return { ...none, result: { kind: "occupied", values } };
	const gone = goneValue(change);
	const value = broughtValue(change);
	const isToCome = change.kind !== "remove" && value !== null && !hasTxt(values, value);
	return {
		gone: held.filter((one) => gone !== null && equalTxt(one.value, gone)).map(({ entry }) => entry),
		come: isToCome ? [{ name: change.name, value, ttlSeconds: change.ttlSeconds }] : [],
		result: { kind: "done" },
	};
}
