/** Whatever a provider's interface answers: a result, or an error of the provider's that tells no secret; and an end. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KeyturnError } from "../../../src/errors.ts";
import type { HttpRequest, HttpResponse } from "../../../src/ports/http.ts";
import type { DnsProvider } from "../../../src/ports/dns-provider.ts";
import { PROVIDER_TYPES, type ProviderTools } from "../../../providers/registry.ts";
import { createSleepingClock } from "../../fakes/sleeping-clock.ts";
import { fuzzed, PATIENCE } from "../../fuzz/fuzzing.ts";
import { mutatedJson, mutatedText } from "../../fuzz/mutations.ts";
import { anyText } from "../../fuzz/nasty-text.ts";
import { KEY_FILE } from "../google/service-account.ts";

const NEVER = new AbortController().signal;
/** Begins with what no code of a character ends with: `\u000c`, which it may stand behind in what is told. */
const SECRET = "token-of-a-canary";
const ZONE = "example.com";
const OWNER = `202611._domainkey.${ZONE}`;
const VALUE = "v=DKIM1;k=rsa;p=abc";
/** Lists are read a thousand pages long at most, some of them several times over. */
const MOST_CALLS = 5_000;
/** Those that speak otherwise, or read nothing of what is answered, have tests of their own. */
const WITHOUT_HTTP = ["acmesh", "exec", "httpreq", "lexicon", "manual", "rfc2136", "zonefile"];

const REFERENCE = { env: "SECRET" };
const ID = "72f988bf-86f1-41af-91ab-2d7cd011db47";

/** Of those that take more, or something else, than a token. */
const SETTINGS: Readonly<Record<string, unknown>> = {
	azure: { tenant: ID, subscription: ID, resource_group: "mail", client_id: ID, client_secret: REFERENCE },
	godaddy: { key: REFERENCE, secret: REFERENCE },
	google: { project: "mail-zones", key: REFERENCE },
	inwx: { user: "postmaster", password: REFERENCE },
	namecheap: { user: "postmaster", api_key: REFERENCE, client_ip: "192.0.2.1" },
	netcup: { customer: "12345", api_key: REFERENCE, api_password: REFERENCE },
	ovh: { application_key: REFERENCE, application_secret: REFERENCE, consumer_key: REFERENCE },
	porkbun: { api_key: REFERENCE, secret_api_key: REFERENCE },
	powerdns: { url: "http://127.0.0.1:8081", key: REFERENCE },
	route53: { access_key_id: "AKIAIOSFODNN7EXAMPLE", secret_access_key: REFERENCE },
	scaleway: { key: REFERENCE },
};

const answered = (content: unknown, headers = {}): HttpResponse => ({
	status: 200,
	headers,
	body: JSON.stringify(content),
});

/** What is asked for before anything else: a token, the time, a session. */
const ENTRANCES: readonly {
	readonly isAsked: (request: HttpRequest) => boolean;
	readonly answer: HttpResponse;
}[] = [
	{
		isAsked: ({ url }) => url.endsWith("/token"),
		answer: answered({ access_token: SECRET, expires_in: 3_600 }),
	},
	{ isAsked: ({ url }) => url.endsWith("/auth/time"), answer: answered(1_790_000_000) },
	{
		isAsked: ({ body }) => body?.includes("account.login") === true,
		answer: answered(
			{ code: 1000, msg: "ok", resData: { tfa: "0" } },
			{ "set-cookie": `domrobot=${SECRET};` },
		),
	},
];

/** What each of them says when all is well. */
const SEEDS: Readonly<Record<string, readonly unknown[]>> = {
	cloudflare: [
		{ result: [{ id: "z1", name: ZONE }] },
		{
			result: [{ id: "r1", name: OWNER, type: "TXT", content: `"${VALUE}"` }],
			result_info: { page: 1, total_pages: 1 },
		},
		{ success: true },
		{ errors: [{ code: 9109, message: SECRET }] },
	],
	hetzner: [
		{ zone: { id: 1, name: ZONE } },
		{
			rrsets: [{ name: "202611._domainkey", type: "TXT", records: [{ value: `"${VALUE}"` }] }],
			meta: { pagination: { next_page: null } },
		},
		{ action: { id: 7, status: "success", error: null } },
		{ error: { code: "unauthorized", message: SECRET } },
	],
	digitalocean: [
		{ domain: { name: ZONE }, domains: [{ name: ZONE }], links: {}, meta: { total: 1 } },
		{
			domain_records: [{ id: 5, type: "TXT", name: "202611._domainkey", data: VALUE }],
			links: {},
			meta: { total: 1 },
		},
		{ domain_record: { id: 5 } },
		{ id: "unauthorized", message: SECRET },
	],
	desec: [
		[{ name: ZONE, minimum_ttl: 60 }],
		{ name: ZONE, minimum_ttl: 60 },
		{ subname: "202611._domainkey", name: `${OWNER}.`, type: "TXT", ttl: 60, records: [`"${VALUE}"`] },
		{ detail: SECRET },
	],
	gandi: [
		{ fqdn: ZONE },
		{ rrset_type: "TXT", rrset_ttl: 300, rrset_values: [`"${VALUE}"`] },
		{ message: "DNS Record Created" },
		{ code: 403, message: SECRET },
	],
	godaddy: [
		[{ type: "TXT", name: "202611._domainkey", data: VALUE, ttl: 3600 }],
		"",
		{ code: "ACCESS_DENIED", message: SECRET },
	],
	namecheap: [
		`<ApiResponse Status="OK"><Errors/><CommandResponse><DomainGetInfoResult Status="Ok" DomainName="${ZONE}"><DnsDetails IsUsingOurDNS="true" HostCount="1"/></DomainGetInfoResult><DomainDNSGetHostsResult Domain="${ZONE}" EmailType="MX"><host HostId="1" Name="202611._domainkey" Type="TXT" Address="${VALUE}" MXPref="10" TTL="1800"/></DomainDNSGetHostsResult><DomainDNSSetHostsResult Domain="${ZONE}" IsSuccess="true"/></CommandResponse></ApiResponse>`,
		`<ApiResponse Status="ERROR"><Errors><Error Number="1011102">${SECRET}</Error></Errors></ApiResponse>`,
	],
	google: [
		{ kind: "dns#managedZonesListResponse", managedZones: [{ id: "1", dnsName: `${ZONE}.` }] },
		{
			kind: "dns#resourceRecordSetsListResponse",
			rrsets: [{ name: `${OWNER}.`, type: "TXT", ttl: 60, rrdatas: [`"${VALUE}"`] }],
		},
		{ id: "7", status: "done" },
		{ error: { message: SECRET, errors: [{ reason: "rateLimitExceeded" }] } },
	],
	route53: [
		`<r><HostedZones><HostedZone><Id>/hostedzone/Z1</Id><Name>${ZONE}.</Name><Config><PrivateZone>false</PrivateZone></Config></HostedZone></HostedZones><IsTruncated>false</IsTruncated></r>`,
		`<r><ResourceRecordSets><ResourceRecordSet><Name>${OWNER}.</Name><Type>TXT</Type><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>&quot;${VALUE}&quot;</Value></ResourceRecord></ResourceRecords></ResourceRecordSet></ResourceRecordSets></r>`,
		"<r><ChangeInfo><Id>/change/C1</Id><Status>INSYNC</Status></ChangeInfo></r>",
		`<ErrorResponse><Error><Code>Throttling</Code><Message>${SECRET}</Message></Error></ErrorResponse>`,
	],
	azure: [
		{ value: [{ name: ZONE, properties: { zoneType: "Public" } }] },
		{ etag: "e1", properties: { TTL: 60, TXTRecords: [{ value: [VALUE] }] } },
		{ error: { code: "AuthorizationFailed", message: SECRET } },
	],
	inwx: [
		{
			code: 1000,
			msg: "ok",
			resData: {
				domain: ZONE,
				type: "MASTER",
				record: [{ id: 1, name: OWNER, type: "TXT", content: VALUE }],
			},
		},
		{ code: 1000, msg: "ok", resData: { id: 1 } },
		{ code: 2200, msg: SECRET },
	],
	linode: [
		{ data: [{ id: 1, domain: ZONE, type: "master" }], page: 1, pages: 1 },
		{ data: [{ id: 2, type: "TXT", name: "202611._domainkey", target: VALUE }], page: 1, pages: 1 },
		{ id: 2, type: "TXT", name: "202611._domainkey", target: VALUE },
		{ errors: [{ reason: SECRET }] },
	],
	netcup: [
		{
			action: "login",
			status: "success",
			statuscode: 2000,
			longmessage: "ok",
			responsedata: {
				apisessionid: "session",
				name: ZONE,
				dnsrecords: [{ id: "1", hostname: "202611._domainkey", type: "TXT", destination: VALUE }],
			},
		},
		{ action: "login", status: "error", statuscode: 4013, longmessage: SECRET, responsedata: "" },
	],
	ovh: [
		{ name: ZONE },
		[5],
		{ id: 5, fieldType: "TXT", subDomain: "202611._domainkey", target: `"${VALUE}"` },
		null,
		{ message: SECRET, errorCode: "NOT_CREDENTIAL" },
	],
	scaleway: [
		{ total_count: 1, dns_zones: [{ domain: ZONE, subdomain: "" }] },
		{ total_count: 1, records: [{ id: "r1", type: "TXT", name: "202611._domainkey", data: `"${VALUE}"` }] },
		{ message: SECRET },
	],
	porkbun: [
		{
			status: "SUCCESS",
			domains: [{ domain: ZONE }],
			records: [{ id: "5", name: OWNER, type: "TXT", content: VALUE }],
		},
		{ status: "SUCCESS", domains: [], records: [] },
		{ status: "ERROR", message: SECRET },
	],
	powerdns: [
		[{ id: `${ZONE}.`, name: `${ZONE}.`, kind: "Native" }],
		{
			id: `${ZONE}.`,
			name: `${ZONE}.`,
			rrsets: [
				{ name: `${OWNER}.`, type: "TXT", ttl: 60, records: [{ content: `"${VALUE}"`, disabled: false }] },
			],
		},
		{ error: SECRET },
	],
};
const TYPES = Object.keys(PROVIDER_TYPES).filter((type) => !WITHOUT_HTTP.includes(type));

/** Each of what it says alone: whatever is drawn besides, some of it is answered and some fails. */
function asTheyAre(type: string): [readonly HttpResponse[]][] {
	return (SEEDS[type] ?? []).map((seed) => [[answered(seed)]]);
}

function responses(type: string): fc.Arbitrary<readonly HttpResponse[]> {
	const seeds = SEEDS[type] ?? Object.values(SEEDS).flat();
	const body = fc.oneof(
		fc.constantFrom(...seeds).map((seed) => JSON.stringify(seed)),
		mutatedJson(seeds).map((value) => JSON.stringify(value) ?? ""),
		mutatedText(seeds.map((seed) => JSON.stringify(seed))),
		fc
			.tuple(fc.constantFrom(...seeds), anyText)
			.map(([seed, text]) => JSON.stringify(seed, (name, value: unknown) => (name === "id" ? text : value))),
		anyText,
	);
	const headers = fc.dictionary(
		fc.constantFrom(
			"retry-after",
			"ratelimit-reset",
			"x-ratelimit-reset",
			"link",
			"content-type",
			"location",
		),
		fc.oneof(
			anyText,
			fc.constantFrom("-1", "1e309", "99999999999", "Thu, 99 Nov 2026 99:99:99 GMT", '<x>; rel="next"'),
		),
		{ noNullPrototype: true },
	);
	const status = fc.constantFrom(200, 200, 200, 200, 201, 204, 302, 400, 401, 404, 409, 422, 429, 500, 503);
	return fc.array(fc.record({ status, headers, body }), { minLength: 1, maxLength: 8 });
}

interface Asked {
	calls: number;
}

/** Answers what it was given, from the beginning again when all was. */
async function providerOf(type: string, given: readonly HttpResponse[], asked: Asked): Promise<DnsProvider> {
	const made = await PROVIDER_TYPES[type]?.();
	if (made === undefined) throw new Error(`${type} is not registered`);
	const tools = {
		secrets: { read: async () => Promise.resolve(type === "google" ? KEY_FILE : SECRET) },
		clock: createSleepingClock(),
		log: { debug: ignore, info: ignore, warn: ignore, error: ignore },
		copies: { keep: async () => Promise.resolve("/copy") },
		random: { bytes: (count: number) => new Uint8Array(count), id: () => "0".repeat(32) },
		http: {
			send: async (request: HttpRequest) => {
				const entrance = ENTRANCES.find(({ isAsked }) => isAsked(request));
				if (entrance !== undefined) return Promise.resolve(entrance.answer);
				asked.calls += 1;
				if (asked.calls > MOST_CALLS) throw new Error("it asks without end");
				return Promise.resolve(given[asked.calls % given.length] as HttpResponse);
			},
		},
	};
	const settings = made.settingsSchema.parse(SETTINGS[type] ?? { token: REFERENCE });
	return made.create({ ...(tools as unknown as ProviderTools), name: type, settings });
}

function ignore(): void {}

describe.each(TYPES)("%s", (type) => {
	test("answers, or fails as a provider does, and tells no secret", PATIENCE, async () => {
		const seen = { answered: 0, failed: 0 };
		await fc.assert(
			fc.asyncProperty(responses(type), async (given) => {
				const acts: readonly ((provider: DnsProvider) => Promise<unknown>)[] = [
					async (provider) => provider.findZone(OWNER, NEVER),
					async (provider) => provider.list(ZONE, OWNER, NEVER),
					async (provider) =>
						provider.change(
							ZONE,
							[
								{ kind: "add", name: OWNER, value: VALUE, ttlSeconds: 300 },
								{ kind: "remove", name: OWNER, value: VALUE },
								{ kind: "replace", name: OWNER, from: VALUE, to: `${VALUE}d`, ttlSeconds: 300 },
							],
							NEVER,
						),
				];
				for (const act of acts) {
					const provider = await providerOf(type, given, { calls: 0 });
					const told = await act(provider).then(
						(result) => {
							seen.answered += 1;
							return JSON.stringify(result);
						},
						(thrown: unknown) => {
							seen.failed += 1;
							if (!(thrown instanceof KeyturnError)) throw thrown;
							expect(thrown.code).toMatch(/^provider\./);
							return `${thrown.message} ${thrown.hint ?? ""}`;
						},
					);
					expect(told).not.toContain(SECRET);
				}
			}),
			{ ...fuzzed(100), examples: asTheyAre(type) },
		);
		expect(Math.min(seen.answered, seen.failed)).toBeGreaterThan(0);
	});
});

test.each(TYPES)("%s: an id that no URL takes is told as anything else that is not there", async (type) => {
	const half = (name: string, value: unknown): unknown => (name === "id" ? "\ud800" : value);
	for (const seed of SEEDS[type] ?? []) {
		const given = [{ status: 200, headers: {}, body: JSON.stringify(seed, half) }];
		const provider = await providerOf(type, given, { calls: 0 });
		const thrown: unknown = await provider.list(ZONE, OWNER, NEVER).catch((one: unknown) => one);
		if (!Array.isArray(thrown)) expect(thrown).toMatchObject({ code: expect.stringMatching(/^provider\./) });
	}
});
