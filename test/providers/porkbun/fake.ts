/** As Porkbun's API answers by its documentation: every call is a POST with the keys in its content. */

import { absoluteName } from "../../../src/publishing/api/names.ts";
import type { Fake, FakeAnswer } from "../http/fake-server.ts";
import type { StoredRecord, StoredZone, ZoneStore } from "../http/zone-store.ts";

interface Content {
	readonly apikey?: string;
	readonly secretapikey?: string;
	readonly start?: string;
	readonly name?: string;
	readonly type?: string;
	readonly content?: string;
	readonly ttl?: string;
}

export function createPorkbunFake(
	store: ZoneStore,
	{
		key,
		secret,
		pageSize = 2,
	}: { readonly key: string; readonly secret: string; readonly pageSize?: number },
): Fake {
	return ({ method, path, body }) => {
		const content = JSON.parse(body || "{}") as Content;
		if (method !== "POST") return failure("Only POST is taken.");
		if (content.apikey !== key || content.secretapikey !== secret) return failure("Invalid API key. (001)");
		const [group, act, name = "", ...rest] = path.replace("/api/json/v3/", "").split("/");
		if (group === "domain" && act === "listAll") return domains(Number(content.start ?? 0));
		const zone = store.zone(name);
		if (zone === undefined) return failure("Invalid domain.");
		switch (act) {
			case "retrieveByNameType":
				return list(zone, rest[0] ?? "", absoluteName(rest[1] ?? "", zone.name));
			case "create":
				return create(zone, content);
			case "edit":
				return edit(zone, rest[0] ?? "", content);
			case "delete":
				return store.remove(zone, rest[0] ?? "") ? success({}) : failure("Invalid record ID.");
			default:
				return failure("Unknown command.");
		}
	};

	function domains(start: number): FakeAnswer {
		const shown = store.zones.slice(start, start + pageSize);
		return success({ domains: shown.map(({ name }) => ({ domain: name, status: "ACTIVE" })) });
	}

	function list(zone: StoredZone, type: string, name: string): FakeAnswer {
		const held = zone.records.filter((record) => record.type === type && record.name === name);
		return success({ records: held.map(shown) });
	}

	function create(zone: StoredZone, { name = "", type = "", content = "", ttl }: Content): FakeAnswer {
		const record = { name: absoluteName(name, zone.name), type, value: content, ttlSeconds: Number(ttl) };
		const isTwin = zone.records.some(
			(held) => held.name === record.name && held.type === type && held.value === content,
		);
		if (isTwin || record.ttlSeconds < 600)
			return failure("Create error: We were unable to create the DNS record.");
		return success({ id: store.add(zone, record).id });
	}

	function edit(zone: StoredZone, id: string, { content = "", ttl }: Content): FakeAnswer {
		const record = zone.records.find((held) => held.id === id);
		if (record === undefined) return failure("Invalid record ID.");
		Object.assign(record, { value: content, form: content, ttlSeconds: Number(ttl) });
		return success({});
	}
}

function shown({ id, name, type, value, ttlSeconds }: StoredRecord): object {
	return { id, name, type, content: value, ttl: String(ttlSeconds), prio: null, notes: "" };
}

function success(content: object): FakeAnswer {
	return { status: 200, body: { status: "SUCCESS", ...content } };
}

function failure(message: string): FakeAnswer {
	return { status: 400, body: { status: "ERROR", message } };
}
