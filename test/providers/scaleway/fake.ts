/** As Scaleway's API answered in the recordings; the list of zones and the filters are as documented. */

import { relativeName } from "../../../src/publishing/api/names.ts";
import type { Recorded } from "../http/describe-replay.ts";
import type { Fake, FakeAnswer, FakeRequest } from "../http/fake-server.ts";
import type { StoredRecord, StoredZone, ZoneStore } from "../http/zone-store.ts";

export function createScalewayFake(
	store: ZoneStore,
	{ key, pageSize = 2 }: { readonly key: string; readonly pageSize?: number },
): Fake {
	return (request) => {
		if (request.headers["x-auth-token"] !== key) return failure(401, "authentication is denied");
		const path = request.path.replace("/domain/v2beta1/dns-zones", "");
		if (path === "")
			return page(
				"dns_zones",
				store.zones.map(({ name }) => ({ domain: name, subdomain: "" })),
				request,
			);
		const zone = store.zones.find(({ name }) => path === `/${name}/records`);
		if (zone === undefined) return failure(403, "domain not found");
		return request.method === "GET" ? list(zone, request) : change(zone, request);
	};

	function page(field: string, items: readonly unknown[], { query }: FakeRequest): FakeAnswer {
		const number = Number(query.get("page") ?? 1);
		const shown = items.slice((number - 1) * pageSize, number * pageSize);
		return { status: 200, body: { total_count: items.length, [field]: shown } };
	}

	/** Sorted by name, whenever they were made. */
	function list(zone: StoredZone, request: FakeRequest): FakeAnswer {
		const [name, type] = [request.query.get("name"), request.query.get("type")];
		const held = zone.records
			.filter((one) => name === null || relativeName(one.name, zone.name) === name)
			.filter((one) => type === null || one.type === type)
			.toSorted((one, other) =>
				Buffer.compare(
					Buffer.from(relativeName(one.name, zone.name)),
					Buffer.from(relativeName(other.name, zone.name)),
				),
			);
		return page(
			"records",
			held.map((record) => show(zone, record)),
			request,
		);
	}

	/** All or nothing, as the interface has it. */
	function change(zone: StoredZone, { body }: FakeRequest): FakeAnswer {
		const { changes } = JSON.parse(body) as { readonly changes: readonly Change[] };
		const ids = changes.flatMap(({ set, delete: gone }) => set?.id ?? gone?.id ?? []);
		if (ids.some((id) => zone.records.every((record) => record.id !== id)))
			return failure(404, "record not found");
		const written = changes.flatMap(({ add, set, delete: gone }) => {
			if (gone !== undefined) store.remove(zone, gone.id);
			const made = add?.records.map((content) => store.add(zone, storedOf(zone, content))) ?? [];
			const held = zone.records.find(({ id }) => id === set?.id);
			const [content] = set?.records ?? [];
			if (held !== undefined && content !== undefined) Object.assign(held, storedOf(zone, content));
			return held === undefined ? made : [...made, held];
		});
		return { status: 200, body: { records: written.map((record) => show(zone, record)) } };
	}
}

interface Change {
	readonly add?: { readonly records: readonly Content[] };
	readonly set?: { readonly id: string; readonly records: readonly Content[] };
	readonly delete?: { readonly id: string };
}

interface Content {
	readonly type: string;
	/** Relative, unless it ends with a dot. */
	readonly name: string;
	readonly data: string;
	readonly ttl: number;
}

function storedOf(
	zone: StoredZone,
	{ type, name, data, ttl }: Content,
): Omit<StoredRecord, "id"> & { form: string } {
	const absolute = name.endsWith(".") ? name.slice(0, -1) : name === "" ? zone.name : `${name}.${zone.name}`;
	if (type !== "TXT") return { name: absolute, type, value: data, form: data, ttlSeconds: ttl };
	// One text, whatever its length: quotes around it go, and those in it are octets of it (dnscontrol, pull request 4919).
	const value = /^".*"$/.test(data) ? data.slice(1, -1).replace(/\\(.)/g, "$1") : data;
	return { name: absolute, type, value, form: `"${value.replaceAll('"', '\\"')}"`, ttlSeconds: ttl };
}

function show(zone: StoredZone, { id, name, type, value, form, ttlSeconds }: StoredRecord): unknown {
	return {
		id,
		type,
		name: relativeName(name, zone.name),
		data: form ?? value,
		ttl: ttlSeconds,
		priority: 0,
		comment: null,
	};
}

function failure(status: number, message: string): FakeAnswer {
	return { status, body: { message } };
}

/** The zone as it was recorded, before anything was written. */
export function prepareScaleway(store: ZoneStore, recorded: readonly Recorded[]): void {
	const [first] = recorded;
	if (first?.response.status !== 200) return;
	const zone = store.addZone(new URL(first.request.uri).pathname.split("/")[4] ?? "");
	const write = recorded.findIndex(({ request }) => request.method !== "GET");
	const before = write < 0 ? recorded : recorded.slice(0, write);
	for (const { response } of [first, ...before.filter(({ request }) => request.uri.endsWith("?page=2"))])
		for (const found of (JSON.parse(response.body ?? "") as { readonly records: readonly Content[] }).records)
			store.add(zone, { ...storedOf(zone, found), form: found.data });
}
