/** Writes zones at OVHcloud, API version 1.0 (eu.api.ovh.com/console, section domain). */

import * as z from "zod";
import { quoteTxt } from "../../src/dkim/txt-strings.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import type { AdapterOptions } from "../../src/publishing/api/adapter.ts";
import { type Api, type ApiAnswer, createApi, type Verdict } from "../../src/publishing/api/client.ts";
import { absoluteName, plainName, relativeName } from "../../src/publishing/api/names.ts";
import {
	createRecordProvider,
	type HeldRecord,
	type RecordCalls,
} from "../../src/publishing/api/record-api.ts";
import { type ApiZone, createZoneSearch } from "../../src/publishing/api/zones.ts";
import { about, type OvhSettings } from "./settings.ts";
import { signedHeaders } from "./signature.ts";

const BASES = {
	eu: "https://eu.api.ovh.com/1.0",
	ca: "https://ca.api.ovh.com/1.0",
	us: "https://api.us.ovhcloud.com/1.0",
} as const;
/** The documentation names no limit of a value. */
const LIMITS = { valueOctets: 4_000, minTtlSeconds: 60, batch: 20 } as const;
const GAP_MS = 100;
/** So often the server's clock is asked for: both drift. */
const CLOCK_HOLDS_MS = 3_600_000;
/** OVH's own types for what is served as TXT: any of them at a name is a record beside ours. */
const SERVED_AS_TXT = ["TXT", "DKIM", "SPF", "DMARC"];

const failure = z.object({ message: z.string(), errorCode: z.string().optional() });
const zone = z.object({ name: z.string() });
const ids = z.array(z.number());
const record = z.object({
	id: z.number(),
	fieldType: z.string(),
	subDomain: z.string().nullable(),
	target: z.string(),
});
/** What calls that have no result answer with. */
const nothing = z.null();

export function createProvider(options: AdapterOptions<OvhSettings>): DnsProvider {
	const { name, settings, secrets, http, clock } = options;
	const explain = (content: unknown) => failure.parse(content).message;
	const shared = { provider: name, base: BASES[settings.endpoint], http, clock, explain };
	const { permission } = about;
	const open = createApi({ ...shared, permission, gapMs: 0, authorize: async () => ({ headers: {} }) });
	const secondsAtServer = serverClock(open, clock);
	const api = createApi({
		...shared,
		permission,
		gapMs: GAP_MS,
		async authorize(request, signal) {
			const keys = {
				applicationKey: await secrets.read(settings.application_key),
				applicationSecret: await secrets.read(settings.application_secret),
				consumerKey: await secrets.read(settings.consumer_key),
			};
			return { headers: signedHeaders(keys, request, await secondsAtServer(signal)) };
		},
	});
	return createRecordProvider({
		name,
		account: `ovh ${JSON.stringify(settings.consumer_key)}`,
		limits: LIMITS,
		zones: createZoneSearch(name, { named: async (zone, signal) => zonesNamed(api, zone, signal) }),
		calls: callsOf(api),
	});
}

/** A request is refused whose time differs from the server's. */
function serverClock(open: Api, clock: Clock): (signal: AbortSignal) => Promise<number> {
	let known: { readonly seconds: number; readonly atMs: number } | null = null;
	return async (signal) => {
		if (known === null || clock.bootMs() - known.atMs > CLOCK_HOLDS_MS) {
			const read = (content: unknown) => z.number().parse(content);
			const seconds = await open.call({ method: "GET", path: "/auth/time", read }, signal);
			known = { seconds, atMs: clock.bootMs() };
		}
		return known.seconds + Math.floor((clock.bootMs() - known.atMs) / 1000);
	};
}

/** Not by the list of zones, which a key that is limited to one zone may not see. */
async function zonesNamed(api: Api, name: string, signal: AbortSignal): Promise<readonly ApiZone[]> {
	const path = `/domain/zone/${encodeURIComponent(name)}`;
	const read = (content: unknown) => {
		const found = plainName(zone.parse(content).name);
		return [{ id: found, name: found }];
	};
	return api.call<readonly ApiZone[]>({ method: "GET", path, read, absent: [], judge: notGranted }, signal);
}

/** A key that is limited to one zone may not ask for any other: there is no such zone for it. */
function notGranted({ status, content }: ApiAnswer): Verdict | null {
	const said = status === 403 ? failure.safeParse(content).data : undefined;
	return said?.errorCode === "NOT_GRANTED_CALL" ? { kind: "gone", why: said.message } : null;
}

function callsOf(api: Api): RecordCalls<ApiZone> {
	const path = ({ id }: ApiZone) => `/domain/zone/${encodeURIComponent(id)}`;
	const at = (zone: ApiZone, { id }: HeldRecord) => `${path(zone)}/record/${encodeURIComponent(id)}`;
	const read = (content: unknown) => nothing.parse(content);
	return {
		async records(zone, name, signal) {
			const query = { subDomain: relativeName(name, zone.name) };
			const listed = await api.call(
				{ method: "GET", path: `${path(zone)}/record`, query, read: (content) => ids.parse(content) },
				signal,
			);
			const held: HeldRecord[] = [];
			for (const id of listed) {
				const one = await api.call(
					{
						method: "GET",
						path: `${path(zone)}/record/${id}`,
						read: (content) => record.parse(content),
						absent: null,
					},
					signal,
				);
				// The filter is a pattern in which `_` stands for any character.
				if (one === null || absoluteName(one.subDomain ?? "", zone.name) !== name) continue;
				if (SERVED_AS_TXT.includes(one.fieldType)) held.push({ id: String(id), value: one.target });
			}
			return held;
		},
		async create(zone, { name, value, ttlSeconds }, signal) {
			// Never the type DKIM: it wants the value parsed, and without quotes.
			const body = {
				fieldType: "TXT",
				subDomain: relativeName(name, zone.name),
				target: quoteTxt(value),
				ttl: ttlSeconds,
			};
			await api.call(
				{ method: "POST", path: `${path(zone)}/record`, body, read: (content) => record.parse(content) },
				signal,
			);
		},
		async remove(zone, _, held, signal) {
			await api.call({ method: "DELETE", path: at(zone, held), read, absent: null }, signal);
		},
		async publish(zone, signal) {
			await api.call({ method: "POST", path: `${path(zone)}/refresh`, read }, signal);
		},
	};
}
