/** Writes zones of a PowerDNS server through its HTTP interface (doc.powerdns.com/authoritative/http-api/zone.html). */

import * as z from "zod";
import { quoteTxt } from "../../src/dkim/txt-strings.ts";
import { asKeyturnError, KeyturnError } from "../../src/errors.ts";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import type { AdapterOptions } from "../../src/publishing/api/adapter.ts";
import { type Api, createApi, readNothing } from "../../src/publishing/api/client.ts";
import { plainName } from "../../src/publishing/api/names.ts";
import { createRrsetProvider, type RrsetCalls, type RrsetWrite } from "../../src/publishing/api/rrset-api.ts";
import { type ApiZone, createZoneSearch } from "../../src/publishing/api/zones.ts";
import { about, type PowerDnsSettings } from "./settings.ts";

/** A value has to fit a DNS message. */
const LIMITS = { valueOctets: 60_000, minTtlSeconds: 1, batch: 50 } as const;

/** Kinds of zones that come from another server. */
const COPIES = ["Slave", "Secondary", "Consumer"];

/** Of one name; far more than anybody has there. */
const MOST_FOUND = 1000;

const failure = z.object({ error: z.string() });
const zoneList = z.array(z.object({ id: z.string(), name: z.string(), kind: z.string() }));
const zoneContent = z.object({
	rrsets: z.array(
		z.object({
			name: z.string(),
			type: z.string(),
			ttl: z.number(),
			records: z.array(z.object({ content: z.string(), disabled: z.boolean() })),
		}),
	),
});

const found = z.array(
	z.object({ name: z.string(), type: z.string(), content: z.string(), disabled: z.boolean().default(false) }),
);

interface PowerDnsZone extends ApiZone {
	/** A primary tells its secondaries only when it is told to. */
	readonly isPrimary: boolean;
}

export function createProvider(options: AdapterOptions<PowerDnsSettings>): DnsProvider {
	const { name, settings, secrets, http, clock } = options;
	const api = createApi({
		provider: name,
		base: `${settings.url}/api/v1/servers/${settings.server}`,
		http,
		clock,
		authorize: async () => ({ headers: { "x-api-key": await secrets.read(settings.key) } }),
		permission: about.permission,
		gapMs: 0,
		explain: (content) => failure.parse(content).error,
	});
	return createRrsetProvider({
		name,
		account: `powerdns ${settings.url}`,
		limits: LIMITS,
		zones: createZoneSearch(name, { named: async (zone, signal) => zonesNamed(api, zone, signal) }),
		calls: callsOf(api),
	});
}

async function zonesNamed(api: Api, name: string, signal: AbortSignal): Promise<readonly PowerDnsZone[]> {
	const zones = await api.call(
		{
			method: "GET",
			path: "/zones",
			query: { zone: `${name}.` },
			read: (content) => zoneList.parse(content),
		},
		signal,
	);
	return zones.map((zone) => ({
		id: zone.id,
		name: plainName(zone.name),
		isPrimary: ["Master", "Primary"].includes(zone.kind),
		...(COPIES.includes(zone.kind) ? { copy: zone.kind } : {}),
	}));
}

function callsOf(api: Api): RrsetCalls<PowerDnsZone> {
	/** Ids of zones whose secondaries were told of them as they stand, as far as this process knows. */
	const told = new Set<string>();

	async function notify(zone: PowerDnsZone, signal: AbortSignal): Promise<void> {
		if (!zone.isPrimary || told.has(zone.id)) return;
		await api.call({ method: "PUT", path: `${pathOf(zone)}/notify`, read: readNothing }, signal);
		told.add(zone.id);
	}

	return {
		encode: quoteTxt,
		async rrset(zone, name, signal) {
			// Servers before 4.7 do not know the filter and send the whole zone.
			const { rrsets } = await api.call(
				{
					method: "GET",
					path: pathOf(zone),
					query: { rrset_name: `${name}.`, rrset_type: "TXT" },
					read: (content) => zoneContent.parse(content),
				},
				signal,
			);
			// An earlier run may have written what they were not told of.
			await notify(zone, signal).catch(laterByThemselves);
			const set = rrsets.find((one) => one.type === "TXT" && plainName(one.name) === name);
			if (set === undefined) return null;
			const values = set.records.filter(({ disabled }) => !disabled).map(({ content }) => content);
			return { values, ttlSeconds: set.ttl, extra: null };
		},
		async write(zone, sets, signal) {
			const names = sets.map(({ name }) => name);
			const off = await switchedOff(api, zone, names, signal);
			const body = { rrsets: sets.map((set) => bodyOf(set, off)) };
			told.delete(zone.id);
			await api.call({ method: "PATCH", path: pathOf(zone), body, read: readNothing }, signal);
			await notify(zone, signal);
		},
	};
}

/** The zone is read all the same: secondaries that cannot be told now are told at the next look, or ask by themselves in time. */
function laterByThemselves(thrown: unknown): void {
	const error = asKeyturnError(thrown);
	if (error.code === "bug") throw error;
}

interface SwitchedOff {
	readonly name: string;
	readonly content: string;
}

/**
 * The TXT records at these names that are not served: the filter by name leaves them out, and a set is written whole. They
 * are searched for; not every backend can (LMDB before 5.0: github.com/PowerDNS/pdns, issue 14079), and one that cannot finds
 * nothing, not even the zone itself: then they are taken from the whole zone.
 */
async function switchedOff(
	api: Api,
	zone: PowerDnsZone,
	names: readonly string[],
	signal: AbortSignal,
): Promise<readonly SwitchedOff[]> {
	const atTop = await search(api, zone.name, signal);
	if (!atTop.some(({ name }) => plainName(name) === zone.name)) return switchedOffIn(api, zone, signal);
	const records: SwitchedOff[] = [];
	for (const name of names) {
		const there = await search(api, name, signal);
		if (there.length >= MOST_FOUND)
			throw new KeyturnError("provider.refused", `more records at ${name} than can be read: ${there.length}`);
		records.push(...there.filter(({ type, disabled }) => type === "TXT" && disabled));
	}
	return records;
}

/** All records of the name, and others with that content. */
async function search(api: Api, name: string, signal: AbortSignal): Promise<z.infer<typeof found>> {
	return api.call(
		{
			method: "GET",
			path: "/search-data",
			// Nothing but `*` and `?` has a meaning of its own in a search (doc.powerdns.com, "Searching").
			query: { q: name, max: MOST_FOUND, object_type: "record" },
			read: (content) => found.parse(content),
		},
		signal,
	);
}

async function switchedOffIn(
	api: Api,
	zone: PowerDnsZone,
	signal: AbortSignal,
): Promise<readonly SwitchedOff[]> {
	const read = (content: unknown) => zoneContent.parse(content);
	const { rrsets } = await api.call({ method: "GET", path: pathOf(zone), read }, signal);
	return rrsets
		.filter(({ type }) => type === "TXT")
		.flatMap(({ name, records }) =>
			records.filter(({ disabled }) => disabled).map(({ content }) => ({ name, content })),
		);
}

function pathOf({ id }: ApiZone): string {
	return `/zones/${encodeURIComponent(id)}`;
}

function bodyOf({ name, values, ttlSeconds }: RrsetWrite<null>, off: readonly SwitchedOff[]): unknown {
	const at = { name: `${name}.`, type: "TXT" };
	const records = [
		...values.map((content) => ({ content, disabled: false })),
		...off.filter((one) => plainName(one.name) === name).map(({ content }) => ({ content, disabled: true })),
	];
	if (records.length === 0) return { ...at, changetype: "DELETE" };
	return { ...at, ttl: ttlSeconds, changetype: "REPLACE", records };
}
