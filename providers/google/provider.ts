/** Writes zones at Google Cloud DNS (docs.cloud.google.com/dns/docs/reference/rest/v1/changes). */

import * as z from "zod";
import { quoteTxt } from "../../src/dkim/txt-strings.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import { createAccessTokens } from "../../src/publishing/api/access-token.ts";
import type { AdapterOptions } from "../../src/publishing/api/adapter.ts";
import { type Progress, untilCarriedOut } from "../../src/publishing/api/carried-out.ts";
import { type Api, type ApiAnswer, createApi, type Verdict } from "../../src/publishing/api/client.ts";
import { hasPolicy } from "../../src/publishing/api/left-alone.ts";
import { plainName } from "../../src/publishing/api/names.ts";
import { allPages } from "../../src/publishing/api/pages.ts";
import { createRrsetProvider, type RrsetCalls, type RrsetWrite } from "../../src/publishing/api/rrset-api.ts";
import { type ApiZone, createZoneSearch, type ZoneSource } from "../../src/publishing/api/zones.ts";
import { serviceAccountGrant } from "./service-account.ts";
import { about, type GoogleSettings } from "./settings.ts";

/** 100,000 characters of record data in a change, in which a set that changes counts twice (docs.cloud.google.com/dns/quotas). */
const LIMITS = { valueOctets: 4_000, minTtlSeconds: 1, batch: 10 } as const;
const GAP_MS = 100;
/** Too many calls are told with 403, too (docs.cloud.google.com/dns/quotas). */
const TOO_MANY = ["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"];

const FIRST_PAGE: string = "";

const failure = z.object({
	error: z.object({
		message: z.string(),
		errors: z.array(z.object({ reason: z.string() })).default([]),
	}),
});
const zonePage = z.object({
	managedZones: z
		.array(z.object({ id: z.coerce.string(), dnsName: z.string(), visibility: z.string().default("public") }))
		.default([]),
	kind: z.literal("dns#managedZonesListResponse"),
	nextPageToken: z.string().nullish(),
});
const setPage = z.object({
	kind: z.literal("dns#resourceRecordSetsListResponse"),
	rrsets: z.array(
		z.object({
			name: z.string(),
			type: z.string(),
			ttl: z.number(),
			rrdatas: z.array(z.string()).default([]),
			routingPolicy: z.unknown().optional(),
		}),
	),
	nextPageToken: z.string().nullish(),
});
const change = z.object({ id: z.string(), status: z.enum(["pending", "done"]) });

export function createProvider(options: AdapterOptions<GoogleSettings>): DnsProvider {
	const { name, settings, secrets, http, clock } = options;
	const tokens = createAccessTokens({
		provider: name,
		base: "https://oauth2.googleapis.com",
		path: "/token",
		permission: about.permission,
		http,
		clock,
		grant: async () =>
			serviceAccountGrant({ provider: name, text: await secrets.read(settings.key), at: clock.now() }),
	});
	const api = createApi({
		provider: name,
		base: `https://dns.googleapis.com/dns/v1/projects/${encodeURIComponent(settings.project)}`,
		http,
		clock,
		authorize: async (_, signal) => tokens.authorize(signal),
		permission: about.permission,
		gapMs: GAP_MS,
		judge: (answer) => tokens.judge(answer) ?? judge(answer),
		explain: (content) => failure.parse(content).error.message,
	});
	return createRrsetProvider({
		name,
		account: `google ${settings.project}`,
		limits: LIMITS,
		zones: createZoneSearch(name, publicZones(api, name)),
		calls: callsOf(api, name, clock),
	});
}

function publicZones(api: Api, provider: string): ZoneSource<ApiZone> {
	return {
		async named(name, signal) {
			const zones = await allPages(provider, FIRST_PAGE, async (mark) => {
				const query = { dnsName: `${name}.`, ...pageOf(mark) };
				const read = (content: unknown) => zonePage.parse(content);
				const page = await api.call({ method: "GET", path: "/managedZones", query, read }, signal);
				return { items: page.managedZones, next: page.nextPageToken ?? null };
			});
			return zones
				.filter(({ visibility }) => visibility === "public")
				.map(({ id, dnsName }) => ({ id, name: plainName(dnsName) }));
		},
	};
}

function callsOf(api: Api, provider: string, clock: Clock): RrsetCalls<ApiZone> {
	const path = ({ id }: ApiZone) => `/managedZones/${encodeURIComponent(id)}`;
	return {
		encode: quoteTxt,
		async rrset(zone, name, signal) {
			const sets = await allPages(provider, FIRST_PAGE, async (mark) => {
				const query = { name: `${name}.`, type: "TXT", ...pageOf(mark) };
				const read = (content: unknown) => setPage.parse(content);
				const page = await api.call({ method: "GET", path: `${path(zone)}/rrsets`, query, read }, signal);
				return { items: page.rrsets, next: page.nextPageToken ?? null };
			});
			const set = sets.find((one) => one.type === "TXT" && plainName(one.name) === name);
			if (set === undefined) return null;
			if (set.routingPolicy !== undefined) throw hasPolicy(provider, name);
			return { values: set.rrdatas, ttlSeconds: set.ttl, extra: null };
		},
		async write(zone, sets, signal) {
			const body = changeOf(sets);
			const read = (content: unknown) => change.parse(content);
			const made = await api.call({ method: "POST", path: `${path(zone)}/changes`, body, read }, signal);
			const at = `${path(zone)}/changes/${encodeURIComponent(made.id)}`;
			const look = async () => progressOf(await api.call({ method: "GET", path: at, read }, signal));
			const what = { provider, change: `change ${made.id} of ${zone.name}`, first: progressOf(made) };
			await untilCarriedOut(what, look, { clock, signal });
		},
	};
}

/** Carried out as a whole or not at all: a set that is no longer as it was read makes it fail. */
function changeOf(sets: readonly RrsetWrite<null>[]): unknown {
	const setAt = (name: string, ttl: number, rrdatas: readonly string[]) =>
		rrdatas.length === 0 ? [] : [{ name: `${name}.`, type: "TXT", ttl, rrdatas }];
	return {
		deletions: sets.flatMap(({ name, before }) =>
			before === null ? [] : setAt(name, before.ttlSeconds, before.values),
		),
		additions: sets.flatMap(({ name, ttlSeconds, values }) => setAt(name, ttlSeconds, values)),
	};
}

function progressOf({ status }: z.infer<typeof change>): Progress {
	return { kind: status === "done" ? "done" : "running" };
}

function pageOf(mark: string): { readonly pageToken?: string } {
	return mark === FIRST_PAGE ? {} : { pageToken: mark };
}

function judge({ status, content }: ApiAnswer): Verdict | null {
	const told = status === 403 ? failure.safeParse(content).data?.error : undefined;
	return told?.errors.some(({ reason }) => TOO_MANY.includes(reason)) === true
		? { kind: "limited", why: told.message, waitMs: null }
		: null;
}
