/** The zones that a provider's fake holds: what stands there, without any interface. */

import { joinTxt } from "../../../src/dkim/txt-strings.ts";

export interface StoredRecord {
	readonly id: string;
	/** Absolute, lower case, without the final dot. */
	readonly name: string;
	readonly type: string;
	/** Of a TXT record the joined text. */
	value: string;
	/** How the fake's interface shows it, where that depends on how it was written. */
	form: string | null;
	ttlSeconds: number;
	/** Where an interface has one for each record. */
	readonly comment?: string;
}

export interface StoredZone {
	readonly id: string;
	readonly name: string;
	readonly records: StoredRecord[];
}

export class ZoneStore {
	readonly zones: StoredZone[] = [];
	#made = 0;

	addZone(name: string, id = this.freshId()): StoredZone {
		const zone = { id, name, records: [] };
		this.zones.push(zone);
		return zone;
	}

	/** As long as an id of the interface looks like. */
	freshId(): string {
		this.#made += 1;
		return String(1_000_000 + this.#made);
	}

	zone(idOrName: string): StoredZone | undefined {
		return this.zones.find(({ id, name }) => id === idOrName || name === idOrName);
	}

	add(
		zone: StoredZone,
		record: Omit<StoredRecord, "id" | "form"> & { readonly form?: string },
	): StoredRecord {
		const stored = { form: null, ...record, id: this.freshId() };
		zone.records.push(stored);
		return stored;
	}

	remove(zone: StoredZone, id: string): boolean {
		const index = zone.records.findIndex((record) => record.id === id);
		if (index < 0) return false;
		zone.records.splice(index, 1);
		return true;
	}

	txt(zone: StoredZone, name: string): readonly StoredRecord[] {
		return zone.records.filter((record) => record.type === "TXT" && record.name === name);
	}

	/** As name servers would answer; sorted. */
	serves(name: string): readonly string[] {
		const zone = this.zones
			.filter((one) => name === one.name || name.endsWith(`.${one.name}`))
			.toSorted((one, other) => other.name.length - one.name.length)[0];
		return zone === undefined
			? []
			: this.txt(zone, name)
					.map(({ value }) => value)
					.toSorted();
	}

	plant(zone: StoredZone, name: string, strings: readonly string[]): StoredRecord {
		const value = joinTxt(strings.map((text) => Buffer.from(text, "utf8")));
		const form = strings.map((text) => `"${text}"`).join(" ");
		return this.add(zone, { name, type: "TXT", value, ttlSeconds: 300, form });
	}
}
