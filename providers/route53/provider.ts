/** Writes zones at Amazon Route 53 (docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html). */

import { quoteTxt } from "../../src/dkim/txt-strings.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import { type AdapterOptions, commonOf } from "../../src/publishing/api/adapter.ts";
import { untilCarriedOut } from "../../src/publishing/api/carried-out.ts";
import { type Api, type ApiAnswer, createApi, type Verdict } from "../../src/publishing/api/client.ts";
import { hasPolicy } from "../../src/publishing/api/left-alone.ts";
import { allPages } from "../../src/publishing/api/pages.ts";
import { createRrsetProvider, type RrsetCalls, type RrsetWrite } from "../../src/publishing/api/rrset-api.ts";
import { type ApiZone, createZoneSearch } from "../../src/publishing/api/zones.ts";
import { escapeXml } from "../../src/publishing/api/xml.ts";
import {
	type Failure,
	type HostedZone,
	readChange,
	readFailure,
	readRecordSets,
	readZones,
} from "./answers.ts";
import { about, type Route53Settings } from "./settings.ts";
import { signedHeaders } from "./signature.ts";

const BASE = "https://route53.amazonaws.com/2013-04-01";
const NAMESPACE = "https://route53.amazonaws.com/doc/2013-04-01/";
/** 4,000 characters a value, 32,000 in a call, in which a set that changes counts twice (docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html). */
const LIMITS = { valueOctets: 3_900, minTtlSeconds: 1, batch: 10 } as const;
/** Five calls a second for an account. */
const GAP_MS = 250;
const SCOPE = { region: "us-east-1", service: "route53" } as const;

const TOO_MANY = ["Throttling", "ThrottlingException", "PriorRequestNotComplete", "RequestLimitExceeded"];
const BAD_CREDENTIAL = [
	"ExpiredToken",
	"InvalidClientTokenId",
	"MissingAuthenticationToken",
	"InvalidSignature",
];

/** Of a signature whose time is minutes from the server's (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html). */
const OTHER_TIME = /^Signature (?:expired|not yet current):/;

export function createProvider(options: AdapterOptions<Route53Settings>): DnsProvider {
	const { name, settings, secrets, clock } = options;
	const api = createApi({
		...commonOf(options, about),
		base: BASE,
		authorize: async (request) => {
			const secret = await secrets.read(settings.secret_access_key);
			const key = { id: settings.access_key_id, secret };
			return { headers: signedHeaders(request, key, { ...SCOPE, at: clock.now() }), secrets: [secret] };
		},
		gapMs: GAP_MS,
		judge,
		explain: (content) => sayFailure(readFailure(content)),
	});
	return createRrsetProvider({
		name,
		account: `route53 ${settings.access_key_id}`,
		limits: LIMITS,
		zones: createZoneSearch(name, { named: async (at, signal) => zonesNamed(api, name, at, signal) }),
		calls: callsOf(api, name, clock),
	});
}

/** The list begins at the name and goes on with what comes after it: the pages that still have the name are read. */
async function zonesNamed(
	api: Api,
	provider: string,
	name: string,
	signal: AbortSignal,
): Promise<readonly HostedZone[]> {
	const zones = await allPages<HostedZone, string>(provider, `${name}. `, async (mark) => {
		const [dnsname = "", hostedzoneid = ""] = mark.split(" ");
		const query = { dnsname, maxitems: 100, ...(hostedzoneid === "" ? {} : { hostedzoneid }) };
		const page = await api.call(
			{ method: "GET", path: "/hostedzonesbyname", query, read: readZones },
			signal,
		);
		return page.next?.startsWith(`${name}. `) === true ? page : { ...page, next: null };
	});
	return zones.filter((zone) => !zone.isPrivate);
}

function callsOf(api: Api, provider: string, clock: Clock): RrsetCalls<ApiZone> {
	const path = ({ id }: ApiZone) => `/hostedzone/${encodeURIComponent(id)}/rrset`;
	return {
		encode: quoteTxt,
		async rrset(zone, name, signal) {
			// The list begins at the name, or where it would stand.
			const query = { name: `${name}.`, type: "TXT", maxitems: 1 };
			const sets = await api.call({ method: "GET", path: path(zone), query, read: readRecordSets }, signal);
			const set = sets.find((one) => one.type === "TXT" && one.name === name);
			if (set === undefined) return null;
			if (set.plain === null) throw hasPolicy(provider, name);
			return { ...set.plain, extra: null };
		},
		async write(zone, sets, signal) {
			const body = batchOf(sets);
			const headers = { "content-type": "application/xml" };
			const made = await api.call(
				{ method: "POST", path: path(zone), headers, body, read: readChange },
				signal,
			);
			const at = `/change/${encodeURIComponent(made.id)}`;
			const look = async () =>
				(await api.call({ method: "GET", path: at, read: readChange }, signal)).progress;
			const what = { provider, change: `change ${made.id} of ${zone.name}`, first: made.progress };
			await untilCarriedOut(what, look, { clock, signal });
		},
	};
}

/** Carried out as a whole or not at all; a set that is no longer as it was read makes it fail. */
function batchOf(sets: readonly RrsetWrite<null>[]): string {
	const changes = sets.flatMap(({ name, before, values, ttlSeconds }) => [
		...(before === null ? [] : [changeOf("DELETE", name, before)]),
		...(values.length === 0 ? [] : [changeOf("CREATE", name, { values, ttlSeconds })]),
	]);
	return `<?xml version="1.0" encoding="UTF-8"?><ChangeResourceRecordSetsRequest xmlns="${NAMESPACE}"><ChangeBatch><Changes>${changes.join("")}</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>`;
}

function changeOf(
	action: "CREATE" | "DELETE",
	name: string,
	{ values, ttlSeconds }: { readonly values: readonly string[]; readonly ttlSeconds: number },
): string {
	const records = values.map(
		(value) => `<ResourceRecord><Value>${escapeXml(value)}</Value></ResourceRecord>`,
	);
	return `<Change><Action>${action}</Action><ResourceRecordSet><Name>${escapeXml(name)}.</Name><Type>TXT</Type><TTL>${ttlSeconds}</TTL><ResourceRecords>${records.join("")}</ResourceRecords></ResourceRecordSet></Change>`;
}

/** Too many calls are told with 400 (docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html), a wrong clock as a wrong signature. */
function judge({ status, content }: ApiAnswer): Verdict | null {
	if (status !== 400 && status !== 403) return null;
	let failure: Failure;
	try {
		failure = readFailure(content);
	} catch {
		return null;
	}
	const why = sayFailure(failure);
	if (OTHER_TIME.test(failure.message))
		return { kind: "refused", why: `${why}: set the clock of this host (NTP)` };
	if (TOO_MANY.includes(failure.code)) return { kind: "limited", why, waitMs: null };
	return BAD_CREDENTIAL.includes(failure.code) ? { kind: "denied", why } : null;
}

function sayFailure({ code, message }: Failure): string {
	return `${message} (${code})`;
}
