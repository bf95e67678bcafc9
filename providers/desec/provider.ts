/** Writes zones at deSEC (desec.readthedocs.io/en/latest/dns/rrsets.html). */

import * as z from "zod";
import { quoteTxt } from "../../src/dkim/txt-strings.ts";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import { type AdapterOptions, commonOf } from "../../src/publishing/api/adapter.ts";
import { type Api, createApi } from "../../src/publishing/api/client.ts";
import { plainName, relativeName } from "../../src/publishing/api/names.ts";
import { createRrsetProvider, type RrsetCalls, type RrsetWrite } from "../../src/publishing/api/rrset-api.ts";
import { type ApiZone, createZoneSearch } from "../../src/publishing/api/zones.ts";
import { about, type DesecSettings } from "./settings.ts";

const BASE = "https://desec.io/api/v1";
/** A set may have 64,000 characters; the TTL is that of most zones, and each tells its own. */
const LIMITS = { valueOctets: 60_000, minTtlSeconds: 3_600, batch: 50 } as const;
/** 50 reads a minute; what the limits of changes are beyond, Retry-After says (desec.readthedocs.io/en/latest/rate-limits.html). */
const GAP_MS = 1_200;

const failure = z.object({ detail: z.string() });
const domains = z.array(z.object({ name: z.string(), minimum_ttl: z.number() }));
const rrset = z.object({ records: z.array(z.string()), ttl: z.number() });
const written = z.array(z.unknown());

interface DesecZone extends ApiZone {
	readonly minTtlSeconds: number;
}

export function createProvider(options: AdapterOptions<DesecSettings>): DnsProvider {
	const { name, settings, secrets } = options;
	const api = createApi({
		...commonOf(options, about),
		base: BASE,
		authorize: async () => ({ headers: { authorization: `Token ${await secrets.read(settings.token)}` } }),
		gapMs: GAP_MS,
		explain: (content) => failure.parse(content).detail,
	});
	return createRrsetProvider({
		name,
		account: `desec ${JSON.stringify(settings.token)}`,
		limits: LIMITS,
		zones: createZoneSearch(name, { holding: async (at, signal) => zonesHolding(api, at, signal) }),
		calls: callsOf(api),
	});
}

/** None or one (desec.readthedocs.io/en/latest/dns/domains.html, Identifying the Responsible Domain for a DNS Name). */
async function zonesHolding(api: Api, name: string, signal: AbortSignal): Promise<readonly DesecZone[]> {
	const query = { owns_qname: name };
	const held = await api.call(
		{ method: "GET", path: "/domains/", query, read: (content) => domains.parse(content) },
		signal,
	);
	return held.map((zone) => ({
		id: zone.name,
		name: plainName(zone.name),
		minTtlSeconds: zone.minimum_ttl,
	}));
}

function callsOf(api: Api): RrsetCalls<DesecZone> {
	const path = ({ id }: ApiZone) => `/domains/${encodeURIComponent(id)}/rrsets/`;
	/** A set without records is one that goes; a list is carried out as a whole or not at all. */
	const send = async (
		method: "POST" | "PATCH",
		zone: DesecZone,
		sets: readonly RrsetWrite<null>[],
		signal: AbortSignal,
	) => {
		const body = sets.map(({ name, values, ttlSeconds }) => ({
			subname: relativeName(name, zone.name),
			type: "TXT",
			ttl: Math.max(ttlSeconds, zone.minTtlSeconds),
			records: values,
		}));
		const read = (content: unknown) => written.parse(content);
		await api.call({ method, path: path(zone), body, read, isUrgent: true }, signal);
	};
	return {
		encode: quoteTxt,
		async rrset(zone, name, signal) {
			const subname = encodeURIComponent(relativeName(name, zone.name) || "@");
			const at = `${path(zone)}${subname}/TXT/`;
			const read = (content: unknown) => rrset.parse(content);
			const set = await api.call({ method: "GET", path: at, read, absent: null }, signal);
			return set && { values: set.records, ttlSeconds: set.ttl, extra: null };
		},
		async write(zone, sets, signal) {
			// Whoever made a set since it was read keeps it: only what stood there is written over.
			const fresh = sets.filter(({ before }) => before === null);
			const others = sets.filter(({ before }) => before !== null);
			if (fresh.length > 0) await send("POST", zone, fresh, signal);
			if (others.length > 0) await send("PATCH", zone, others, signal);
		},
	};
}
