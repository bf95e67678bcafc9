/** As GoDaddy's API answered in the recordings; removal of one name's set is as documented. */

import { absoluteName, relativeName } from "../../../src/publishing/api/names.ts";
import type { Recorded } from "../http/describe-replay.ts";
import type { Fake, FakeAnswer, FakeRequest } from "../http/fake-server.ts";
import type { StoredRecord, StoredZone, ZoneStore } from "../http/zone-store.ts";

export interface GoDaddyFakeOptions {
	readonly key: string;
	/** As an account with few domains has it: the calls on a domain as a whole, and on all its records, are closed. */
	readonly isSmall: boolean;
}

export function createGoDaddyFake(store: ZoneStore, { key, isSmall }: GoDaddyFakeOptions): Fake {
	return (request) => {
		if (request.headers["authorization"] !== `sso-key ${key}`)
			return failure(401, "UNABLE_TO_AUTHENTICATE", "Unauthorized : Could not authenticate API key/secret");
		const [, name = "", below, type = null, relative = null] =
			/^\/v1\/domains\/([^/]+)(\/records(?:\/([A-Z]+)(?:\/([^/]+))?)?)?$/.exec(request.path) ?? [];
		// github.com/go-acme/lego, issue 2269.
		if (isSmall && relative === null)
			return failure(403, "ACCESS_DENIED", "Authenticated user is not allowed access");
		const zone = store.zones.find((one) => one.name === name);
		if (zone === undefined)
			return below === undefined
				? failure(404, "NOT_FOUND", `Domain ${name} not found for shopper`)
				: failure(404, "UNKNOWN_DOMAIN", "The given domain is not registered, or does not have a zone file");
		if (below === undefined) return { status: 200, body: { domain: name, status: "ACTIVE" } };
		const isMeant = (record: StoredRecord) =>
			(type === null || record.type === type) &&
			(relative === null || record.name === absoluteName(relative, zone.name));
		switch (request.method) {
			case "GET":
				return { status: 200, body: zone.records.filter(isMeant).map((record) => show(zone, record)) };
			case "PUT":
				return replace(store, zone, isMeant, { type, relative, body: request.body });
			default:
				return remove(store, zone, isMeant);
		}
	};
}

interface Content {
	readonly type?: string;
	readonly name?: string;
	readonly data: string;
	readonly ttl: number;
}

/** Of the type, or of the type and the name: whatever was there and is not among what is sent is gone. */
function replace(
	store: ZoneStore,
	zone: StoredZone,
	isMeant: (record: StoredRecord) => boolean,
	sent: {
		readonly type: string | null;
		readonly relative: string | null;
		readonly body: FakeRequest["body"];
	},
): FakeAnswer {
	const contents = JSON.parse(sent.body) as readonly Content[];
	if (contents.some(({ data }) => data.length > 512))
		return failure(422, "INVALID_BODY", "Request body doesn't fulfill schema, see details in `fields`");
	for (const { id } of zone.records.filter(isMeant)) store.remove(zone, id);
	for (const { type = "", name = "@", data, ttl } of contents)
		store.add(zone, {
			name: absoluteName(sent.relative ?? name, zone.name),
			type: sent.type ?? type,
			value: data,
			ttlSeconds: ttl,
		});
	return { status: 200, body: "" };
}

function remove(store: ZoneStore, zone: StoredZone, isMeant: (record: StoredRecord) => boolean): FakeAnswer {
	const gone = zone.records.filter(isMeant);
	for (const { id } of gone) store.remove(zone, id);
	return gone.length === 0 ? failure(404, "UNKNOWN_DOMAIN", "No records found") : { status: 204 };
}

function show(zone: StoredZone, { name, type, value, ttlSeconds }: StoredRecord): unknown {
	return { data: value, name: relativeName(name, zone.name) || "@", ttl: ttlSeconds, type };
}

function failure(status: number, code: string, message: string): FakeAnswer {
	return { status, body: { code, message } };
}

/** The zone as it was recorded: what it showed that no call here had written. */
export function prepareGoDaddy(store: ZoneStore, recorded: readonly Recorded[]): void {
	const segments = ({ request }: Recorded) => decodeURIComponent(new URL(request.uri).pathname).split("/");
	const written = new Set(
		recorded.filter(({ request }) => request.method === "PUT").map((one) => segments(one)[6]),
	);
	for (const one of recorded) {
		if (one.response.status !== 200 || one.request.method !== "GET") continue;
		const [, , , name = "", below] = segments(one);
		const zone = store.zone(name) ?? store.addZone(name);
		if (below === undefined) continue;
		for (const found of JSON.parse(one.response.body ?? "[]") as readonly Required<Content>[]) {
			const record = { type: found.type, name: absoluteName(found.name, name), value: found.data };
			const isThere = zone.records.some(
				(held) => held.name === record.name && held.type === record.type && held.value === record.value,
			);
			if (!isThere && !written.has(found.name)) store.add(zone, { ...record, ttlSeconds: found.ttl });
		}
	}
}
