/** As Azure DNS answered in the recordings; pages, conditions and refusals are from its reference. */

import { createHash } from "node:crypto";
import { quoteTxt, unquoteTxt } from "../../../src/dkim/txt-strings.ts";
import { absoluteName, relativeName } from "../../../src/publishing/api/names.ts";
import type { Recorded } from "../http/describe-replay.ts";
import type { Fake, FakeAnswer, FakeRequest } from "../http/fake-server.ts";
import type { StoredRecord, StoredZone, ZoneStore } from "../http/zone-store.ts";

export const ACCESS_TOKEN = "azure-access-token-of-the-tests";

interface Options {
	readonly clientSecret: string;
	readonly pageSize?: number;
	/** Where the next page of a list is said to be. */
	readonly origin?: string;
	readonly privateZones?: readonly string[];
}

export function createAzureFake(
	store: ZoneStore,
	{ clientSecret, pageSize = 2, origin = "https://management.azure.com", privateZones = [] }: Options,
): Fake {
	/** Of sets, by their path. */
	const metadata = new Map<string, unknown>();

	return (request) => {
		if (request.path.includes("/oauth2/")) return token(request);
		if (request.headers["authorization"] !== `Bearer ${ACCESS_TOKEN}`)
			return failure(401, "InvalidAuthenticationToken", "The access token is invalid.");
		if (request.query.get("api-version") !== "2018-05-01")
			return failure(400, "MissingApiVersionParameter", "The api-version query parameter is required.");
		const [, head = "", name, type, at] =
			/^(.*\/dnszones)(?:\/([^/]+)(?:\/([^/]+)(?:\/([^/]+))?)?)?$/i.exec(request.path) ?? [];
		if (name === undefined) return zones(head, request);
		const zone = store.zone(name);
		if (zone === undefined)
			return failure(
				404,
				"ResourceNotFound",
				`The Resource 'Microsoft.Network/dnszones/${name}' was not found.`,
			);
		const below = `${head.replace(/dnszones$/i, "dnszones")}/${name}`;
		if (at === undefined) return list(zone, below, type ?? "recordsets");
		return set(zone, { below, type: type ?? "", at }, request);
	};

	function token({ body }: FakeRequest): FakeAnswer {
		const secret = new URLSearchParams(body).get("client_secret");
		if (secret !== clientSecret)
			return {
				status: 401,
				body: {
					error: "invalid_client",
					error_description: `AADSTS7000215: Invalid client secret ${secret}.`,
				},
			};
		return { status: 200, body: { token_type: "Bearer", expires_in: "3599", access_token: ACCESS_TOKEN } };
	}

	function zones(head: string, { query }: FakeRequest): FakeAnswer {
		const from = Number(query.get("$skipToken") ?? 0);
		const shown = store.zones.slice(from, from + pageSize).map(({ id, name, records }) => ({
			id: `${head.replace(/dnszones$/i, "dnszones")}/${name}`,
			name,
			type: "Microsoft.Network/dnszones",
			etag: etagOf(records),
			location: "global",
			properties: {
				maxNumberOfRecordSets: 10_000,
				numberOfRecordSets: records.length,
				zoneType: privateZones.includes(id) ? "Private" : "Public",
			},
		}));
		const next = `${origin}${head}?api-version=2018-05-01&$skipToken=${from + pageSize}`;
		const more = from + pageSize < store.zones.length ? { nextLink: next } : {};
		return { status: 200, body: { value: shown, ...more } };
	}

	function list(zone: StoredZone, below: string, kind: string): FakeAnswer {
		const keys = new Set(
			zone.records.map(({ name, type }) => `${type}/${relativeName(name, zone.name) || "@"}`),
		);
		const value = [...keys]
			.map((key) => key.split("/"))
			.filter(([type]) => kind === "recordsets" || type === kind)
			.map(([type = "", at = ""]) => shown(zone, { below, type, at }));
		return { status: 200, body: { value } };
	}

	function set(zone: StoredZone, where: Place, { method, headers, body }: FakeRequest): FakeAnswer {
		const held = heldAt(zone, where);
		if (method === "GET" && held.length === 0)
			return failure(404, "NotFound", `The resource record '${where.at}' does not exist in resource group.`);
		if (method === "GET") return { status: 200, body: shown(zone, where) };
		const match = headers["if-match"];
		if (
			(headers["if-none-match"] === "*" && held.length > 0) ||
			(match !== undefined && match !== etagOf(held))
		)
			return failure(
				412,
				"PreconditionFailed",
				`The condition '${match ?? "*"}' in the If-Match header was not satisfied.`,
			);
		if (method === "DELETE" && held.length === 0) return { status: 204 };
		const sent = (JSON.parse(body || "{}") as { properties?: Properties }).properties ?? {};
		const long = (sent.TXTRecords ?? []).some(({ value }) => value.some((text) => text.length > 255));
		if (long)
			return failure(400, "BadRequest", "The string in the TXT record exceeds the limit of 255 characters.");
		const { TTL: ttlSeconds = held[0]?.ttlSeconds ?? 3_600, TXTRecords = null } = sent;
		const texts = TXTRecords?.map(({ value }) => value.map(quoteTxt).join(" "));
		const plain = [
			...(sent.ARecords ?? []).map(({ ipv4Address }) => ipv4Address),
			sent.CNAMERecord?.cname ?? [],
		].flat();
		if (method !== "PATCH" || texts !== undefined) for (const { id } of held) store.remove(zone, id);
		if (method === "DELETE") return { status: 200 };
		for (const form of texts ?? plain) {
			const name = absoluteName(where.at, zone.name);
			store.add(zone, { name, type: where.type, value: unquoteTxt(form) ?? form, form, ttlSeconds });
		}
		metadata.set(`${zone.id} ${where.at}`, sent.metadata);
		return { status: held.length === 0 ? 201 : 200, body: shown(zone, where) };
	}

	function shown(zone: StoredZone, where: Place): object {
		const held = heldAt(zone, where);
		const [first] = held;
		const kept = metadata.get(`${zone.id} ${where.at}`);
		const properties = {
			fqdn: `${absoluteName(where.at, zone.name)}.`,
			TTL: first?.ttlSeconds ?? 0,
			...recordsOf(where.type, held),
			...(kept === undefined ? {} : { metadata: kept }),
			targetResource: {},
			provisioningState: "Succeeded",
		};
		const id = `${where.below}/${where.type}/${where.at}`;
		return {
			id,
			name: where.at,
			type: `Microsoft.Network/dnszones/${where.type}`,
			etag: etagOf(held),
			properties,
		};
	}
}

interface Place {
	readonly below: string;
	readonly type: string;
	readonly at: string;
}

interface Properties {
	readonly TTL?: number;
	readonly TXTRecords?: readonly { readonly value: readonly string[] }[];
	readonly ARecords?: readonly { readonly ipv4Address: string }[];
	readonly CNAMERecord?: { readonly cname: string };
	readonly metadata?: unknown;
}

function heldAt(zone: StoredZone, { at, type }: Place): readonly StoredRecord[] {
	const name = absoluteName(at, zone.name);
	return zone.records.filter((record) => record.name === name && record.type === type);
}

function recordsOf(type: string, held: readonly StoredRecord[]): object {
	if (type === "TXT") return { TXTRecords: held.map((record) => ({ value: stringsOf(record) })) };
	if (type === "A") return { ARecords: held.map(({ value }) => ({ ipv4Address: value })) };
	if (type === "CNAME") return { CNAMERecord: { cname: held[0]?.value } };
	return {};
}

function stringsOf({ form, value }: StoredRecord): readonly string[] {
	return (
		(form ?? quoteTxt(value)).match(/"(?:[^"\\]|\\.)*"/g)?.map((text) => unquoteTxt(text) ?? text) ?? [value]
	);
}

function etagOf(held: readonly StoredRecord[]): string {
	const content = held.map(({ id, value, ttlSeconds }) => [id, value, ttlSeconds]);
	return createHash("sha256").update(JSON.stringify(content)).digest("hex").slice(0, 32);
}

function failure(status: number, code: string, message: string): FakeAnswer {
	return { status, body: { error: { code, message } } };
}

/** The resource group as it was recorded: its zone, and the sets that a list shows and that the recording itself did not make. */
export function prepareAzure(store: ZoneStore, recorded: readonly Recorded[]): void {
	const made: string[] = [];
	for (const { request, response } of recorded) {
		const { value = [] } = JSON.parse(response.body || "{}") as { readonly value?: readonly Found[] };
		const path = new URL(request.uri).pathname;
		if (request.method === "PUT") made.push(path.split("/").slice(-2).join("/"));
		for (const { name, type, properties } of value) {
			if (type === "Microsoft.Network/dnszones") store.addZone(name);
			const [zone] = store.zones;
			const kind = type.split("/").at(-1) ?? "";
			if (zone === undefined || made.includes(`${kind}/${name}`)) continue;
			made.push(`${kind}/${name}`);
			for (const record of properties.TXTRecords ?? []) {
				const form = record.value.map(quoteTxt).join(" ");
				const at = absoluteName(name, zone.name);
				store.add(zone, {
					name: at,
					type: kind,
					value: record.value.join(""),
					form,
					ttlSeconds: properties.TTL ?? 0,
				});
			}
		}
	}
}

interface Found {
	readonly name: string;
	readonly type: string;
	readonly properties: Properties;
}
