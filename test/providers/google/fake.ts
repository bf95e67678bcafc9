/** As Google Cloud DNS answered in the recordings; pages, policies and refusals are from its reference. */

import { createPublicKey, verify } from "node:crypto";
import { unquoteTxt } from "../../../src/dkim/txt-strings.ts";
import { plainName } from "../../../src/publishing/api/names.ts";
import type { Recorded } from "../http/describe-replay.ts";
import type { Fake, FakeAnswer, FakeRequest } from "../http/fake-server.ts";
import type { StoredZone, ZoneStore } from "../http/zone-store.ts";

export const ACCESS_TOKEN = "google-access-token-of-the-tests";

interface Options {
	/** Of the service account whose assertions are taken; null takes any, since the recordings have none. */
	readonly publicKey: string | null;
	readonly pageSize?: number;
	/** How often a change says that it is pending, after the answer to it. */
	readonly polls?: () => number;
	readonly privateZones?: readonly string[];
	/** Names whose set has a routing policy. */
	readonly routed?: readonly string[];
}

export function createGoogleFake(
	store: ZoneStore,
	{ publicKey, pageSize = 2, polls = () => 2, privateZones = [], routed = [] }: Options,
): Fake {
	const changes = new Map<string, number>();

	return (request) => {
		if (request.path.endsWith("/token")) return token(request);
		if (request.headers["authorization"] !== `Bearer ${ACCESS_TOKEN}`)
			return failure(401, "authError", "Request had invalid authentication credentials.");
		const [, rest = ""] = /\/dns\/v1\/projects\/[^/]+\/managedZones\/?(.*)$/.exec(request.path) ?? [];
		if (rest === "") return zones(request);
		const [zoneId = "", kind, id] = rest.split("/");
		const zone = store.zone(zoneId);
		if (zone === undefined)
			return failure(
				404,
				"notFound",
				`The 'parameters.managedZone' resource named '${zoneId}' does not exist.`,
			);
		if (kind === "rrsets") return list(zone, request);
		return id === undefined ? change(zone, request) : progress(id);
	};

	/** RFC 7523 section 3. */
	function token({ body }: FakeRequest): FakeAnswer {
		const [head = "", claims = "", signature = ""] = (new URLSearchParams(body).get("assertion") ?? "").split(
			".",
		);
		const isSigned =
			publicKey === null ||
			verify(
				"sha256",
				Buffer.from(`${head}.${claims}`),
				createPublicKey(publicKey),
				Buffer.from(signature, "base64url"),
			);
		return isSigned
			? { status: 200, body: { access_token: ACCESS_TOKEN, token_type: "Bearer", expires_in: 3_600 } }
			: { status: 400, body: { error: "invalid_grant", error_description: "Invalid JWT Signature." } };
	}

	function zones({ query }: FakeRequest): FakeAnswer {
		const wanted = query.get("dnsName");
		const held = store.zones.filter(({ name }) => wanted === null || `${name}.` === wanted);
		return page(
			"dns#managedZonesListResponse",
			"managedZones",
			query,
			held.map(({ id, name }) => ({
				kind: "dns#managedZone",
				id,
				name: name.replaceAll(".", "-"),
				dnsName: `${name}.`,
				description: "",
				...(privateZones.includes(id) ? { visibility: "private" } : {}),
			})),
		);
	}

	function list(zone: StoredZone, { query }: FakeRequest): FakeAnswer {
		const [name, type] = [query.get("name"), query.get("type")];
		const sets = setsOf(zone).filter(
			(set) => (name === null || set.name === name) && (type === null || set.type === type),
		);
		const shown = sets.map((set) =>
			routed.includes(plainName(set.name)) ? { ...set, rrdatas: [], routingPolicy: { wrr: {} } } : set,
		);
		return page("dns#resourceRecordSetsListResponse", "rrsets", query, shown);
	}

	function page(kind: string, field: string, query: URLSearchParams, items: readonly unknown[]): FakeAnswer {
		const from = Number(query.get("pageToken") ?? 0);
		const next = from + pageSize < items.length ? { nextPageToken: String(from + pageSize) } : {};
		return { status: 200, body: { kind, [field]: items.slice(from, from + pageSize), ...next } };
	}

	function change(zone: StoredZone, { body }: FakeRequest): FakeAnswer {
		const { additions = [], deletions = [] } = JSON.parse(body) as Change;
		const held = new Map(setsOf(zone).map((set) => [`${set.name} ${set.type}`, set]));
		for (const set of deletions) {
			const old = held.get(`${set.name} ${set.type}`);
			const what = `The resource 'entity.change.deletions[0]' named '${set.name} (${set.type})'`;
			if (old === undefined) return failure(404, "notFound", `${what} does not exist.`);
			if (old.ttl !== set.ttl || old.rrdatas.toSorted().join() !== set.rrdatas.toSorted().join())
				return failure(412, "conditionNotMet", `Precondition not met for 'entity.change.deletions[0]'`);
			held.delete(`${set.name} ${set.type}`);
		}
		for (const set of additions) {
			if (set.type === "TXT" && !set.rrdatas.every(isStrict))
				return failure(400, "invalid", `Invalid value for 'entity.change.additions[0].rrdata[0]'`);
			if (held.has(`${set.name} ${set.type}`))
				return failure(409, "alreadyExists", `The resource '${set.name} (${set.type})' already exists`);
			held.set(`${set.name} ${set.type}`, set);
		}
		zone.records.splice(0);
		for (const set of held.values()) plant(store, zone, set);
		const id = store.freshId();
		changes.set(id, polls());
		const kinds = (sets: readonly Rrset[]) => sets.map((set) => ({ kind: "dns#resourceRecordSet", ...set }));
		const made = {
			...(additions.length > 0 ? { additions: kinds(additions) } : {}),
			...(deletions.length > 0 ? { deletions: kinds(deletions) } : {}),
		};
		return { status: 200, body: { ...shownChange(id, "pending"), ...made } };
	}

	function progress(id: string): FakeAnswer {
		const left = changes.get(id);
		if (left === undefined) return failure(404, "notFound", `The change ${id} does not exist.`);
		changes.set(id, left - 1);
		return { status: 200, body: shownChange(id, left > 0 ? "pending" : "done") };
	}
}

interface Rrset {
	readonly name: string;
	readonly type: string;
	readonly ttl: number;
	readonly rrdatas: readonly string[];
}

interface Change {
	readonly additions?: readonly Rrset[];
	readonly deletions?: readonly Rrset[];
}

/** One or more quoted strings of at most 255 characters. */
function isStrict(value: string): boolean {
	return /^"(?:[^"\\]|\\.){0,255}"(?: "(?:[^"\\]|\\.){0,255}")*$/.test(value);
}

function setsOf(zone: StoredZone): readonly Rrset[] {
	const sets = new Map<string, Rrset>();
	for (const { name, type, value, form, ttlSeconds: ttl } of zone.records) {
		const made = { kind: "dns#resourceRecordSet", name: `${name}.`, type, ttl, rrdatas: [] };
		const set = sets.get(`${name} ${type}`) ?? made;
		sets.set(`${name} ${type}`, { ...set, rrdatas: [...set.rrdatas, form ?? value] });
	}
	return [...sets.values()];
}

function plant(store: ZoneStore, zone: StoredZone, { name, type, ttl, rrdatas }: Rrset): void {
	for (const form of rrdatas)
		store.add(zone, { name: plainName(name), type, value: unquoteTxt(form) ?? form, form, ttlSeconds: ttl });
}

function shownChange(id: string, status: "pending" | "done"): object {
	return { kind: "dns#change", id, status, startTime: "2018-07-09T13:19:51.145Z" };
}

function failure(code: number, reason: string, message: string): FakeAnswer {
	return {
		status: code,
		body: { error: { code, message, errors: [{ message, domain: "global", reason }] } },
	};
}

/** The project as it was recorded: its zone, and the sets that a list shows and that the recording itself did not make. */
export function prepareGoogle(store: ZoneStore, recorded: readonly Recorded[]): void {
	const made: string[] = [];
	for (const { request, response } of recorded) {
		const { managedZones = [], rrsets = [] } = JSON.parse(response.body ?? "{}") as {
			readonly managedZones?: readonly { readonly id: string; readonly dnsName: string }[];
			readonly rrsets?: readonly Rrset[];
		};
		for (const { id, dnsName } of managedZones) store.addZone(plainName(dnsName), id);
		const [zone] = store.zones;
		if (request.uri.endsWith("/changes"))
			for (const { name, type } of (JSON.parse(request.body ?? "{}") as Change).additions ?? [])
				made.push(`${name} ${type}`);
		for (const set of rrsets) {
			if (zone === undefined || made.includes(`${set.name} ${set.type}`)) continue;
			made.push(`${set.name} ${set.type}`);
			plant(store, zone, set);
		}
	}
}
