/** As Gandi's LiveDNS answered in the recordings. */

import { quoteTxt, unquoteTxt } from "../../../src/dkim/txt-strings.ts";
import { absoluteName } from "../../../src/publishing/api/names.ts";
import type { Recorded } from "../http/describe-replay.ts";
import type { Fake, FakeAnswer, FakeRequest } from "../http/fake-server.ts";
import type { StoredRecord, StoredZone, ZoneStore } from "../http/zone-store.ts";

const BASE = "https://api.gandi.net/v5/livedns/domains";

/** `organization`: whose the domains are, another than the token's own: their sets are there for who names it in both ways. */
export function createGandiFake(
	store: ZoneStore,
	{ token, organization }: { readonly token: string; readonly organization?: string },
): Fake {
	return (request) => {
		const named = [request.headers["x-gandi-sharing-id"], request.query.get("sharing_id")];
		if (request.headers["authorization"] !== `Bearer ${token}`)
			return failure(403, "Access was denied to this resource.", "HTTPForbidden");
		const [name = "", records, at = null, type = null] = request.path
			.replace("/v5/livedns/domains/", "")
			.split("/");
		const zone = store.zone(name);
		if (zone === undefined) return failure(404, "The resource could not be found.", "HTTPNotFound");
		if (records === undefined) return { status: 200, body: shownDomain(zone) };
		if (organization !== undefined && !named.every((one) => one === organization))
			return { status: 404, body: { code: 404, message: "The resource does not exist", cause: "Unknown" } };
		if (at === null) return { status: 200, body: setsOf(zone, zone.records) };
		return set(zone, at, type, request);
	};

	function set(zone: StoredZone, at: string, type: string | null, { method, body }: FakeRequest): FakeAnswer {
		const name = absoluteName(at, zone.name);
		const held = zone.records.filter(
			(record) => record.name === name && (type === null || record.type === type),
		);
		const sets = setsOf(zone, held);
		if (method === "GET")
			return sets[0] === undefined
				? failure(404, `Can't find the DNS record ${at}/${type} in the zone`, "dns-record")
				: { status: 200, body: sets[0] };
		if (method === "POST" && held.length > 0)
			return failure(409, `A DNS Record already exists for ${at}/${type}`, "dns-record");
		const content = JSON.parse(body || "{}") as { rrset_values?: string[]; rrset_ttl?: number };
		const { rrset_values: values = [], rrset_ttl: ttlSeconds = 10_800 } = content;
		if (method !== "DELETE" && (ttlSeconds < 300 || values.length === 0))
			return failure(400, "rrset_ttl: 300 is the least", "HTTPBadRequest");
		for (const { id } of held) store.remove(zone, id);
		if (method === "DELETE") return { status: 204 };
		for (const value of values)
			store.add(zone, {
				name,
				type: type ?? "TXT",
				value: unquoteTxt(value) ?? value,
				ttlSeconds,
				...(unquoteTxt(value) === null ? {} : { form: value }),
			});
		return { status: 201, body: { message: "DNS Record Created" } };
	}
}

function setsOf(zone: StoredZone, records: readonly StoredRecord[]): readonly Rrset[] {
	const sets = new Map<string, Rrset>();
	for (const record of records) {
		const at = record.name === zone.name ? "@" : record.name.slice(0, -zone.name.length - 1);
		const path = `${at}/${record.type}`;
		const made = {
			rrset_type: record.type,
			rrset_ttl: record.ttlSeconds,
			rrset_name: at,
			rrset_href: `${BASE}/${zone.name}/records/${path}`,
			rrset_values: [],
		};
		const set = sets.get(path) ?? made;
		sets.set(path, { ...set, rrset_values: [...set.rrset_values, formOf(record)] });
	}
	return [...sets.values()];
}

interface Rrset {
	readonly rrset_name: string;
	readonly rrset_type: string;
	readonly rrset_ttl: number;
	readonly rrset_values: readonly string[];
}

/** What came without quotes gets them. */
function formOf({ type, value, form }: StoredRecord): string {
	return type === "TXT" ? (form ?? quoteTxt(value)) : value;
}

function shownDomain({ name }: StoredZone): object {
	return {
		fqdn: name,
		automatic_snapshots: true,
		domain_href: `${BASE}/${name}`,
		domain_records_href: `${BASE}/${name}/records`,
		domain_keys_href: `${BASE}/${name}/keys`,
	};
}

function failure(code: number, message: string, object: string): FakeAnswer {
	return { status: code, body: { code, message, object, cause: "refused" } };
}

/** The domain as it was recorded: the sets that were shown and that the recording itself did not make. */
export function prepareGandi(store: ZoneStore, recorded: readonly Recorded[]): void {
	const made: string[] = [];
	for (const { request, response } of recorded) {
		const answer = JSON.parse(response.body || "null") as unknown;
		if (response.status === 200 && store.zones.length === 0) {
			store.addZone((answer as { fqdn: string }).fqdn);
			continue;
		}
		const [zone] = store.zones;
		if (zone === undefined) return;
		if (request.method !== "GET") made.push(request.uri);
		if (response.status !== 200) continue;
		for (const set of (Array.isArray(answer) ? answer : [answer]) as readonly (Rrset & {
			rrset_href: string;
		})[]) {
			if (made.includes(set.rrset_href)) continue;
			made.push(set.rrset_href);
			for (const form of set.rrset_values)
				store.add(zone, {
					name: absoluteName(set.rrset_name, zone.name),
					type: set.rrset_type,
					value: unquoteTxt(form) ?? form,
					form,
					ttlSeconds: set.rrset_ttl,
				});
		}
	}
}
