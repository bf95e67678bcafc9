/** Writes zones at Azure DNS (learn.microsoft.com/rest/api/dns/record-sets, API version 2018-05-01). */

import * as z from "zod";
import { quoteTxt, unquoteTxt } from "../../src/dkim/txt-strings.ts";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import { createAccessTokens } from "../../src/publishing/api/access-token.ts";
import type { AdapterOptions } from "../../src/publishing/api/adapter.ts";
import { type Api, createApi, readNothing } from "../../src/publishing/api/client.ts";
import { plainName, relativeName } from "../../src/publishing/api/names.ts";
import { allPages, type Page } from "../../src/publishing/api/pages.ts";
import { createRrsetProvider, type RrsetCalls, type RrsetWrite } from "../../src/publishing/api/rrset-api.ts";
import { type ApiZone, createZoneSearch } from "../../src/publishing/api/zones.ts";
import { about, type AzureSettings } from "./settings.ts";

const ORIGIN = "https://management.azure.com";
const VERSION = "api-version=2018-05-01";
/** 4,096 characters a record (learn.microsoft.com/azure/dns/dns-zones-records#txt-records). Each set is a call of its own. */
const LIMITS = { valueOctets: 4_000, minTtlSeconds: 1, batch: 1 } as const;
/** 1,200 changes an hour for a subscription are filled up by ten a second at most; what goes beyond, Retry-After says. */
const GAP_MS = 200;

const failure = z.object({ error: z.object({ code: z.string(), message: z.string() }) });
const zonePage = z.object({
	value: z.array(
		z.object({ name: z.string(), properties: z.object({ zoneType: z.string().default("Public") }) }),
	),
	nextLink: z.string().nullish(),
});
const recordSet = z.object({
	etag: z.string(),
	properties: z.object({
		TTL: z.number(),
		TXTRecords: z.array(z.object({ value: z.array(z.string()) })),
		metadata: z.record(z.string(), z.string()).optional(),
	}),
});

/** What the set is known by, and what would be lost if it did not go along. */
interface Extra {
	readonly etag: string;
	readonly metadata: Readonly<Record<string, string>> | undefined;
}

export function createProvider(options: AdapterOptions<AzureSettings>): DnsProvider {
	const { name, settings, secrets, http, clock } = options;
	const tokens = createAccessTokens({
		provider: name,
		base: "https://login.microsoftonline.com",
		path: `/${settings.tenant}/oauth2/v2.0/token`,
		permission: about.permission,
		http,
		clock,
		grant: async () => {
			const secret = await secrets.read(settings.client_secret);
			const who = { client_id: settings.client_id, client_secret: secret };
			const scope = `${ORIGIN}/.default`;
			return { fields: { grant_type: "client_credentials", ...who, scope }, secrets: [secret] };
		},
	});
	const api = createApi({
		provider: name,
		base: ORIGIN,
		http,
		clock,
		authorize: async (_, signal) => tokens.authorize(signal),
		permission: about.permission,
		gapMs: GAP_MS,
		judge: (answer) => tokens.judge(answer),
		explain: (content) => {
			const { code, message } = failure.parse(content).error;
			return `${message} (${code})`;
		},
	});
	const group = encodeURIComponent(settings.resource_group);
	const zones = `/subscriptions/${settings.subscription}/resourceGroups/${group}/providers/Microsoft.Network/dnsZones`;
	return createRrsetProvider({
		name,
		account: `azure ${settings.subscription} ${settings.client_id}`,
		limits: LIMITS,
		zones: createZoneSearch(name, { all: async (signal) => zonesOf(api, name, zones, signal) }),
		calls: callsOf(api, zones),
	});
}

async function zonesOf(
	api: Api,
	provider: string,
	zones: string,
	signal: AbortSignal,
): Promise<readonly ApiZone[]> {
	const first: string = `${zones}?${VERSION}`;
	const found = await allPages(provider, first, async (path) =>
		api.call({ method: "GET", path, read: readZones }, signal),
	);
	return found
		.filter(({ properties }) => properties.zoneType === "Public")
		.map((zone) => ({ id: zone.name, name: plainName(zone.name) }));
}

function readZones(content: unknown): Page<z.infer<typeof zonePage>["value"][number], string> {
	const { value, nextLink } = zonePage.parse(content);
	return { items: value, next: nextLink ? belowOrigin(nextLink) : null };
}

/** The credential goes along to where a list says that it goes on; some of its links name the port, 443. */
function belowOrigin(link: string): string {
	const { origin, pathname, search } = new URL(link);
	if (origin !== ORIGIN) throw new Error("its next page lies elsewhere");
	return `${pathname}${search}`;
}

function callsOf(api: Api, zones: string): RrsetCalls<ApiZone, Extra> {
	const at = (zone: ApiZone, name: string) =>
		`${zones}/${encodeURIComponent(zone.id)}/TXT/${encodeURIComponent(relativeName(name, zone.name) || "@")}?${VERSION}`;
	const read = (content: unknown) => recordSet.parse(content);
	return {
		encode: quoteTxt,
		async rrset(zone, name, signal) {
			const set = await api.call({ method: "GET", path: at(zone, name), read, absent: null }, signal);
			if (set === null) return null;
			const { TTL: ttlSeconds, TXTRecords: records, metadata } = set.properties;
			const values = records.map(({ value }) => value.map(quoteTxt).join(" "));
			return { values, ttlSeconds, extra: { etag: set.etag, metadata } };
		},
		async write(zone, sets, signal) {
			for (const set of sets) {
				const path = at(zone, set.name);
				const headers = conditionOf(set);
				if (set.values.length === 0)
					await api.call({ method: "DELETE", path, headers, read: readNothing, absent: null }, signal);
				else await api.call({ method: "PUT", path, headers, body: bodyOf(set), read }, signal);
			}
		},
	};
}

/** Nothing is written over what was not read. */
function conditionOf({ before }: RrsetWrite<Extra>): Readonly<Record<string, string>> {
	return before === null ? { "if-none-match": "*" } : { "if-match": before.extra.etag };
}

function bodyOf({ before, values, ttlSeconds }: RrsetWrite<Extra>): unknown {
	const metadata = before?.extra.metadata;
	const records = values.map((value) => ({ value: stringsIn(value) }));
	return {
		properties: { TTL: ttlSeconds, TXTRecords: records, ...(metadata === undefined ? {} : { metadata }) },
	};
}

function stringsIn(quoted: string): readonly string[] {
	return [...quoted.matchAll(/"(?:[^"\\]|\\[^])*"/g)].map(([one]) => unquoteTxt(one) ?? "");
}
