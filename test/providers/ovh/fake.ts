/** As OVHcloud's API answered in the recordings: what is changed is shown at once, and served when the zone is refreshed. */

import { unquoteTxt } from "../../../src/dkim/txt-strings.ts";
import { absoluteName, relativeName } from "../../../src/publishing/api/names.ts";
import type { Recorded } from "../http/describe-replay.ts";
import type { Fake, FakeAnswer, FakeRequest } from "../http/fake-server.ts";
import type { StoredRecord, StoredZone, ZoneStore } from "../http/zone-store.ts";

export interface OvhFakeOptions {
	/** Of the server's clock. */
	readonly seconds: () => number;
	readonly isSigned: (request: FakeRequest) => boolean;
}

export function createOvhFake(store: ZoneStore, { seconds, isSigned }: OvhFakeOptions): Fake {
	/** By the zone's id: what a zone is going to be. */
	const pending = new Map<string, StoredRecord[]>();
	const shownOf = (zone: StoredZone) => pending.get(zone.id) ?? zone.records;
	const changed = (zone: StoredZone) => {
		const records = pending.get(zone.id) ?? zone.records.map((one) => ({ ...one }));
		pending.set(zone.id, records);
		return records;
	};

	return (request) => {
		if (request.path === "/1.0/auth/time") return { status: 200, body: String(seconds()) };
		if (!isSigned(request)) return failure(403, "INVALID_SIGNATURE", "Invalid signature");
		if (request.path === "/1.0/domain/zone/")
			return { status: 200, body: store.zones.map(({ name }) => name) };
		const [, name = "", below = "", id] =
			/^\/1\.0\/domain\/zone\/([^/]+)(\/\w+)?(?:\/(\d+))?$/.exec(request.path) ?? [];
		const zone = store.zones.find((one) => one.name === name);
		if (zone === undefined) return failure(404, "NOT_FOUND", "This service does not exist");
		if (id !== undefined) return one(zone, id, request);
		switch (`${request.method} ${below}`) {
			case "GET ":
				return { status: 200, body: { name, hasDnsAnycast: false, dnssecSupported: true } };
			case "GET /status":
				return { status: 200, body: { isDeployed: !pending.has(zone.id), errors: null, warnings: null } };
			case "GET /record":
				return list(zone, request);
			case "POST /record":
				return create(zone, request);
			case "POST /refresh":
				return refresh(zone);
			default:
				return failure(400, "BAD_REQUEST", "Not a call of this fake");
		}
	};

	/** Both filters are patterns as of SQL's LIKE. */
	function list(zone: StoredZone, { query }: FakeRequest): FakeAnswer {
		const [type, name] = [query.get("fieldType"), query.get("subDomain")];
		const matches = (pattern: string | null, text: string) =>
			pattern === null ||
			new RegExp(`^${pattern.replaceAll(".", "\\.").replaceAll("_", ".").replaceAll("%", ".*")}$`).test(text);
		const held = shownOf(zone).filter(
			(record) => matches(type, record.type) && matches(name, relativeName(record.name, zone.name)),
		);
		return { status: 200, body: held.map(({ id }) => Number(id)) };
	}

	function create(zone: StoredZone, { body }: FakeRequest): FakeAnswer {
		const record = { ...storedOf(zone, JSON.parse(body) as Content), id: store.freshId() };
		changed(zone).push(record);
		return { status: 200, body: show(zone, record) };
	}

	function one(zone: StoredZone, id: string, { method, body }: FakeRequest): FakeAnswer {
		const record = shownOf(zone).find((held) => held.id === id);
		if (record === undefined)
			return failure(404, "NOT_FOUND", `The requested object (id = ${id}) does not exist`);
		if (method === "GET") return { status: 200, body: show(zone, record) };
		const records = changed(zone);
		const index = records.findIndex((held) => held.id === id);
		if (method === "DELETE") records.splice(index, 1);
		else
			records[index] = {
				...storedOf(zone, { ...contentOf(zone, record), ...(JSON.parse(body) as object) }),
				id,
			};
		return { status: 200, body: "null" };
	}

	function refresh(zone: StoredZone): FakeAnswer {
		zone.records.splice(0, zone.records.length, ...(pending.get(zone.id) ?? zone.records));
		pending.delete(zone.id);
		return { status: 200, body: "null" };
	}
}

interface Content {
	readonly fieldType: string;
	readonly subDomain: string;
	readonly target: string;
	readonly ttl: number;
}

function storedOf(
	zone: StoredZone,
	{ fieldType: type, subDomain, target, ttl }: Content,
): Omit<StoredRecord, "id"> {
	const value = type === "TXT" ? (unquoteTxt(target) ?? target) : target;
	return { name: absoluteName(subDomain, zone.name), type, value, form: target, ttlSeconds: ttl };
}

function contentOf(zone: StoredZone, { name, type, value, form, ttlSeconds }: StoredRecord): Content {
	return {
		fieldType: type,
		subDomain: relativeName(name, zone.name),
		target: form ?? value,
		ttl: ttlSeconds,
	};
}

function show(zone: StoredZone, record: StoredRecord): unknown {
	return { ...contentOf(zone, record), id: Number(record.id), zone: zone.name };
}

function failure(status: number, errorCode: string, message: string): FakeAnswer {
	return { status, body: { errorCode, httpCode: String(status), message } };
}

/** The account as it was recorded: its zones, and the records that were shown before anything was written. */
export function prepareOvh(store: ZoneStore, recorded: readonly Recorded[]): void {
	for (const { request, response } of recorded) {
		if (request.method !== "GET") return;
		const content: unknown = JSON.parse(response.body ?? "null");
		const { pathname } = new URL(request.uri);
		if (pathname.endsWith("/zone/")) for (const name of content as readonly string[]) store.addZone(name);
		const [zone] = store.zones;
		if (zone !== undefined && /\/record\/\d+$/.test(pathname)) {
			const { form, ...record } = storedOf(zone, content as Content);
			store.add(zone, form === null ? record : { ...record, form });
		}
	}
}
