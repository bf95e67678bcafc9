/** What the demo's zones hold and held: the second server answers with what the primary had a while ago. */

import { CLASS, type ServerMessage, TYPE, type WireRecord } from "../../src/dns/dns-wire/server-message.ts";

export interface TextRecord {
	/** As the update brought it: strings with their lengths. */
	readonly data: Buffer;
	readonly ttlSeconds: number;
}

export type Texts = ReadonlyMap<string, readonly TextRecord[]>;

export interface Version {
	readonly serial: number;
	readonly atMs: number;
	readonly texts: Texts;
}

export interface ZoneHistory {
	/** What stood in the zone at a moment. */
	at(ms: number): Version;
	/** Takes one update message (RFC 2136 section 3), whole or not at all; answers the response code. */
	update(message: ServerMessage, nowMs: number): number;
	/** Takes away whatever stands at a name, as a careless administrator would. */
	remove(name: string, nowMs: number): void;
}

const RCODE = { done: 0, notImplemented: 4, notAuthoritative: 9, exists: 7, isMissing: 8 } as const;

export function createZoneHistory(zone: string, first: Texts): ZoneHistory {
	const versions: [Version, ...Version[]] = [{ serial: 1, atMs: Number.NEGATIVE_INFINITY, texts: first }];
	const latest = (): Version => versions.at(-1) ?? versions[0];
	const put = (texts: Texts, atMs: number): void =>
		void versions.push({ serial: latest().serial + 1, atMs, texts });
	return {
		at: (ms) => versions.findLast((version) => version.atMs <= ms) ?? versions[0],
		update(message, nowMs) {
			if (message.questions[0]?.name !== zone) return RCODE.notAuthoritative;
			const { texts } = latest();
			const refused = refuseByPrerequisite(texts, message.answers);
			if (refused !== null) return refused;
			const after = new Map(texts);
			for (const record of message.authority) if (!apply(after, record)) return RCODE.notImplemented;
			put(after, nowMs);
			return RCODE.done;
		},
		remove(name, nowMs) {
			const after = new Map(latest().texts);
			after.delete(name);
			put(after, nowMs);
		},
	};
}

/** RFC 2136 section 3.2: names without an RRset, and RRsets that are exactly so. */
function refuseByPrerequisite(texts: Texts, prerequisites: readonly WireRecord[]): number | null {
	const equal = new Map<string, Buffer[]>();
	for (const wanted of prerequisites) {
		const held = wanted.type === TYPE.TXT ? (texts.get(wanted.name) ?? []) : [];
		if (wanted.class === CLASS.NONE && held.length > 0) return RCODE.exists;
		if (wanted.class === CLASS.IN) equal.set(wanted.name, [...(equal.get(wanted.name) ?? []), wanted.data]);
	}
	for (const [name, wanted] of equal) {
		const held = texts.get(name) ?? [];
		const isEqual = held.length === wanted.length && wanted.every((data) => holds(held, data));
		if (!isEqual) return RCODE.isMissing;
	}
	return null;
}

/** RFC 2136 section 3.4.2, for what keyturn sends: one TXT record added, or taken away by its data. */
function apply(texts: Map<string, readonly TextRecord[]>, record: WireRecord): boolean {
	const { name, type, data, ttlSeconds } = record;
	const held = texts.get(name) ?? [];
	if (type !== TYPE.TXT) return false;
	const others = held.filter((one) => !one.data.equals(data));
	if (record.class === CLASS.IN) texts.set(name, [...others, { data: Buffer.from(data), ttlSeconds }]);
	else if (record.class === CLASS.NONE && others.length > 0) texts.set(name, others);
	else if (record.class === CLASS.NONE) texts.delete(name);
	else return false;
	return true;
}

function holds(held: readonly TextRecord[], data: Buffer): boolean {
	return held.some((one) => one.data.equals(data));
}
