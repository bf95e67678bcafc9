/** Writes zones at Porkbun (porkbun.com/api/json/v3/documentation). */

import * as z from "zod";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import type { AdapterOptions } from "../../src/publishing/api/adapter.ts";
import { type ApiAnswer, createApi, type Verdict } from "../../src/publishing/api/client.ts";
import { plainName, relativeName } from "../../src/publishing/api/names.ts";
import { allPages } from "../../src/publishing/api/pages.ts";
import {
	createRecordProvider,
	type RecordCalls,
	type WantedRecord,
} from "../../src/publishing/api/record-api.ts";
import { type ApiZone, createZoneSearch } from "../../src/publishing/api/zones.ts";
import { waitOfSeconds } from "../../src/publishing/api/retry-after.ts";
import { about, type PorkbunSettings } from "./settings.ts";

/** No limit is documented for a value: what became of it is read back. */
const LIMITS = { valueOctets: 2_000, minTtlSeconds: 600, batch: 20 } as const;
/** The limit is not documented; faster callers were turned away. */
const GAP_MS = 1_000;
/** Some minutes were seen. */
const LIMITED_MS = 60_000;

/** Codes of failures; older answers have messages only. */
const TOO_MANY = "RATE_LIMIT_EXCEEDED";
const BAD_CREDENTIAL =
	/^(?:API_KEY_REQUIRED|INVALID_API_KEYS_\d+|INVALID_TOKEN|INVALID_USER|API_ACCESS_DISABLED|DOMAIN_NOT_ALLOWED)$/;
const SAYS_BAD_CREDENTIAL = /^invalid api key|not opted in to api access/i;

const failure = z.object({
	status: z.literal("ERROR"),
	message: z.string(),
	code: z.string().optional().catch(undefined),
	/** Seconds, of a limit. */
	ttlRemaining: z.coerce.number().nonnegative().optional().catch(undefined),
});
const domains = z.object({
	status: z.literal("SUCCESS"),
	domains: z.array(z.object({ domain: z.string() })),
});
const records = z.object({
	status: z.literal("SUCCESS"),
	records: z.array(
		z.object({ id: z.coerce.string(), name: z.string(), type: z.string(), content: z.string() }),
	),
});
const written = z.object({ status: z.literal("SUCCESS") });

/** Every call is a POST, also one that only reads. */
type Post = <Result>(
	path: string,
	fields: object,
	read: (content: unknown) => Result,
	signal: AbortSignal,
) => Promise<Result>;

export function createProvider(options: AdapterOptions<PorkbunSettings>): DnsProvider {
	const { name, settings, secrets, http, clock } = options;
	const keys = async () => ({
		apikey: await secrets.read(settings.api_key),
		secretapikey: await secrets.read(settings.secret_api_key),
	});
	const api = createApi({
		provider: name,
		base: "https://api.porkbun.com/api/json/v3",
		http,
		clock,
		authorize: async () => ({ headers: {}, secrets: Object.values(await keys()) }),
		permission: about.permission,
		gapMs: GAP_MS,
		judge,
		explain: (content) => failure.parse(content).message,
	});
	const post: Post = async (path, fields, read, signal) =>
		api.call({ method: "POST", path, body: { ...fields, ...(await keys()) }, read }, signal);
	return createRecordProvider({
		name,
		account: `porkbun ${JSON.stringify(settings.api_key)}`,
		limits: LIMITS,
		zones: createZoneSearch(name, { all: async (signal) => allZones(post, name, signal) }),
		calls: callsOf(post),
	});
}

/** Pages begin at a number of domains; an empty one is the last. */
async function allZones(post: Post, provider: string, signal: AbortSignal): Promise<readonly ApiZone[]> {
	return allPages<ApiZone, number>(provider, 0, async (start) => {
		const read = (content: unknown) => domains.parse(content).domains;
		const page = await post("/domain/listAll", { start: String(start) }, read, signal);
		const items = page.map(({ domain }) => ({ id: domain, name: plainName(domain) }));
		return { items, next: items.length === 0 ? null : start + items.length };
	});
}

function callsOf(post: Post): RecordCalls<ApiZone> {
	const done = (content: unknown) => written.parse(content);
	return {
		async records(zone, name, signal) {
			const relative = relativeName(name, zone.name);
			const path = ["/dns/retrieveByNameType", zone.id, "TXT", ...(relative === "" ? [] : [relative])];
			const read = (content: unknown) => records.parse(content).records;
			const held = await post(path.join("/"), {}, read, signal);
			return held
				.filter((record) => record.type === "TXT" && plainName(record.name) === name)
				.map(({ id, content }) => ({ id, value: content }));
		},
		async create(zone, record, signal) {
			await post(`/dns/create/${zone.id}`, fieldsOf(zone, record), done, signal);
		},
		async update(zone, { id }, record, signal) {
			await post(`/dns/edit/${zone.id}/${encodeURIComponent(id)}`, fieldsOf(zone, record), done, signal);
		},
		async remove(zone, _, { id }, signal) {
			await post(`/dns/delete/${zone.id}/${encodeURIComponent(id)}`, {}, done, signal);
		},
	};
}

/** Without quotes; the interface splits a long value itself. */
function fieldsOf(zone: ApiZone, { name, value, ttlSeconds }: WantedRecord): object {
	return {
		name: relativeName(name, zone.name),
		type: "TXT",
		content: value,
		ttl: String(Math.max(ttlSeconds, LIMITS.minTtlSeconds)),
	};
}

/**
 * A credential that is refused is told with 400, as everything else, and some failures with 200. Too many calls are ended by a
 * firewall, too, which wants a challenge solved instead (github.com/DNSControl/dnscontrol, pull request 3019).
 */
function judge({ status, headers, content }: ApiAnswer): Verdict | null {
	if (status === 202 || headers["x-amzn-waf-action"] !== undefined)
		return {
			kind: "limited",
			why: "the firewall before its interface wants a challenge",
			waitMs: LIMITED_MS,
		};
	const said = failure.safeParse(content).data;
	if (said === undefined) return null;
	const { code = "", message: why, ttlRemaining } = said;
	if (code === TOO_MANY)
		return {
			kind: "limited",
			why,
			waitMs: ttlRemaining === undefined ? LIMITED_MS : waitOfSeconds(ttlRemaining),
		};
	if (BAD_CREDENTIAL.test(code) || SAYS_BAD_CREDENTIAL.test(why)) return { kind: "denied", why };
	return status === 200 ? { kind: "refused", why } : null;
}
