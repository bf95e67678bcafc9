/** Writes zones at Scaleway, Domains and DNS API v2beta1 (www.scaleway.com/en/developers/api/domains-and-dns). */

import * as z from "zod";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import { type AdapterOptions, commonOf } from "../../src/publishing/api/adapter.ts";
import { type Api, type ApiAnswer, createApi, type Verdict } from "../../src/publishing/api/client.ts";
import { absoluteName, plainName, relativeName } from "../../src/publishing/api/names.ts";
import { allCounted } from "../../src/publishing/api/pages.ts";
import {
	createRecordProvider,
	type RecordCalls,
	type WantedRecord,
} from "../../src/publishing/api/record-api.ts";
import { type ApiZone, createZoneSearch } from "../../src/publishing/api/zones.ts";
import { about, type ScalewaySettings } from "./settings.ts";

const BASE = "https://api.scaleway.com/domain/v2beta1";
/** The documentation names no limit of a value. */
const LIMITS = { valueOctets: 4_000, minTtlSeconds: 60, batch: 20 } as const;
const GAP_MS = 200;
const PAGE = 100;

const failure = z.object({ message: z.string() });
const zones = z.object({
	total_count: z.number(),
	dns_zones: z.array(z.object({ domain: z.string(), subdomain: z.string() })),
});
const records = z.object({
	total_count: z.number(),
	records: z.array(z.object({ id: z.string(), type: z.string(), name: z.string(), data: z.string() })),
});
const written = z.object({ records: z.array(z.unknown()) });

export function createProvider(options: AdapterOptions<ScalewaySettings>): DnsProvider {
	const { name, settings, secrets } = options;
	const api = createApi({
		...commonOf(options, about),
		base: BASE,
		authorize: async () => ({ headers: { "x-auth-token": await secrets.read(settings.key) } }),
		gapMs: GAP_MS,
		judge,
		explain: (content) => failure.parse(content).message,
	});
	return createRecordProvider({
		name,
		account: `scaleway ${JSON.stringify(settings.key)}`,
		limits: LIMITS,
		zones: createZoneSearch(name, { all: async (signal) => allZones(api, name, signal) }),
		calls: callsOf(api, name),
	});
}

/** The filters by name differ between versions of the interface, and a project has few zones. */
async function allZones(api: Api, provider: string, signal: AbortSignal): Promise<readonly ApiZone[]> {
	return allCounted(provider, async (page) => {
		const query = { page, page_size: PAGE };
		const shown = await api.call(
			{ method: "GET", path: "/dns-zones", query, read: (content) => zones.parse(content) },
			signal,
		);
		const items = shown.dns_zones.map(({ domain, subdomain }) => {
			const name = absoluteName(subdomain, plainName(domain));
			return { id: name, name };
		});
		return { items, total: shown.total_count };
	});
}

function callsOf(api: Api, provider: string): RecordCalls<ApiZone> {
	const path = ({ id }: ApiZone) => `/dns-zones/${encodeURIComponent(id)}/records`;
	const change = async (zone: ApiZone, one: object, signal: AbortSignal) => {
		// Without the first a name below the zone could become a zone of its own.
		const body = { disallow_new_zone_creation: true, return_all_records: false, changes: [one] };
		const gone = "delete" in one ? { absent: null } : {};
		const read = (content: unknown) => written.parse(content);
		await api.call<unknown>({ method: "PATCH", path: path(zone), body, read, ...gone }, signal);
	};
	return {
		async records(zone, name, signal) {
			const shown = await allCounted(provider, async (page) => {
				const query = { type: "TXT", name: relativeName(name, zone.name), page, page_size: PAGE };
				const content = await api.call(
					{ method: "GET", path: path(zone), query, read: (answer) => records.parse(answer) },
					signal,
				);
				return { items: content.records, total: content.total_count };
			});
			return shown
				.filter((one) => one.type === "TXT" && absoluteName(one.name, zone.name) === name)
				.map(({ id, data }) => ({ id, value: data }));
		},
		create: async (zone, wanted, signal) =>
			change(zone, { add: { records: [recordOf(zone, wanted)] } }, signal),
		update: async (zone, { id }, wanted, signal) =>
			change(zone, { set: { id, records: [recordOf(zone, wanted)] } }, signal),
		remove: async (zone, _, { id }, signal) => change(zone, { delete: { id } }, signal),
	};
}

/**
 * The value is one text, which Scaleway splits: quotes between two strings become octets of the record
 * (github.com/DNSControl/dnscontrol, pull request 4919; Scaleway's own plug-in of octoDNS sends it without any).
 */
function recordOf(zone: ApiZone, { name, value, ttlSeconds }: WantedRecord): unknown {
	return { type: "TXT", name: relativeName(name, zone.name), data: value, ttl: ttlSeconds };
}

/** A zone that is not there is told with the status of a credential that is not enough. */
function judge({ status, content }: ApiAnswer): Verdict | null {
	const message = status === 403 ? failure.safeParse(content).data?.message : undefined;
	return message === "domain not found" ? { kind: "refused", why: message } : null;
}
