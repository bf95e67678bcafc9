/** Which prerequisites and updates bring a name from what the server holds to what is wanted; does nothing itself. */

import { encodeTxtData, type Prerequisite, type Update } from "../../src/dns/dns-wire/update.ts";
import type { ChangeResult, ZoneChange } from "../../src/ports/dns-provider.ts";

/** What the server holds at one name. */
export interface Held {
	/** All TXT records: the joined text, and the data octet for octet. */
	readonly records: readonly { readonly value: string; readonly data: Uint8Array }[];
	/** Where a CNAME there leads to: a TXT record beside it would silently not be taken (RFC 2136 section 3.4.2.2). */
	readonly alias: string | null;
}

export const NOTHING_HELD: Held = { records: [], alias: null };

export type Decision =
	| { readonly kind: "settled"; readonly result: ChangeResult }
	/** Repeatable: the prerequisites fail if anything but `held` is there. */
	| {
			readonly kind: "write";
			readonly prerequisites: readonly Prerequisite[];
			readonly updates: readonly Update[];
	  };

export function decide(change: ZoneChange, held: Held): Decision {
	switch (change.kind) {
		case "add":
			return decideAdd(change.name, change.value, change.ttlSeconds, held);
		case "remove": {
			const found = held.records.filter((record) => record.value === change.value);
			if (found.length === 0) return settled({ kind: "done" });
			const updates = found.map(({ data }) => ({ kind: "delete", name: change.name, data }) as const);
			return { kind: "write", prerequisites: [asHeld(change.name, held)], updates };
		}
		case "replace": {
			const found = held.records.filter((record) => record.value === change.from);
			if (found.length === 0 || change.from === change.to)
				return decideAdd(change.name, change.to, change.ttlSeconds, held);
			const deletes = found.map(({ data }) => ({ kind: "delete", name: change.name, data }) as const);
			const standsAlready = held.records.some((record) => record.value === change.to);
			const adds = standsAlready ? [] : [add(change.name, change.to, change.ttlSeconds)];
			return {
				kind: "write",
				prerequisites: [asHeld(change.name, held)],
				updates: [...deletes, ...adds],
			};
		}
	}
}

function decideAdd(name: string, value: string, ttlSeconds: number, held: Held): Decision {
	if (held.records.some((record) => record.value === value)) return settled({ kind: "done" });
	if (held.records.length > 0)
		return settled({ kind: "occupied", values: held.records.map((record) => record.value) });
	if (held.alias !== null)
		return settled({
			kind: "refused",
			denied: false,
			why: `a CNAME stands at ${name}, and no record can stand beside it`,
			hint: "remove the CNAME, or write to the zone that it leads to",
		});
	return {
		kind: "write",
		prerequisites: [
			{ kind: "absent", name, type: "TXT" },
			{ kind: "absent", name, type: "CNAME" },
		],
		updates: [add(name, value, ttlSeconds)],
	};
}

/** The whole RRset as it was seen, so that nothing that changed meanwhile is overwritten. */
function asHeld(name: string, held: Held): Prerequisite {
	return { kind: "equals", name, data: held.records.map((record) => record.data) };
}

function add(name: string, value: string, ttlSeconds: number): Update {
	return { kind: "add", name, data: encodeTxtData(value), ttlSeconds };
}

function settled(result: ChangeResult): Decision {
	return { kind: "settled", result };
}
