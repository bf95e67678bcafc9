/** As DigitalOcean's API answered in the recordings; the filters and the limit of a value are as documented. */

import { quoteTxt } from "../../../src/dkim/txt-strings.ts";
import { relativeName } from "../../../src/publishing/api/names.ts";
import type { Recorded } from "../http/describe-replay.ts";
import type { Fake, FakeAnswer, FakeRequest } from "../http/fake-server.ts";
import type { StoredRecord, StoredZone, ZoneStore } from "../http/zone-store.ts";

export function createDigitalOceanFake(
	store: ZoneStore,
	{ token, pageSize = 2 }: { readonly token: string; readonly pageSize?: number },
): Fake {
	return (request) => {
		if (request.headers["authorization"] !== `Bearer ${token}`)
			return failure(401, "Unauthorized", "Unable to authenticate you");
		const [, name = "", below, id] =
			/^\/v2\/domains\/([^/]+)(\/records(?:\/(\d+))?)?$/.exec(request.path) ?? [];
		const zone = store.zones.find((one) => one.name === name);
		if (zone === undefined) return notFound();
		if (below === undefined)
			return { status: 200, body: { domain: { name, ttl: 1800, zone_file: zoneFileOf(zone) } } };
		if (id === undefined) return request.method === "GET" ? list(zone, request) : create(zone, request);
		const record = zone.records.find((one) => one.id === id);
		if (record === undefined) return notFound();
		return request.method === "DELETE" ? remove(zone, record) : update(zone, record, request);
	};

	function list(zone: StoredZone, { path, query }: FakeRequest): FakeAnswer {
		const [name, type] = [query.get("name"), query.get("type")];
		const held = zone.records.filter(
			(one) => (name === null || one.name === name) && (type === null || one.type === type),
		);
		const page = Number(query.get("page") ?? 1);
		const last = Math.max(1, Math.ceil(held.length / pageSize));
		const at = (number: number) => `https://api.digitalocean.com${path}?page=${number}`;
		const pages = {
			...(page > 1 ? { first: at(1), prev: at(page - 1) } : {}),
			...(page < last ? { next: at(page + 1), last: at(last) } : {}),
		};
		const shown = held.slice((page - 1) * pageSize, page * pageSize);
		return {
			status: 200,
			body: {
				domain_records: shown.map((record) => show(zone, record)),
				links: last === 1 ? {} : { pages },
				meta: { total: held.length },
			},
		};
	}

	function create(zone: StoredZone, { body }: FakeRequest): FakeAnswer {
		const content = JSON.parse(body) as Content;
		if (isTooLong(content)) return failure(422, "unprocessable_entity", "Data is too long");
		const record = store.add(zone, storedOf(zone, content));
		return { status: 201, body: { domain_record: show(zone, record) } };
	}

	function update(zone: StoredZone, record: StoredRecord, { body }: FakeRequest): FakeAnswer {
		const content = JSON.parse(body) as Content;
		if (isTooLong(content)) return failure(422, "unprocessable_entity", "Data is too long");
		Object.assign(record, storedOf(zone, content));
		return { status: 200, body: { domain_record: show(zone, record) } };
	}

	function remove(zone: StoredZone, { id }: StoredRecord): FakeAnswer {
		return store.remove(zone, id) ? { status: 204 } : notFound();
	}
}

interface Content {
	readonly type: string;
	readonly name: string;
	readonly data: string;
	readonly ttl: number;
}

function isTooLong({ type, data }: Content): boolean {
	return type === "TXT" && quoteTxt(data).length > 512;
}

function storedOf(zone: StoredZone, { type, name, data, ttl }: Content): Omit<StoredRecord, "id" | "form"> {
	return { name: name === "@" ? zone.name : `${name}.${zone.name}`, type, value: data, ttlSeconds: ttl };
}

function show(zone: StoredZone, { id, name, type, value, ttlSeconds }: StoredRecord): unknown {
	const none = { priority: null, port: null, weight: null, flags: null, tag: null };
	return {
		id: Number(id),
		type,
		name: relativeName(name, zone.name) || "@",
		data: value,
		ttl: ttlSeconds,
		...none,
	};
}

function notFound(): FakeAnswer {
	return failure(404, "not_found", "The resource you were accessing could not be found.");
}

function failure(status: number, id: string, message: string): FakeAnswer {
	return { status, body: { id, message } };
}

function zoneFileOf({ records }: StoredZone): string {
	return records
		.map(({ name, type, value, ttlSeconds }) => `${name}. ${ttlSeconds} IN ${type} ${value}\n`)
		.join("");
}

/** The zone as it was recorded, before anything was written. */
export function prepareDigitalOcean(store: ZoneStore, [first]: readonly Recorded[]): void {
	const { domain } = JSON.parse(first?.response.body ?? "") as {
		readonly domain?: { readonly name: string; readonly zone_file: string };
	};
	if (domain === undefined) return;
	const zone = store.addZone(domain.name);
	for (const [, name = "", ttl = "1800", type = "", value = ""] of domain.zone_file.matchAll(
		/^(\S+)\. (?:(\d+) )?IN (\S+) (.*)$/gm,
	))
		store.add(zone, { name, type, value, ttlSeconds: Number(ttl) });
}
