/** As PowerDNS answered in the recordings; what it answers today, a real one tells (test/servers/providers). */

import { unquoteTxt } from "../../../src/dkim/txt-strings.ts";
import type { Recorded } from "../http/describe-replay.ts";
import type { Fake, FakeAnswer, FakeRequest } from "../http/fake-server.ts";
import type { StoredZone, ZoneStore } from "../http/zone-store.ts";

export interface PowerDnsFakeOptions {
	readonly key: string;
	/** Records that are switched off: TXT, as quoted. */
	readonly off?: SwitchedOff[];
	/** Whether the zones' backend can search; one that cannot says that nothing was found. */
	readonly isSearchable?: boolean;
	/** Of its zones; Native if left out. */
	readonly kind?: string;
}

interface SwitchedOff {
	/** Without the final dot. */
	readonly name: string;
	readonly content: string;
}

export function createPowerDnsFake(store: ZoneStore, options: PowerDnsFakeOptions): Fake {
	const { key, off = [], isSearchable = true, kind = "Native" } = options;
	return (request) => {
		if (request.headers["x-api-key"] !== key) return { status: 401, body: "Unauthorized" };
		const path = request.path.replace("/api/v1/servers/localhost", "");
		if (path === "/zones") return zones(request);
		if (path === "/search-data") return { status: 200, body: isSearchable ? search(request) : [] };
		const [, name = "", act] = /^\/zones\/([^/]+)\.(\/notify)?$/.exec(path) ?? [];
		const zone = store.zone(name);
		if (zone === undefined) return { status: 422, body: { error: `Could not find domain '${name}.'` } };
		if (act !== undefined) return { status: 200, body: { result: "Notification queued" } };
		return request.method === "PATCH" ? patch(zone, request) : rrsets(zone, request);
	};

	function zones({ query }: FakeRequest): FakeAnswer {
		const wanted = query.get("zone");
		const held = store.zones.filter(({ name }) => wanted === null || `${name}.` === wanted);
		return { status: 200, body: held.map((zone) => head(zone, kind)) };
	}

	/** By name alone, as far as is asked for here. */
	function search({ query }: FakeRequest): readonly unknown[] {
		const name = query.get("q");
		const top = store.zones.map((zone) => ({ name: zone.name, type: "SOA", content: "ns1." }));
		const served = store.zones.flatMap(({ records }) => records);
		const hidden = off.map((one) => ({ ...one, type: "TXT", disabled: true }));
		return [...top, ...served.map((one) => ({ ...one, content: one.form ?? one.value })), ...hidden]
			.filter((one) => one.name === name)
			.map((one) => ({ disabled: false, ...one, name: `${one.name}.` }));
	}

	/** The filter by name leaves out what is switched off. */
	function rrsets(zone: StoredZone, { query }: FakeRequest): FakeAnswer {
		const name = query.get("rrset_name");
		const sets = new Map<string, Rrset>();
		for (const record of zone.records) {
			const at = `${record.name}.`;
			if (name !== null && name !== at) continue;
			const set = sets.get(`${at} ${record.type}`) ?? {
				comments: [],
				name: at,
				records: [],
				ttl: record.ttlSeconds,
				type: record.type,
			};
			set.records?.push({ content: record.form ?? record.value, disabled: false });
			sets.set(`${at} ${record.type}`, set);
		}
		const hidden = name === null ? off.map(hiddenSet) : [];
		return { status: 200, body: { ...head(zone, kind), rrsets: [...sets.values(), ...hidden] } };
	}

	function patch(zone: StoredZone, { body }: FakeRequest): FakeAnswer {
		const { rrsets: sets } = JSON.parse(body) as { rrsets: readonly (Rrset & { changetype: string })[] };
		for (const { name, type, records = [] } of sets) {
			if (!name.endsWith(".")) return { status: 422, body: { error: `Name '${name}' is not canonical` } };
			for (const { content } of records)
				if (type === "TXT" && unquoteTxt(content) === null)
					return {
						status: 422,
						body: { error: `Record ${name}/TXT '${content}': Parsing record content failed` },
					};
		}
		for (const set of sets) {
			const at = set.name.slice(0, -1);
			for (const { id } of zone.records.filter((one) => one.name === at && one.type === set.type))
				store.remove(zone, id);
			const { records = [] } = set;
			plant(store, zone, { ...set, records: records.filter(({ disabled }) => !disabled) });
			const kept = off.filter(({ name }) => name !== at);
			const hidden = records.filter(({ disabled }) => disabled);
			off.splice(0, off.length, ...kept, ...hidden.map(({ content }) => ({ name: at, content })));
		}
		return { status: 204 };
	}
}

interface Rrset {
	readonly comments: readonly unknown[];
	readonly name: string;
	readonly records?: { content: string; disabled: boolean }[];
	readonly ttl: number;
	readonly type: string;
}

function hiddenSet({ name, content }: SwitchedOff): Rrset {
	return { comments: [], name: `${name}.`, type: "TXT", ttl: 300, records: [{ content, disabled: true }] };
}

function plant(store: ZoneStore, zone: StoredZone, { name, type, ttl, records = [] }: Rrset): void {
	for (const { content } of records)
		store.add(zone, {
			name: name.slice(0, -1),
			type,
			value: type === "TXT" ? (unquoteTxt(content) ?? content) : content,
			form: content,
			ttlSeconds: ttl,
		});
}

function head({ name }: StoredZone, kind: string): object {
	return {
		id: `${name}.`,
		name: `${name}.`,
		kind,
		url: `/api/v1/servers/localhost/zones/${name}.`,
	};
}

/** The server as it was recorded: what it showed first. */
export function preparePowerDns(store: ZoneStore, recorded: readonly Recorded[]): void {
	const content = JSON.parse(recorded[0]?.response.body ?? "{}") as {
		readonly name?: string;
		readonly rrsets?: readonly Rrset[];
	};
	if (content.name === undefined) return;
	const zone = store.addZone(content.name.slice(0, -1));
	for (const set of content.rrsets ?? []) plant(store, zone, set);
}
