/** Writes zones at Gandi LiveDNS (api.gandi.net/docs/livedns). */

import * as z from "zod";
import { quoteTxt } from "../../src/dkim/txt-strings.ts";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import { type AdapterOptions, bearerOf } from "../../src/publishing/api/adapter.ts";
import {
	type Api,
	type ApiAnswer,
	type ApiCall,
	createApi,
	readNothing,
	type Verdict,
} from "../../src/publishing/api/client.ts";
import { plainName, relativeName } from "../../src/publishing/api/names.ts";
import { createRrsetProvider, type RrsetCalls } from "../../src/publishing/api/rrset-api.ts";
import { type ApiZone, createZoneSearch } from "../../src/publishing/api/zones.ts";
import { about, type GandiSettings } from "./settings.ts";

/** No limit is documented for a value: a DNS message has to hold it. Each set is a call of its own. */
const LIMITS = { valueOctets: 4_000, minTtlSeconds: 300, batch: 1 } as const;
/** 1,000 calls a minute for an address (api.gandi.net/docs/reference). */
const GAP_MS = 100;

const failure = z.object({ message: z.string(), object: z.string().optional() });
const domain = z.object({ fqdn: z.string() });
const rrset = z.object({ rrset_values: z.array(z.string()), rrset_ttl: z.number() });
const written = z.object({ message: z.string() });

/**
 * Goes along with every call. The documented form does not reach the sets of a domain (github.com/libdns/gandi, README), the
 * other way is documented nowhere.
 */
type Organization = Pick<ApiCall<unknown>, "query" | "headers">;

export function createProvider(options: AdapterOptions<GandiSettings>): DnsProvider {
	const { name, settings } = options;
	const organization = organizationOf(settings);
	const api = createApi({
		...bearerOf(options, about),
		base: "https://api.gandi.net/v5/livedns",
		gapMs: GAP_MS,
		explain: (content) => failure.parse(content).message,
	});
	return createRrsetProvider({
		name,
		account: `gandi ${JSON.stringify(settings.token)}`,
		limits: LIMITS,
		zones: createZoneSearch(name, {
			async named(at, signal) {
				const read = (content: unknown) => plainName(domain.parse(content).fqdn);
				const path = domainPath(at);
				const held = await api.call({ method: "GET", path, read, absent: null, ...organization }, signal);
				return held === null ? [] : [{ id: held, name: held }];
			},
		}),
		calls: callsOf(api, organization),
	});
}

function organizationOf({ sharing_id: id }: GandiSettings): Organization {
	return id === undefined ? {} : { query: { sharing_id: id }, headers: { "x-gandi-sharing-id": id } };
}

function callsOf(api: Api, organization: Organization): RrsetCalls<ApiZone> {
	const common = { judge: judgeSet, ...organization };
	const at = (zone: ApiZone, name: string) =>
		`${domainPath(zone.id)}/records/${encodeURIComponent(relativeName(name, zone.name) || "@")}/TXT`;
	return {
		encode: quoteTxt,
		async rrset(zone, name, signal) {
			const read = (content: unknown) => rrset.parse(content);
			const path = at(zone, name);
			const held = await api.call({ method: "GET", path, read, absent: null, ...common }, signal);
			return held && { values: held.rrset_values, ttlSeconds: held.rrset_ttl, extra: null };
		},
		async write(zone, sets, signal) {
			for (const { name, values, ttlSeconds } of sets) {
				const path = at(zone, name);
				// A set without a TTL gets 10,800 seconds, whatever it had before.
				const body = { rrset_values: values, rrset_ttl: ttlSeconds };
				const read = (content: unknown) => written.parse(content);
				if (values.length === 0)
					await api.call({ method: "DELETE", path, read: readNothing, absent: null, ...common }, signal);
				else await api.call({ method: "PUT", path, body, read, ...common }, signal);
			}
		},
	};
}

function domainPath(name: string): string {
	return `/domains/${encodeURIComponent(name)}`;
}

/** Whoever may see a domain, but is not told for which organization to look, gets 404 for sets that are there, too. */
function judgeSet({ status, content }: ApiAnswer): Verdict | null {
	const told = failure.safeParse(content).data;
	if (status !== 404 || told?.object === "dns-record") return null;
	const why = `${told?.message ?? "not found"}; if another organization has the domain, \`sharing_id\` has to name it`;
	return { kind: "refused", why };
}
