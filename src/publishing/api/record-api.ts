/** A DNS provider whose interface has records with an id each: the port made of a few calls. */

import type { ChangeResult, DnsProvider, ZoneChange } from "../../ports/dns-provider.ts";
import { canonicalTxt, equalTxt, hasTxt } from "../compare.ts";
import { broughtValue, goneValue, isOccupied, isReached } from "../wanted.ts";
import { type Api, readNothing } from "./client.ts";
import { oneByOne, outcomeOf } from "./outcome.ts";
import { type InterfaceOptions, readingOf } from "./reading.ts";
import type { ApiZone } from "./zones.ts";

export interface HeldRecord {
	readonly id: string;
	/** As the interface shows it, in whatever quotes. */
	readonly value: string;
}

/** What a record is to be; the name is absolute, the value joined and without quotes. */
export interface WantedRecord {
	readonly name: string;
	readonly value: string;
	readonly ttlSeconds: number;
}

/** Each member is one call or a few; names are absolute, lower case, without the final dot. They fail as `Api.call` does. */
export interface RecordCalls<Zone extends ApiZone> {
	/** The TXT records at the name, complete or an error. */
	records(zone: Zone, name: string, signal: AbortSignal): Promise<readonly HeldRecord[]>;
	/** Called only where such a record was not seen. */
	create(zone: Zone, record: WantedRecord, signal: AbortSignal): Promise<void>;
	/** One that is gone already is a success. */
	remove(zone: Zone, name: string, record: HeldRecord, signal: AbortSignal): Promise<void>;
	/** Turns a record into another in one call; absent where an interface cannot. */
	readonly update?: (
		zone: Zone,
		held: HeldRecord,
		record: WantedRecord,
		signal: AbortSignal,
	) => Promise<void>;
	/**
	 * Has the zone served as it stands, where an interface does so only when it is told. Can be repeated. Called after
	 * changes, and before anything that stands there is believed that an earlier run may have left unserved.
	 */
	readonly publish?: (zone: Zone, signal: AbortSignal) => Promise<void>;
}

/** Of a record that has an address of its own; one that is gone already is a success. */
export async function removeAt(api: Api, path: string, signal: AbortSignal): Promise<void> {
	await api.call({ method: "DELETE", path, read: readNothing, absent: null }, signal);
}

export function createRecordProvider<Zone extends ApiZone>(
	options: InterfaceOptions<Zone> & { readonly calls: RecordCalls<Zone> },
): DnsProvider {
	const { name, zones, calls } = options;
	/** Ids of zones that are served as they stand, as far as this process knows. */
	const served = new Set<string>();

	async function publish(zone: Zone, signal: AbortSignal): Promise<void> {
		if (calls.publish === undefined || served.has(zone.id)) return;
		await calls.publish(zone, signal);
		served.add(zone.id);
	}

	async function make(zone: Zone, change: ZoneChange, signal: AbortSignal): Promise<ChangeResult> {
		const held = await calls.records(zone, change.name, signal);
		const values = held.map((record) => canonicalTxt(record.value));
		if (isReached(change, values)) return { kind: "done" };
		if (isOccupied(change, values)) return { kind: "occupied", values };
		served.delete(zone.id);
		await write(zone, change, held, signal);
		return { kind: "done" };
	}

	/** The old record becomes the new one where that is one call; else it goes before the new one comes: never two at once. */
	async function write(
		zone: Zone,
		change: ZoneChange,
		held: readonly HeldRecord[],
		signal: AbortSignal,
	): Promise<void> {
		const gone = goneValue(change);
		const old = gone === null ? [] : held.filter((record) => equalTxt(record.value, gone));
		const wanted = wantedBy(change, held);
		const [first] = old;
		const turned = wanted !== null && calls.update !== undefined ? first : undefined;
		for (const record of old) if (record !== turned) await calls.remove(zone, change.name, record, signal);
		if (wanted === null) return;
		if (turned === undefined) await calls.create(zone, wanted, signal);
		else await calls.update?.(zone, turned, wanted, signal);
	}

	async function held(zone: Zone, at: string, signal: AbortSignal): Promise<readonly string[]> {
		await publish(zone, signal);
		return (await calls.records(zone, at, signal)).map(({ value }) => value);
	}

	return {
		...readingOf(options, held),
		async change(zoneName, changes, signal) {
			const zone = await zones.exact(zoneName, signal);
			const results = await oneByOne(name, changes, async (change) => make(zone, change, signal));
			if (results.some(({ kind }) => kind === "done")) {
				try {
					await publish(zone, signal);
				} catch (thrown) {
					return changes.map(() => outcomeOf(thrown));
				}
			}
			return results;
		},
	};
}

/** The record that is to come; null if there is none, or it stands there already beside the one that is to go. */
function wantedBy(change: ZoneChange, held: readonly HeldRecord[]): WantedRecord | null {
	const value = broughtValue(change);
	if (change.kind === "remove" || value === null) return null;
	const values = held.map((record) => record.value);
	return hasTxt(values, value) ? null : { name: change.name, value, ttlSeconds: change.ttlSeconds };
}
