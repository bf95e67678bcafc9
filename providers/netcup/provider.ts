/** Writes zones at netcup, CCP API (ccp.netcup.net/run/webservice/servers/endpoint.php lists methods and fields). */

import * as z from "zod";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import { type AdapterOptions, commonOf } from "../../src/publishing/api/adapter.ts";
import { type ApiAnswer, createApi, type Verdict } from "../../src/publishing/api/client.ts";
import { absoluteName, plainName, relativeName } from "../../src/publishing/api/names.ts";
import { createSession, ENDED } from "../../src/publishing/api/session.ts";
import { createZoneProvider, type ZoneCalls } from "../../src/publishing/api/zone-api.ts";
import { type ApiZone, createZoneSearch } from "../../src/publishing/api/zones.ts";
import { about, type NetcupSettings } from "./settings.ts";

const BASE = "https://ccp.netcup.net";
const PATH = "/run/webservice/servers/endpoint.php?JSON";
/** The documentation names no limit of a value; a record has no TTL. */
const LIMITS = { valueOctets: 4_000, minTtlSeconds: 300, batch: 20 } as const;
/** 180 calls a minute. */
const GAP_MS = 400;

/** The session has ended (github.com/nbuchwitz/nc_dnsapi, issue 9). */
const SESSION_ENDED = 4001;
/** What of them it is, the text says (github.com/go-acme/lego, issue 912). */
const INVALID = 4013;
/**
 * Of a name that no registry takes, such as one below a domain; `action` is empty then (github.com/acmesh-official/acme.sh, issue
 * 7188). One with `_` is not asked for: who sends characters that are not allowed is turned away after some such calls
 * (github.com/go-acme/lego, issue 912).
 */
const NO_DOMAIN_NAME = /\bfield domainname\b/i;
/** Also of a zone on CloudDNS, which has an interface of its own (the same issue; pull request 7214 there). */
const NO_SUCH_ZONE = [5028, 5029, 5031];
/** Of `infoDnsRecords`: the zone is there, and empty (github.com/mrueg/external-dns-netcup-webhook, issue 5). */
const NO_RECORDS = 5029;
const TOO_MANY = /requests per minute|too many/i;

const envelope = z.object({
	action: z.string(),
	status: z.string(),
	statuscode: z.number(),
	longmessage: z.string(),
});
const login = z.object({ responsedata: z.object({ apisessionid: z.string().min(1) }) });
const zone = z.object({ responsedata: z.object({ name: z.string() }) });
const record = z.looseObject({
	id: z.string(),
	hostname: z.string(),
	type: z.string(),
	destination: z.string(),
});
const records = z.object({ responsedata: z.object({ dnsrecords: z.array(record) }) });

type NetcupRecord = z.infer<typeof record>;

/** One action, with the session that is held. */
type Act = <Result>(
	action: string,
	param: Readonly<Record<string, unknown>>,
	read: (content: unknown) => Result,
	signal: AbortSignal,
	absent?: Result,
) => Promise<Result>;

export function createProvider(options: AdapterOptions<NetcupSettings>): DnsProvider {
	const { name, settings } = options;
	const act = connect(options);
	return createZoneProvider({
		name,
		account: `netcup ${settings.customer}`,
		limits: LIMITS,
		zones: createZoneSearch(name, {
			async named(at, signal) {
				if (at.includes("_")) return [];
				const read = (content: unknown): readonly ApiZone[] => {
					const found = plainName(zone.parse(content).responsedata.name);
					return [{ id: found, name: found }];
				};
				return act("infoDnsZone", { domainname: at }, read, signal, []);
			},
		}),
		calls: callsOf(act),
	});
}

function connect(options: AdapterOptions<NetcupSettings>): Act {
	const { name, settings, secrets, clock } = options;
	const api = createApi({
		...commonOf(options, about),
		base: BASE,
		authorize: async () => ({
			headers: {},
			secrets: [await secrets.read(settings.api_key), await secrets.read(settings.api_password)],
		}),
		gapMs: GAP_MS,
		judge,
		explain: (content) => envelope.parse(content).longmessage,
	});

	async function credential(): Promise<Readonly<Record<string, string>>> {
		return { customernumber: settings.customer, apikey: await secrets.read(settings.api_key) };
	}

	const session = createSession({ provider: name, clock }, async (signal) => {
		const param = { ...(await credential()), apipassword: await secrets.read(settings.api_password) };
		const read = (content: unknown) => login.parse(content).responsedata.apisessionid;
		return api.call({ method: "POST", path: PATH, body: { action: "login", param }, read }, signal);
	});

	return async (action, param, read, signal, absent) =>
		session.use(async (apisessionid) => {
			const body = { action, param: { ...(await credential()), apisessionid, ...param } };
			return api.call(
				{
					method: "POST",
					path: PATH,
					body,
					secrets: [apisessionid],
					judge: (answer) => (codeOf(answer) === SESSION_ENDED ? { kind: "answered", why: null } : null),
					read: (content, answer) => (codeOf(answer) === SESSION_ENDED ? ENDED : read(content)),
					...(absent === undefined ? {} : { absent }),
				},
				signal,
			);
		}, signal);
}

function callsOf(act: Act): ZoneCalls<ApiZone, NetcupRecord, null> {
	return {
		async read({ id, name }, signal) {
			const read = (content: unknown) =>
				isEmptyZone(content) ? [] : records.parse(content).responsedata.dnsrecords;
			const held = await act("infoDnsRecords", { domainname: id }, read, signal);
			const txt = held
				.filter(({ type }) => type === "TXT")
				.map((entry) => ({
					name: absoluteName(entry.hostname, name),
					value: entry.destination,
					entry,
				}));
			return { txt, whole: null };
		},
		/** Entries that are not named stay as they are. */
		async write({ id, name }, _, { gone, come }, signal) {
			const dnsrecords = [
				...gone.map((entry) => ({ ...entry, deleterecord: true })),
				...come.map((wanted) => ({
					hostname: relativeName(wanted.name, name) || "@",
					type: "TXT",
					destination: wanted.value,
					deleterecord: false,
				})),
			];
			const param = { domainname: id, dnsrecordset: { dnsrecords } };
			await act("updateDnsRecords", param, (content) => records.parse(content), signal);
		},
	};
}

/** Every answer has the status 200. */
function judge({ status, content }: ApiAnswer): Verdict | null {
	const said = status === 200 ? envelope.safeParse(content).data : undefined;
	if (said === undefined || said.status === "success") return null;
	if (isEmptyZone(content)) return { kind: "answered", why: null };
	const why = `${said.longmessage} (${said.statuscode})`;
	if (TOO_MANY.test(said.longmessage)) return { kind: "limited", why };
	if (said.action === "login" || said.statuscode === SESSION_ENDED) return { kind: "denied", why };
	if (NO_SUCH_ZONE.includes(said.statuscode)) return { kind: "gone", why };
	// A name that no domain can have is no zone either.
	if (said.statuscode === INVALID && NO_DOMAIN_NAME.test(said.longmessage)) return { kind: "gone", why };
	return { kind: "refused", why };
}

function isEmptyZone(content: unknown): boolean {
	const said = envelope.safeParse(content).data;
	return said?.action === "infoDnsRecords" && said.statuscode === NO_RECORDS;
}

function codeOf({ content }: ApiAnswer): number | undefined {
	return envelope.safeParse(content).data?.statuscode;
}
