/** As Linode's API answered in the recordings; the filter and the pages are as documented. */

import { relativeName } from "../../../src/publishing/api/names.ts";
import type { Recorded } from "../http/describe-replay.ts";
import type { Fake, FakeAnswer, FakeRequest } from "../http/fake-server.ts";
import type { StoredRecord, StoredZone, ZoneStore } from "../http/zone-store.ts";

export function createLinodeFake(
	store: ZoneStore,
	{ token, pageSize = 2 }: { readonly token: string; readonly pageSize?: number },
): Fake {
	return (request) => {
		if (request.headers["authorization"] !== `Bearer ${token}`) return failure(401, "Invalid Token");
		if (request.path === "/v4/domains") return page(store.zones.map(showZone), request);
		const [, zoneId = "", id] = /^\/v4\/domains\/(\d+)\/records(?:\/(\d+))?$/.exec(request.path) ?? [];
		const zone = store.zones.find((one) => one.id === zoneId);
		if (zone === undefined) return failure(404, "Not found");
		if (id === undefined)
			return request.method === "GET"
				? page(
						zone.records.map((record) => show(zone, record)),
						request,
					)
				: create(zone, request);
		const record = zone.records.find((one) => one.id === id);
		if (record === undefined) return failure(404, "Not found");
		return request.method === "DELETE" ? remove(zone, record) : update(zone, record, request);
	};

	function page(items: readonly Fields[], { query, headers }: FakeRequest): FakeAnswer {
		const filter = JSON.parse(headers["x-filter"] ?? "{}") as Fields;
		const held = items.filter((item) =>
			Object.entries(filter).every(([field, value]) => item[field] === value),
		);
		const number = Number(query.get("page") ?? 1);
		const data = held.slice((number - 1) * pageSize, number * pageSize);
		const pages = Math.max(1, Math.ceil(held.length / pageSize));
		return { status: 200, body: { data, page: number, pages, results: held.length } };
	}

	/** The TTL is not taken up, whatever was asked for. */
	function create(zone: StoredZone, { body }: FakeRequest): FakeAnswer {
		const { type, name = "", target = "" } = JSON.parse(body) as Content;
		const record = store.add(zone, { type, name: absolute(name, zone), value: target, ttlSeconds: 0 });
		return { status: 200, body: show(zone, record) };
	}

	function update(zone: StoredZone, record: StoredRecord, { body }: FakeRequest): FakeAnswer {
		const { name, target, ttl_sec: ttl } = JSON.parse(body) as Content;
		Object.assign(record, {
			name: name === undefined ? record.name : absolute(name, zone),
			value: target ?? record.value,
			ttlSeconds: ttl ?? record.ttlSeconds,
		});
		return { status: 200, body: show(zone, record) };
	}

	function remove(zone: StoredZone, { id }: StoredRecord): FakeAnswer {
		store.remove(zone, id);
		return { status: 200, body: {} };
	}
}

type Fields = Readonly<Record<string, unknown>>;

interface Content {
	readonly type: string;
	readonly name?: string;
	readonly target?: string;
	readonly ttl_sec?: number;
}

function absolute(name: string, zone: StoredZone): string {
	return name === "" ? zone.name : `${name}.${zone.name}`;
}

function showZone({ id, name }: StoredZone): Fields {
	return { id: Number(id), domain: name, type: "master", status: "active", ttl_sec: 0 };
}

function show(zone: StoredZone, { id, name, type, value, ttlSeconds }: StoredRecord): Fields {
	const none = { priority: 0, port: 0, weight: 0, service: null, protocol: null, tag: null };
	return {
		id: Number(id),
		type,
		name: relativeName(name, zone.name),
		target: value,
		ttl_sec: ttlSeconds,
		...none,
	};
}

function failure(status: number, reason: string): FakeAnswer {
	return { status, body: { errors: [{ reason }] } };
}

/** The account as it was recorded: what it showed before anything was written. */
export function prepareLinode(store: ZoneStore, recorded: readonly Recorded[]): void {
	for (const { request, response } of recorded) {
		if (request.method !== "GET") return;
		const { data } = JSON.parse(response.body ?? "") as { readonly data: readonly Found[] };
		const [, , , zoneId = ""] = new URL(request.uri).pathname.split("/");
		for (const { id, domain, type, name = "", target = "", ttl_sec: ttl = 0 } of data) {
			if (domain !== undefined) store.addZone(domain, String(id));
			const zone = store.zone(zoneId);
			if (zone !== undefined)
				store.add(zone, { type, name: absolute(name, zone), value: target, ttlSeconds: ttl });
		}
		if (zoneId !== "") return;
	}
}

interface Found extends Content {
	readonly id: number;
	readonly domain?: string;
}
