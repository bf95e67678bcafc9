/** As deSEC's API answered in the recordings; lists of changes and refusals are from its documentation. */

import { quoteTxt, unquoteTxt } from "../../../src/dkim/txt-strings.ts";
import { absoluteName, relativeName } from "../../../src/publishing/api/names.ts";
import type { Recorded } from "../http/describe-replay.ts";
import type { Fake, FakeAnswer, FakeRequest } from "../http/fake-server.ts";
import type { StoredRecord, StoredZone, ZoneStore } from "../http/zone-store.ts";

const MINIMUM_TTL = 3_600;
const MOMENT = "2025-10-15T23:22:20.425216Z";

export function createDesecFake(store: ZoneStore, { token }: { readonly token: string }): Fake {
	return (request) => {
		if (request.headers["authorization"] !== `Token ${token}`)
			return { status: 401, body: { detail: "Invalid token." } };
		const { method, path } = { ...request, path: request.path.replace("/api/v1/domains/", "") };
		if (path === "") return owners(request);
		const [, name = "", , rest = null] = /^([^/]+)\/(rrsets\/+(.*?)\/*)?$/.exec(path) ?? [];
		const zone = store.zone(name);
		if (zone === undefined) return { status: 404, body: { detail: "No Domain matches the given query." } };
		// The recordings leave out what it says of a domain.
		if (rest === null) return { status: 200, body: {} };
		if (rest === "") return method === "GET" ? list(zone, request) : several(zone, request);
		const [subname = "", type = ""] = rest.split("/");
		return one(zone, subname === "@" ? "" : subname, type, request);
	};

	function owners({ query }: FakeRequest): FakeAnswer {
		const name = query.get("owns_qname") ?? "";
		const [zone] = store.zones
			.filter((held) => name === held.name || name.endsWith(`.${held.name}`))
			.toSorted((held, other) => other.name.length - held.name.length);
		const shown = zone && { name: zone.name, minimum_ttl: MINIMUM_TTL, created: MOMENT, touched: MOMENT };
		return { status: 200, body: shown === undefined ? [] : [shown] };
	}

	function list(zone: StoredZone, { query }: FakeRequest): FakeAnswer {
		const [type, subname] = [query.get("type"), query.get("subname")];
		const matches = (set: Rrset) =>
			(type === null || set.type === type) && (subname === null || set.subname === subname);
		return { status: 200, body: setsOf(zone).filter(matches) };
	}

	function one(zone: StoredZone, subname: string, type: string, request: FakeRequest): FakeAnswer {
		const held = setsOf(zone).find((set) => set.subname === subname && set.type === type);
		if (request.method === "DELETE") return write(zone, [{ subname, type, ttl: MINIMUM_TTL, records: [] }]);
		if (held === undefined) return { status: 404, body: { detail: "Not found." } };
		if (request.method === "GET") return { status: 200, body: held };
		return write(zone, [{ ...held, ...(JSON.parse(request.body) as Partial<Rrset>) }]);
	}

	/** A POST makes sets that were not there; a PATCH takes them as they come. */
	function several(zone: StoredZone, { method, body }: FakeRequest): FakeAnswer {
		const sent = JSON.parse(body) as Rrset | readonly Rrset[];
		const sets = Array.isArray(sent) ? (sent as readonly Rrset[]) : [sent as Rrset];
		const isThere = ({ subname, type }: Rrset) =>
			setsOf(zone).some((held) => held.subname === subname && held.type === type);
		if (method === "POST" && sets.some(isThere))
			return refused("Another RRset with the same subdomain and type exists for this domain.");
		const answer = write(zone, sets);
		if (answer.status >= 400) return answer;
		const made = sets.map((set) => shown(zone, set));
		const status = method === "POST" ? 201 : 200;
		return { status, body: Array.isArray(sent) ? made : made[0] };
	}

	function write(zone: StoredZone, sets: readonly Rrset[]): FakeAnswer {
		for (const { subname, ttl, type, records } of sets) {
			if (subname !== subname.toLowerCase()) return refused("Subname can only use (lowercase) a-z");
			if (ttl < MINIMUM_TTL) return refused("Ensure this value is greater than or equal to 3600.");
			if (type === "TXT" && records.some((record) => unquoteTxt(record) === null))
				return refused("Cannot parse record contents: Data for TXT records must be given in quotes");
		}
		for (const { subname, ttl, type, records } of sets) {
			const name = absoluteName(subname, zone.name);
			for (const { id } of zone.records.filter((held) => held.name === name && held.type === type))
				store.remove(zone, id);
			for (const record of records)
				store.add(zone, { name, type, value: unquoteTxt(record) ?? record, ttlSeconds: ttl });
		}
		const [set] = sets;
		return set === undefined || set.records.length === 0
			? { status: 204 }
			: { status: 200, body: shown(zone, set) };
	}
}

interface Rrset {
	readonly subname: string;
	readonly type: string;
	readonly ttl: number;
	readonly records: readonly string[];
}

function setsOf(zone: StoredZone): readonly Rrset[] {
	const sets = new Map<string, StoredRecord[]>();
	for (const record of zone.records) {
		const key = `${record.name} ${record.type}`;
		sets.set(key, [...(sets.get(key) ?? []), record]);
	}
	return [...sets.values()].map(([first, ...rest]) => {
		if (first === undefined) throw new Error("no set is empty");
		return shown(zone, {
			subname: relativeName(first.name, zone.name),
			type: first.type,
			ttl: first.ttlSeconds,
			records: [first, ...rest].map(formOf),
		});
	});
}

/** Always in strings of 255, however it was sent. */
function formOf({ type, value }: StoredRecord): string {
	return type === "TXT" ? quoteTxt(value) : value;
}

function shown(zone: StoredZone, { subname, type, ttl, records }: Rrset): Rrset {
	const name = `${absoluteName(subname, zone.name)}.`;
	const more = { created: MOMENT, domain: zone.name, name, touched: MOMENT };
	return { ...more, subname, records, ttl, type };
}

function refused(why: string): FakeAnswer {
	return { status: 400, body: { non_field_errors: [why] } };
}

/** The domain as it was recorded: the sets that a list shows and that the recording itself did not make. */
export function prepareDesec(store: ZoneStore, recorded: readonly Recorded[]): void {
	const [first] = recorded;
	const name = /\/domains\/([^/]+)/.exec(first?.request.uri ?? "")?.[1];
	if (name === undefined || first?.response.status === 404) return;
	const zone = store.addZone(name);
	const sets = recorded.map(({ request, response }) => ({
		isMade: request.method === "POST",
		answer: JSON.parse(response.body || "null") as unknown,
	}));
	const made = sets.filter(({ isMade }) => isMade).map(({ answer }) => (answer as Rrset).subname);
	for (const { answer } of sets)
		for (const { subname, type, ttl, records } of (Array.isArray(answer) ? answer : []) as Rrset[]) {
			if (made.includes(subname)) continue;
			made.push(subname);
			const at = absoluteName(subname, zone.name);
			for (const record of records)
				store.add(zone, { name: at, type, value: unquoteTxt(record) ?? record, ttlSeconds: ttl });
		}
}
