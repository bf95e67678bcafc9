/** Writes zones at Hetzner through the Cloud API (docs.hetzner.cloud/reference/cloud#zone-rrsets). */

import * as z from "zod";
import { quoteTxt } from "../../src/dkim/txt-strings.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import { type AdapterOptions, bearerOf } from "../../src/publishing/api/adapter.ts";
import { type Progress, untilCarriedOut } from "../../src/publishing/api/carried-out.ts";
import { type Api, createApi } from "../../src/publishing/api/client.ts";
import { plainName, relativeName } from "../../src/publishing/api/names.ts";
import { allPages } from "../../src/publishing/api/pages.ts";
import {
	createRecordProvider,
	type HeldRecord,
	type RecordCalls,
} from "../../src/publishing/api/record-api.ts";
import { type ApiZone, createZoneSearch } from "../../src/publishing/api/zones.ts";
import { about, type HetznerSettings } from "./settings.ts";

const BASE = "https://api.hetzner.cloud/v1";
/** No limit is documented for a value: a DNS message has to hold it. */
const LIMITS = { valueOctets: 4_000, minTtlSeconds: 60, batch: 20 } as const;
/** 3,600 calls an hour, filled up by one a second (docs.hetzner.cloud/reference/cloud, Rate Limiting). */
const GAP_MS = 250;

const failure = z.object({ error: z.object({ code: z.string(), message: z.string() }) });
const zone = z.object({
	zone: z.object({ id: z.number(), name: z.string(), mode: z.string().nullish() }),
});
const record = z.object({ value: z.string(), comment: z.string().nullish() });
const rrsets = z.object({
	rrsets: z.array(z.object({ name: z.string(), type: z.string(), records: z.array(record) })),
	meta: z.object({ pagination: z.object({ next_page: z.number().nullable() }) }),
});

const action = z.object({
	action: z.object({
		id: z.number(),
		status: z.enum(["running", "success", "error"]),
		error: z.object({ code: z.string(), message: z.string() }).nullish(),
	}),
});

interface HetznerRecord extends HeldRecord {
	/** Gone where the set is written without it. */
	readonly comment?: string | null | undefined;
}

export function createProvider(options: AdapterOptions<HetznerSettings>): DnsProvider {
	const { name, settings, clock } = options;
	const api = createApi({
		...bearerOf(options, about),
		base: BASE,
		gapMs: GAP_MS,
		explain: (content) => sayError(failure.parse(content).error),
	});
	return createRecordProvider({
		name,
		account: `hetzner ${JSON.stringify(settings.token)}`,
		limits: LIMITS,
		zones: createZoneSearch(name, { named: async (at, signal) => zonesNamed(api, at, signal) }),
		calls: callsOf(api, name, clock),
	});
}

async function zonesNamed(api: Api, name: string, signal: AbortSignal): Promise<readonly ApiZone[]> {
	const read = (content: unknown) => zone.parse(content).zone;
	const path = `/zones/${encodeURIComponent(name)}`;
	const found = await api.call({ method: "GET", path, read, absent: null }, signal);
	if (found === null) return [];
	const { id, name: held, mode } = found;
	return [{ id: String(id), name: plainName(held), ...(mode === "secondary" ? { copy: mode } : {}) }];
}

function callsOf(api: Api, provider: string, clock: Clock): RecordCalls<ApiZone> {
	const sets = ({ id }: ApiZone) => `/zones/${encodeURIComponent(id)}/rrsets`;
	const relative = (at: ApiZone, name: string) => relativeName(name, at.name) || "@";

	/** A name without records is no place to remove one from: 404. */
	async function act(
		at: { readonly zone: ApiZone; readonly name: string },
		change: "add_records" | "remove_records" | "set_records",
		body: object,
		signal: AbortSignal,
	): Promise<void> {
		const path = `${sets(at.zone)}/${encodeURIComponent(relative(at.zone, at.name))}/TXT/actions/${change}`;
		const taken = await api.call(
			{
				method: "POST",
				path,
				body,
				read: (content) => action.parse(content).action,
				...(change === "remove_records" ? { absent: null } : {}),
			},
			signal,
		);
		if (taken === null) return;
		const look = async () =>
			api.call({ method: "GET", path: `/zones/actions/${taken.id}`, read: readProgress }, signal);
		const what = { provider, change: `${change} at ${at.name}`, first: progressOf(taken) };
		await untilCarriedOut(what, look, { clock, signal });
	}

	async function records(at: ApiZone, name: string, signal: AbortSignal): Promise<readonly HetznerRecord[]> {
		return allPages<HetznerRecord, number>(provider, 1, async (page) => {
			const query = { type: "TXT", name: relative(at, name), page };
			const found = await api.call(
				{ method: "GET", path: sets(at), query, read: (content) => rrsets.parse(content) },
				signal,
			);
			const set = found.rrsets.filter((one) => one.type === "TXT" && one.name === relative(at, name));
			const items = set.flatMap((one) => one.records.map((held) => ({ ...held, id: held.value })));
			return { items, next: found.meta.pagination.next_page };
		});
	}

	return {
		records,
		async create(at, { name, value, ttlSeconds }, signal) {
			const body = { ttl: ttlSeconds, records: [{ value: quoteTxt(value) }] };
			await act({ zone: at, name }, "add_records", body, signal);
		},
		async remove(at, name, { value }, signal) {
			await act({ zone: at, name }, "remove_records", { records: [{ value }] }, signal);
		},
		/** Only the whole set can be turned in one call: its other records go along as they are. */
		async update(at, held, { name, value }, signal) {
			const others = (await records(at, name, signal)).filter(({ id }) => id !== held.id);
			const kept = others.map((one) => ({
				value: one.value,
				...(one.comment ? { comment: one.comment } : {}),
			}));
			const body = { records: [...kept, { value: quoteTxt(value) }] };
			await act({ zone: at, name }, "set_records", body, signal);
		},
	};
}

function readProgress(content: unknown): Progress {
	return progressOf(action.parse(content).action);
}

function progressOf({ status, error }: z.infer<typeof action>["action"]): Progress {
	if (status === "running") return { kind: "running" };
	if (status === "success") return { kind: "done" };
	return { kind: "failed", why: error ? sayError(error) : "no reason was given" };
}

function sayError({ code, message }: { readonly code: string; readonly message: string }): string {
	return `${message} (${code})`;
}
