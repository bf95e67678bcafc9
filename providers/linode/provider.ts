/** Writes zones at Linode, API version 4 (techdocs.akamai.com/linode-api/reference/post-domain-record). */

import * as z from "zod";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import { type AdapterOptions, bearerOf } from "../../src/publishing/api/adapter.ts";
import { type Api, createApi } from "../../src/publishing/api/client.ts";
import { absoluteName, plainName, relativeName } from "../../src/publishing/api/names.ts";
import { allPages, type Page } from "../../src/publishing/api/pages.ts";
import {
	createRecordProvider,
	type RecordCalls,
	removeAt,
	type WantedRecord,
} from "../../src/publishing/api/record-api.ts";
import { type ApiZone, createZoneSearch } from "../../src/publishing/api/zones.ts";
import { about, type LinodeSettings } from "./settings.ts";

const BASE = "https://api.linode.com/v4";
/** The documentation names no limit of a value. */
const LIMITS = { valueOctets: 4_000, minTtlSeconds: 300, batch: 20 } as const;
/** What the documentation of `ttl_sec` names; another value would be rounded to the nearest, which may be shorter. */
const TTLS = [
	300, 3_600, 7_200, 14_400, 28_800, 57_600, 86_400, 172_800, 345_600, 604_800, 1_209_600, 2_419_200,
] as const;
/** 400 answers a minute in the recordings' `x-ratelimit-limit`. */
const GAP_MS = 250;
/** The most a page may have. */
const PAGE = 500;

const failure = z.object({
	errors: z.array(z.object({ reason: z.string(), field: z.string().optional() })).min(1),
});
const domain = z.object({ id: z.number(), domain: z.string(), type: z.string() });
const record = z.object({ id: z.number(), type: z.string(), name: z.string(), target: z.string() });

export function createProvider(options: AdapterOptions<LinodeSettings>): DnsProvider {
	const { name, settings } = options;
	const api = createApi({
		...bearerOf(options, about),
		base: BASE,
		gapMs: GAP_MS,
		explain: (content) =>
			failure
				.parse(content)
				.errors.map(({ reason, field }) => (field === undefined ? reason : `${field}: ${reason}`))
				.join("; "),
	});
	return createRecordProvider({
		name,
		account: `linode ${JSON.stringify(settings.token)}`,
		limits: LIMITS,
		zones: createZoneSearch(name, {
			named: async (zone, signal) => {
				const domains = await list(
					api,
					name,
					{ path: "/domains", filter: { domain: zone }, item: domain },
					signal,
				);
				return domains.map(({ id, domain, type }) => ({
					id: String(id),
					name: plainName(domain),
					...(type === "master" ? {} : { copy: type }),
				}));
			},
		}),
		calls: callsOf(api, name),
	});
}

function callsOf(api: Api, provider: string): RecordCalls<ApiZone> {
	const path = ({ id }: ApiZone) => `/domains/${encodeURIComponent(id)}/records`;
	const read = (content: unknown) => record.parse(content);
	const put = async (zone: ApiZone, id: string, wanted: WantedRecord, signal: AbortSignal) => {
		const at = `${path(zone)}/${encodeURIComponent(id)}`;
		await api.call({ method: "PUT", path: at, body: bodyOf(zone, wanted), read }, signal);
	};
	return {
		async records(zone, name, signal) {
			const filter = { type: "TXT", name: relativeName(name, zone.name) };
			const shown = await list(api, provider, { path: path(zone), filter, item: record }, signal);
			return shown
				.filter((one) => one.type === "TXT" && absoluteName(one.name, zone.name) === name)
				.map(({ id, target }) => ({ id: String(id), value: target }));
		},
		async create(zone, wanted, signal) {
			const call = { method: "POST", path: path(zone), body: bodyOf(zone, wanted), read } as const;
			const made = await api.call(call, signal);
			// A TTL is not taken up when a record is made (github.com/StackExchange/dnscontrol, providers/linode).
			await put(zone, String(made.id), wanted, signal);
		},
		update: async (zone, { id }, wanted, signal) => put(zone, id, wanted, signal),
		remove: async (zone, _, { id }, signal) =>
			removeAt(api, `${path(zone)}/${encodeURIComponent(id)}`, signal),
	};
}

/** All items that the filter (techdocs.akamai.com/linode-api/reference/filtering-and-sorting) lets through. */
async function list<Item>(
	api: Api,
	provider: string,
	wanted: { readonly path: string; readonly filter: unknown; readonly item: z.ZodType<Item> },
	signal: AbortSignal,
): Promise<readonly Item[]> {
	const pages = z.object({ data: z.array(wanted.item), page: z.number(), pages: z.number() });
	const headers = { "x-filter": JSON.stringify(wanted.filter) };
	return allPages(provider, 1, async (number): Promise<Page<Item, number>> => {
		const query = { page: number, page_size: PAGE };
		const shown = await api.call(
			{ method: "GET", path: wanted.path, query, headers, read: (content) => pages.parse(content) },
			signal,
		);
		return { items: shown.data, next: shown.page < shown.pages ? shown.page + 1 : null };
	});
}

function bodyOf(zone: ApiZone, { name, value, ttlSeconds }: WantedRecord): unknown {
	return { type: "TXT", name: relativeName(name, zone.name), target: value, ttl_sec: knownTtl(ttlSeconds) };
}

function knownTtl(seconds: number): number {
	return TTLS.find((known) => known >= seconds) ?? TTLS[TTLS.length - 1] ?? seconds;
}
