/** Writes zones at GoDaddy, Domains API version 1 (developer.godaddy.com/doc/endpoint/domains). */

import * as z from "zod";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import type { ZoneCopies } from "../../src/ports/zone-copies.ts";
import { type AdapterOptions, commonOf } from "../../src/publishing/api/adapter.ts";
import {
	type Api,
	type ApiAnswer,
	createApi,
	readNothing,
	type Verdict,
} from "../../src/publishing/api/client.ts";
import { absoluteName, relativeName } from "../../src/publishing/api/names.ts";
import { createRrsetProvider, type RrsetCalls } from "../../src/publishing/api/rrset-api.ts";
import { type ApiZone, createZoneSearch } from "../../src/publishing/api/zones.ts";
import { waitOfSeconds } from "../../src/publishing/api/retry-after.ts";
import { about, type GoDaddySettings } from "./settings.ts";

const BASE = "https://api.godaddy.com";
/** 512 was the most that was seen to pass (github.com/n3integration/terraform-provider-godaddy, issue 24); one set in a call. */
const LIMITS = { valueOctets: 512, minTtlSeconds: 600, batch: 1 } as const;
/** 60 calls a minute. */
const GAP_MS = 1_000;
/**
 * Zones are found by the records at this name, whether any stand there or not: the call on the domain itself, and those on
 * all its records, are closed to accounts with few domains (github.com/go-acme/lego, issue 2269;
 * github.com/acmesh-official/acme.sh, issues 4487 and 6849).
 */
const PROBED = "_domainkey";

const failure = z.object({
	code: z.string(),
	message: z.string(),
	fields: z.array(z.object({ path: z.string().optional(), message: z.string().optional() })).optional(),
});
/** The documentation's ErrorLimit; a header often says nothing of it (github.com/kubernetes-sigs/external-dns, pull request 4866). */
const limit = z.object({ retryAfterSec: z.number().nonnegative() });
/** Written back as it was read, with whatever else it has. */
const record = z.looseObject({ type: z.string(), name: z.string(), data: z.string(), ttl: z.number() });
const records = z.array(record);

type GoDaddyRecord = z.infer<typeof record>;

export function createProvider(
	options: AdapterOptions<GoDaddySettings> & { readonly copies: ZoneCopies },
): DnsProvider {
	const { name, settings, secrets } = options;
	const api = createApi({
		...commonOf(options, about),
		base: BASE,
		async authorize() {
			const [key, secret] = [await secrets.read(settings.key), await secrets.read(settings.secret)];
			return { headers: { authorization: `sso-key ${key}:${secret}` }, secrets: [key, secret] };
		},
		gapMs: GAP_MS,
		judge,
		explain,
	});
	return createRrsetProvider({
		name,
		account: `godaddy ${JSON.stringify(settings.key)}`,
		limits: LIMITS,
		zones: createZoneSearch(name, {
			async named(at, signal) {
				const zone = { id: at, name: at };
				const read = (content: unknown): readonly ApiZone[] => {
					records.parse(content);
					return [zone];
				};
				const path = pathOf(zone, `${PROBED}.${at}`);
				return api.call({ method: "GET", path, read, absent: [], judge: judgeProbe }, signal);
			},
		}),
		calls: callsOf(api, options),
	});
}

function callsOf(
	api: Api,
	{ name: provider, copies }: { readonly name: string; readonly copies: ZoneCopies },
): RrsetCalls<ApiZone, readonly GoDaddyRecord[]> {
	return {
		encode: (value) => value,
		async rrset(zone, name, signal) {
			const read = (content: unknown) => records.parse(content);
			const shown = await api.call({ method: "GET", path: pathOf(zone, name), read }, signal);
			const held = shown.filter((one) => one.type === "TXT" && absoluteName(one.name, zone.name) === name);
			const [first] = held;
			if (first === undefined) return null;
			return { values: held.map(({ data }) => data), ttlSeconds: first.ttl, extra: held };
		},
		async write(zone, sets, signal) {
			for (const { name, before, values, ttlSeconds } of sets) {
				const held = before?.extra ?? [];
				if (held.length > 0) await copies.keep(provider, zone.name, { name, records: held });
				const body = values.map(
					(data) => held.find((one) => one.data === data) ?? { type: "TXT", data, ttl: ttlSeconds },
				);
				// An empty set is no set: it is taken away. Neither call reaches any other name.
				const at = { path: pathOf(zone, name), read: readNothing, isUrgent: true };
				if (body.length === 0) await api.call({ method: "DELETE", ...at, absent: null }, signal);
				else await api.call({ method: "PUT", ...at, body }, signal);
			}
		},
	};
}

function pathOf(zone: ApiZone, name: string): string {
	const relative = encodeURIComponent(relativeName(name, zone.name) || "@");
	return `/v1/domains/${encodeURIComponent(zone.id)}/records/TXT/${relative}`;
}

/** Of a name that is no zone of the account, and one that no domain can have, which is told as a field that is wrong. */
function judgeProbe({ status, content }: ApiAnswer): Verdict | null {
	const isUnknown = failure.safeParse(content).data?.code === "UNKNOWN_DOMAIN";
	return status === 422 || (status >= 400 && isUnknown) ? { kind: "gone", why: null } : null;
}

function judge({ status, headers, content }: ApiAnswer): Verdict | null {
	if (status !== 429 || headers["retry-after"] !== undefined) return null;
	const seconds = limit.safeParse(content).data?.retryAfterSec;
	if (seconds === undefined) return null;
	return { kind: "limited", why: null, waitMs: waitOfSeconds(seconds) };
}

function explain(content: unknown): string {
	const { message, code, fields = [] } = failure.parse(content);
	const places = fields.map((field) => `${field.path ?? "?"}: ${field.message ?? "?"}`);
	return [`${message} (${code})`, ...places].join("; ");
}
