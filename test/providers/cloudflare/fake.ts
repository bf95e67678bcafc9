/** As Cloudflare's API answered in the recordings, with pages of at most two so that there are several. */

import { domainToASCII, domainToUnicode } from "node:url";
import { unquoteTxt } from "../../../src/dkim/txt-strings.ts";
import type { Recorded } from "../http/describe-replay.ts";
import type { Fake, FakeAnswer, FakeRequest } from "../http/fake-server.ts";
import type { StoredRecord, StoredZone, ZoneStore } from "../http/zone-store.ts";

export interface CloudflareFakeOptions {
	readonly token: string;
	readonly pageSize?: number;
	/** The zones that the token is limited to; null for one that is not. */
	readonly reach?: readonly string[] | null;
	/** Ids of zones that are served from another account by now. */
	readonly moved?: readonly string[];
}

export function createCloudflareFake(
	store: ZoneStore,
	{ token, pageSize = 2, reach = null, moved = [] }: CloudflareFakeOptions,
): Fake {
	return (request) => {
		if (request.headers["authorization"] !== `Bearer ${token}`)
			return failure(403, 9109, "Invalid access token");
		const path = request.path.replace("/client/v4", "");
		if (path === "/zones" && request.method === "GET") return zones(request);
		const [, zoneId = "", , id = null] = /^\/zones\/([^/]+)(\/dns_records(?:\/([^/]+))?)?$/.exec(path) ?? [];
		const zone = store.zone(zoneId);
		if (zone === undefined) return failure(404, 7003, `Could not route to ${path}`);
		if (id === null) return request.method === "GET" ? list(zone, request) : create(zone, request);
		return request.method === "DELETE" ? remove(zone, id) : update(zone, id, request);
	};

	/** Asked for in either form, shown in Unicode; names of records never are (github.com/cloudflare/cloudflare-go, pull request 690). */
	function zones({ query }: FakeRequest): FakeAnswer {
		const name = query.get("name");
		// github.com/certbot/certbot, pull request 8015; github.com/cert-manager/cert-manager, issue 3083.
		if (reach !== null && !reach.includes(domainToASCII(name ?? "")))
			return failure(
				403,
				0,
				"Actor 'com.cloudflare.api.token.5e1d' requires permission 'com.cloudflare.api.account.zone.list' to list zones",
			);
		const held = store.zones.filter((zone) => name === null || zone.name === domainToASCII(name));
		return page(
			held.map(({ id, name: held }) => {
				const status = moved.includes(id) ? "moved" : "active";
				const type = id.startsWith("internal") ? "internal" : "full";
				return { id, name: domainToUnicode(held), status, type };
			}),
			query,
		);
	}

	function list(zone: StoredZone, { query }: FakeRequest): FakeAnswer {
		const matches = ({ name, type, value, form }: StoredRecord) =>
			Object.entries({ name, type, content: form ?? value }).every(([field, held]) => {
				const wanted = query.get(field);
				return wanted === null || wanted === held;
			});
		return page(zone.records.filter(matches).map(shown), query);
	}

	function page(items: readonly unknown[], query: URLSearchParams): FakeAnswer {
		const asked = Number(query.get("per_page") ?? 100);
		const size = Math.min(asked, pageSize);
		const number = Number(query.get("page") ?? 1);
		const result = items.slice((number - 1) * size, number * size);
		return success(result, {
			result_info: {
				page: number,
				per_page: asked,
				count: result.length,
				total_count: items.length,
				total_pages: Math.ceil(items.length / size),
			},
		});
	}

	function create(zone: StoredZone, request: FakeRequest): FakeAnswer {
		const { name, type, content, ttl } = contentOf(request, zone);
		if (
			zone.records.some(
				(one) => one.name === name && one.type === type && one.value === joined(type, content),
			)
		)
			return failure(400, 81_058, "An identical record already exists.");
		return success(
			shown(store.add(zone, { name, type, value: joined(type, content), form: content, ttlSeconds: ttl })),
		);
	}

	function update(zone: StoredZone, id: string, request: FakeRequest): FakeAnswer {
		const record = zone.records.find((one) => one.id === id);
		if (record === undefined) return failure(404, 81_044, "Record does not exist.");
		const { type, content, ttl } = contentOf(request, zone);
		Object.assign(record, { value: joined(type, content), form: content, ttlSeconds: ttl });
		return success(shown(record));
	}

	function remove(zone: StoredZone, id: string): FakeAnswer {
		return store.remove(zone, id) ? success({ id }) : failure(404, 81_044, "Record does not exist.");
	}
}

interface Content {
	readonly name: string;
	readonly type: string;
	readonly content: string;
	readonly ttl: number;
}

function contentOf({ body }: FakeRequest, zone: StoredZone): Content {
	const content = JSON.parse(body) as Content;
	const isFull = content.name === zone.name || content.name.endsWith(`.${zone.name}`);
	return isFull ? content : { ...content, name: `${content.name}.${zone.name}` };
}

function joined(type: string, content: string): string {
	return type === "TXT" ? (unquoteTxt(content) ?? content) : content;
}

function shown({ id, name, type, value, form, ttlSeconds }: StoredRecord): unknown {
	return {
		id,
		name,
		type,
		content: form ?? value,
		proxiable: type !== "TXT",
		proxied: false,
		ttl: ttlSeconds,
	};
}

function success(result: unknown, more = {}): FakeAnswer {
	return { status: 200, body: { result, ...more, success: true, errors: [], messages: [] } };
}

function failure(status: number, code: number, message: string): FakeAnswer {
	return { status, body: { result: null, success: false, errors: [{ code, message }], messages: [] } };
}

/** The account as it was recorded: what it showed before anything was written, and what could not be made again. */
export function prepareCloudflare(store: ZoneStore, recorded: readonly Recorded[]): void {
	for (const { request, response } of recorded) {
		const { pathname } = new URL(request.uri);
		const { result } = JSON.parse(response.body ?? "{}") as { readonly result: unknown };
		const zoneId = pathname.split("/").at(-2) ?? "";
		if (request.method === "POST" && response.status === 400)
			plant(store, zoneId, JSON.parse(request.body ?? "") as Content);
		if (!Array.isArray(result)) return;
		for (const found of result as readonly Found[]) {
			if (pathname.endsWith("/zones")) store.addZone(found.name, found.id);
			else plant(store, zoneId, found);
		}
	}
}

interface Found extends Content {
	readonly id: string;
}

function plant(store: ZoneStore, zoneId: string, { name, type, content, ttl }: Content): void {
	const zone = store.zone(zoneId);
	if (zone === undefined) throw new Error(`no zone ${zoneId} was recorded`);
	store.add(zone, { name, type, value: joined(type, content), form: content, ttlSeconds: ttl });
}
