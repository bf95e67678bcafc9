/** A DNS provider whose interface has the whole TXT set at a name: read, changed, written back with every sibling. */

import type { ChangeResult, DnsProvider, ZoneChange } from "../../ports/dns-provider.ts";
import { canonicalTxt, equalTxt } from "../compare.ts";
import { broughtValue, goneValue, isOccupied, isReached } from "../wanted.ts";
import { inBatches } from "./outcome.ts";
import { type InterfaceOptions, readingOf } from "./reading.ts";
import type { ApiZone } from "./zones.ts";

export interface Rrset<Extra> {
	/** As the interface shows them: siblings are written back in the very form. */
	readonly values: readonly string[];
	readonly ttlSeconds: number;
	/** What the interface wants to have again when the set is changed: an ETag, records that are switched off. */
	readonly extra: Extra;
}

export interface RrsetWrite<Extra> {
	readonly name: string;
	/** What was read; null where nothing stood there. */
	readonly before: Rrset<Extra> | null;
	/** Empty: the set goes. */
	readonly values: readonly string[];
	readonly ttlSeconds: number;
}

/** Names are absolute, lower case, without the final dot. Members fail as `Api.call` does. */
export interface RrsetCalls<Zone extends ApiZone, Extra = null> {
	/** The TXT set at the name, null if there is none. */
	rrset(zone: Zone, name: string, signal: AbortSignal): Promise<Rrset<Extra> | null>;
	/** All or nothing, `limits.batch` sets at most, no name twice; refused where a set is not as it was before, if the interface can tell. */
	write(zone: Zone, sets: readonly RrsetWrite<Extra>[], signal: AbortSignal): Promise<void>;
	/** The form in which a value is written. */
	encode(value: string): string;
}

export function createRrsetProvider<Zone extends ApiZone, Extra>(
	options: InterfaceOptions<Zone> & { readonly calls: RrsetCalls<Zone, Extra> },
): DnsProvider {
	const { name, limits, zones, calls } = options;

	async function prepare(zone: Zone, change: ZoneChange, signal: AbortSignal): Promise<Prepared<Extra>> {
		const before = await calls.rrset(zone, change.name, signal);
		const values = (before?.values ?? []).map(canonicalTxt);
		if (isReached(change, values)) return { result: { kind: "done" } };
		if (isOccupied(change, values)) return { result: { kind: "occupied", values } };
		return { write: writeOf(change, before, (value) => calls.encode(value)) };
	}

	async function held(zone: Zone, at: string, signal: AbortSignal): Promise<readonly string[]> {
		return (await calls.rrset(zone, at, signal))?.values ?? [];
	}

	return {
		...readingOf(options, held),
		async change(zoneName, changes, signal) {
			const zone = await zones.exact(zoneName, signal);
			return inBatches(name, changes, limits.batch, async (batch) => {
				const prepared: Prepared<Extra>[] = [];
				for (const change of batch) prepared.push(await prepare(zone, change, signal));
				const writes = prepared.flatMap(({ write }) => write ?? []);
				if (writes.length > 0) await calls.write(zone, writes, signal);
				return prepared.map(({ result }) => result ?? { kind: "done" });
			});
		},
	};
}

/** Either is settled without a write, or has one. */
interface Prepared<Extra> {
	readonly result?: ChangeResult;
	readonly write?: RrsetWrite<Extra>;
}

function writeOf<Extra>(
	change: ZoneChange,
	before: Rrset<Extra> | null,
	encode: (value: string) => string,
): RrsetWrite<Extra> {
	const gone = goneValue(change);
	const brought = broughtValue(change);
	const kept = (before?.values ?? []).filter(
		(value) => (gone === null || !equalTxt(value, gone)) && (brought === null || !equalTxt(value, brought)),
	);
	return {
		name: change.name,
		before,
		values: brought === null ? kept : [...kept, encode(brought)],
		ttlSeconds: change.kind === "remove" ? (before?.ttlSeconds ?? 0) : change.ttlSeconds,
	};
}
