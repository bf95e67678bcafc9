/** Writes zones at Cloudflare, API version 4 (developers.cloudflare.com/api/resources/dns/subresources/records). */

import * as z from "zod";
import { quoteTxt } from "../../src/dkim/txt-strings.ts";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import { type AdapterOptions, bearerOf } from "../../src/publishing/api/adapter.ts";
import { type Api, type ApiAnswer, createApi, type Verdict } from "../../src/publishing/api/client.ts";
import { plainName } from "../../src/publishing/api/names.ts";
import { allPages } from "../../src/publishing/api/pages.ts";
import {
	createRecordProvider,
	type HeldRecord,
	type RecordCalls,
	removeAt,
	type WantedRecord,
} from "../../src/publishing/api/record-api.ts";
import { type ApiZone, createZoneSearch } from "../../src/publishing/api/zones.ts";
import { about, type CloudflareSettings } from "./settings.ts";

const BASE = "https://api.cloudflare.com/client/v4";
/** 2,048 characters a record with its quotes (developers.cloudflare.com/dns/manage-dns-records/reference/dns-record-types). */
const LIMITS = { valueOctets: 2_000, minTtlSeconds: 60, batch: 20 } as const;
/** 1,200 calls in five minutes; beyond that every call of the user is refused for the next five. */
const GAP_MS = 250;

/** Codes of errors (developers.cloudflare.com/fundamentals/api/reference/error-codes is no list: these were seen). */
const BAD_CREDENTIAL = [6003, 6103, 6111, 9109, 10_000];
/** What a token that is limited to some zones gets for the name of any other (github.com/certbot/certbot, pull request 8015). */
const OUT_OF_REACH = /com\.cloudflare\.api\.account\.zone\.list/;

const error = { code: z.number(), message: z.string() };
/** What was wrong may stand in the chain alone: `DNS Validation Error` is that of any record. */
const failure = z.object({
	errors: z.array(z.object({ ...error, error_chain: z.array(z.object(error)).nullish() })).min(1),
});
const zones = z.object({
	result: z.array(
		z.object({
			id: z.string(),
			name: z.string(),
			status: z.string().nullish(),
			type: z.string().nullish(),
		}),
	),
});
const records = z.object({
	result: z.array(z.object({ id: z.string(), name: z.string(), type: z.string(), content: z.string() })),
	result_info: z.object({ page: z.number(), total_pages: z.number() }),
});
const written = z.object({ success: z.literal(true) });

export function createProvider(options: AdapterOptions<CloudflareSettings>): DnsProvider {
	const { name, settings } = options;
	const api = createApi({
		...bearerOf(options, about),
		base: BASE,
		gapMs: GAP_MS,
		judge,
		explain: (answer) => sayErrors(failure.parse(answer).errors),
	});
	return createRecordProvider({
		name,
		account: `cloudflare ${JSON.stringify(settings.token)}`,
		limits: LIMITS,
		zones: createZoneSearch(name, { named: async (zone, signal) => zonesNamed(api, zone, signal) }),
		calls: callsOf(api, name),
	});
}

async function zonesNamed(api: Api, name: string, signal: AbortSignal): Promise<readonly ApiZone[]> {
	const read = (answer: unknown) => zones.parse(answer).result;
	const query = { name, per_page: 50 };
	const held = await api.call(
		{ method: "GET", path: "/zones", query, read, absent: [], judge: judgeReach },
		signal,
	);
	const open = held.filter(({ type }) => type !== "internal");
	// One that has moved to another account stays here for some days, and one that moves in waits there.
	const served = open.filter(({ status }) => status === "active");
	return (served.length > 0 ? served : open).map(({ id, name: held, type }) => ({
		id,
		name: plainName(held),
		...(type === "secondary" ? { copy: type } : {}),
	}));
}

/** Of most names that are tried no token has a zone: that ends no search. */
function judgeReach({ status, content }: ApiAnswer): Verdict | null {
	const errors = status === 403 ? (failure.safeParse(content).data?.errors ?? []) : [];
	return errors.some(({ message }) => OUT_OF_REACH.test(message))
		? { kind: "gone", why: sayErrors(errors) }
		: null;
}

function callsOf(api: Api, provider: string): RecordCalls<ApiZone> {
	const path = ({ id }: ApiZone) => `/zones/${encodeURIComponent(id)}/dns_records`;
	const read = (answer: unknown) => written.parse(answer);
	return {
		records: async (zone, name, signal) =>
			allPages<HeldRecord, number>(provider, 1, async (page) => {
				const query = { type: "TXT", name, page, per_page: 100 };
				const { result, result_info: info } = await api.call(
					{ method: "GET", path: path(zone), query, read: (answer) => records.parse(answer) },
					signal,
				);
				const items = result
					.filter((record) => record.type === "TXT" && plainName(record.name) === name)
					.map(({ id, content }) => ({ id, value: content }));
				return { items, next: info.page < info.total_pages ? info.page + 1 : null };
			}),
		async create(zone, record, signal) {
			await api.call({ method: "POST", path: path(zone), body: bodyOf(record), read }, signal);
		},
		async update(zone, { id }, record, signal) {
			const at = `${path(zone)}/${encodeURIComponent(id)}`;
			await api.call({ method: "PUT", path: at, body: bodyOf(record), read }, signal);
		},
		remove: async (zone, _, { id }, signal) =>
			removeAt(api, `${path(zone)}/${encodeURIComponent(id)}`, signal),
	};
}

function bodyOf({ name, value, ttlSeconds }: WantedRecord): unknown {
	return { type: "TXT", name, content: quoteTxt(value), ttl: ttlSeconds };
}

/** A bad credential is told with 400, too. */
function judge({ status, content }: ApiAnswer): Verdict | null {
	const errors = status === 400 ? (failure.safeParse(content).data?.errors ?? []) : [];
	return errors.some(({ code }) => BAD_CREDENTIAL.includes(code))
		? { kind: "denied", why: sayErrors(errors) }
		: null;
}

function sayErrors(errors: z.infer<typeof failure>["errors"]): string {
	return errors
		.flatMap(({ error_chain: causes, ...told }) => [told, ...(causes ?? [])])
		.map(({ code, message }) => `${message} (${code})`)
		.join("; ");
}
