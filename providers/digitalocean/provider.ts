/** Writes zones at DigitalOcean, API version 2 (docs.digitalocean.com/reference/api/reference/domain-records). */

import * as z from "zod";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import { type AdapterOptions, bearerOf } from "../../src/publishing/api/adapter.ts";
import { type Api, createApi } from "../../src/publishing/api/client.ts";
import { absoluteName, plainName, relativeName } from "../../src/publishing/api/names.ts";
import { allPages } from "../../src/publishing/api/pages.ts";
import {
	createRecordProvider,
	type HeldRecord,
	type RecordCalls,
	removeAt,
	type WantedRecord,
} from "../../src/publishing/api/record-api.ts";
import { type ApiZone, createZoneSearch } from "../../src/publishing/api/zones.ts";
import { about, type DigitalOceanSettings } from "./settings.ts";

const BASE = "https://api.digitalocean.com/v2";
/** 512 characters in quoted strings (github.com/StackExchange/dnscontrol, providers/digitalocean/auditrecords.go): two pairs of quotes and a blank go off. */
const LIMITS = { valueOctets: 507, minTtlSeconds: 30, batch: 20 } as const;
/** 250 calls a minute (docs.digitalocean.com/reference/api/reference, rate limit). */
const GAP_MS = 250;
/** The most a page may have. */
const PAGE = 200;

const failure = z.object({ id: z.string(), message: z.string() });
const domain = z.object({ domain: z.object({ name: z.string() }) });
const records = z.object({
	domain_records: z.array(
		z.object({ id: z.number(), type: z.string(), name: z.string(), data: z.string().nullable() }),
	),
	links: z.object({ pages: z.object({ next: z.string().optional() }).optional() }),
});
const written = z.object({ domain_record: z.object({ id: z.number() }) });

export function createProvider(options: AdapterOptions<DigitalOceanSettings>): DnsProvider {
	const { name, settings } = options;
	const api = createApi({
		...bearerOf(options, about),
		base: BASE,
		gapMs: GAP_MS,
		explain,
	});
	return createRecordProvider({
		name,
		account: `digitalocean ${JSON.stringify(settings.token)}`,
		limits: LIMITS,
		zones: createZoneSearch(name, { named: async (zone, signal) => domainsNamed(api, zone, signal) }),
		calls: callsOf(api, name),
	});
}

async function domainsNamed(api: Api, name: string, signal: AbortSignal): Promise<readonly ApiZone[]> {
	return api.call(
		{
			method: "GET",
			path: `/domains/${encodeURIComponent(name)}`,
			read: (content) => {
				const zone = plainName(domain.parse(content).domain.name);
				return [{ id: zone, name: zone }];
			},
			absent: [],
		},
		signal,
	);
}

function callsOf(api: Api, provider: string): RecordCalls<ApiZone> {
	const path = ({ id }: ApiZone) => `/domains/${encodeURIComponent(id)}/records`;
	const read = (content: unknown) => written.parse(content);
	return {
		records: async (zone, name, signal) =>
			allPages<HeldRecord, number>(provider, 1, async (page) => {
				// The filter wants the full name, though records are shown and written with the relative one.
				const query = { type: "TXT", name, page, per_page: PAGE };
				const { domain_records: shown, links } = await api.call(
					{ method: "GET", path: path(zone), query, read: (content) => records.parse(content) },
					signal,
				);
				const items = shown
					.filter((record) => record.type === "TXT" && absoluteName(record.name, zone.name) === name)
					.map(({ id, data }) => ({ id: String(id), value: data ?? "" }));
				return { items, next: links.pages?.next === undefined ? null : page + 1 };
			}),
		async create(zone, record, signal) {
			await api.call({ method: "POST", path: path(zone), body: bodyOf(zone, record), read }, signal);
		},
		async update(zone, { id }, record, signal) {
			const at = `${path(zone)}/${encodeURIComponent(id)}`;
			await api.call({ method: "PUT", path: at, body: bodyOf(zone, record), read }, signal);
		},
		remove: async (zone, _, { id }, signal) =>
			removeAt(api, `${path(zone)}/${encodeURIComponent(id)}`, signal),
	};
}

function bodyOf(zone: ApiZone, { name, value, ttlSeconds }: WantedRecord): unknown {
	return { type: "TXT", name: relativeName(name, zone.name) || "@", data: value, ttl: ttlSeconds };
}

function explain(content: unknown): string {
	const { id, message } = failure.parse(content);
	return `${message} (${id})`;
}
