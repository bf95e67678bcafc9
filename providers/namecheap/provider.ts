/** Writes zones at Namecheap, which takes only whole zones (www.namecheap.com/support/api/methods/domains-dns/set-hosts). */

import { asKeyturnError, KeyturnError } from "../../src/errors.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import type { ZoneCopies } from "../../src/ports/zone-copies.ts";
import { type AdapterOptions, commonOf } from "../../src/publishing/api/adapter.ts";
import { type ApiAnswer, createApi, type Verdict } from "../../src/publishing/api/client.ts";
import { absoluteName, plainName, relativeName } from "../../src/publishing/api/names.ts";
import type { WantedRecord } from "../../src/publishing/api/record-api.ts";
import { createZoneProvider, type ZoneCalls } from "../../src/publishing/api/zone-api.ts";
import { type ApiZone, createZoneSearch } from "../../src/publishing/api/zones.ts";
import {
	type Host,
	type HostList,
	readFailure,
	readHosts,
	readInfo,
	readServices,
	readWritten,
} from "./answers.ts";
import { createKeptHosts } from "./kept-hosts.ts";
import { about, type NamecheapSettings } from "./settings.ts";

const BASE = "https://api.namecheap.com";
const PATH = "/xml.response";
/** The documentation names no limit of a value. */
const LIMITS = { valueOctets: 2_500, minTtlSeconds: 60, batch: 20 } as const;
/**
 * 20 calls a minute, 700 an hour, 8,000 a day (www.namecheap.com/support/knowledgebase, API FAQ): the gap keeps to the first two.
 * Whoever has used up a day is told so.
 */
const GAP_MS = 5_200;
/** Too many calls carry no time to wait. */
const LIMITED_MS = 60_000;
const LONGEST_TTL_SECONDS = 60_000;
/** After longer the hosts are read again: what others change meanwhile would be lost. */
const FRESH_MS = 5_000;
/** What `setHosts` names; whatever else stands in a zone it could not give back. */
const TYPES = ["A", "AAAA", "ALIAS", "CAA", "CNAME", "MX", "MXE", "NS", "TXT", "URL", "URL301", "FRAME"];

/** Numbers of errors (www.namecheap.com/support/api/error-codes). */
const BAD_CREDENTIAL = /^(?:101010[12345]|101110[1245]|1011150|1016103|10171(?:01|03|05|50)|1019103)$/;
const NO_SUCH_DOMAIN = ["2016166", "2019166", "2030166"];
const TOO_MANY = ["500000", "1017411"];

type Fields = Readonly<Record<string, string>>;
type Command = <Result>(
	command: string,
	fields: Fields,
	read: (content: unknown) => Result,
	signal: AbortSignal,
	more?: { readonly absent?: Result; readonly isUrgent?: boolean },
) => Promise<Result>;

export function createProvider(
	options: AdapterOptions<NamecheapSettings> & { readonly copies: ZoneCopies },
): DnsProvider {
	const { name, settings } = options;
	const command = connect(options);
	return createZoneProvider({
		name,
		account: `namecheap ${settings.user}`,
		limits: LIMITS,
		zones: createZoneSearch(name, {
			async named(at, signal) {
				const read = (content: unknown): readonly ApiZone[] => {
					const { name: found, isServed } = readInfo(content);
					return isServed ? [{ id: plainName(found), name: plainName(found) }] : [];
				};
				return command("domains.getInfo", { DomainName: at }, read, signal, { absent: [] });
			},
		}),
		calls: callsOf(command, options),
	});
}

/** Everything goes in the body: addresses of calls get into logs on the way. */
function connect(options: AdapterOptions<NamecheapSettings>): Command {
	const { settings, secrets } = options;
	const api = createApi({
		...commonOf(options, about),
		base: BASE,
		authorize: async () => ({ headers: {}, secrets: [await secrets.read(settings.api_key)] }),
		gapMs: GAP_MS,
		judge,
		explain: (content) => readFailure(content)?.message ?? "no reason",
	});
	return async (command, fields, read, signal, more) => {
		const body = new URLSearchParams({
			ApiUser: settings.user,
			ApiKey: await secrets.read(settings.api_key),
			UserName: settings.user,
			ClientIp: settings.client_ip,
			Command: `namecheap.${command}`,
			...fields,
		}).toString();
		const headers = { "content-type": "application/x-www-form-urlencoded", accept: "application/xml" };
		return api.call({ method: "POST", path: PATH, headers, body, read, ...more }, signal);
	};
}

function callsOf(
	command: Command,
	options: { readonly name: string; readonly copies: ZoneCopies; readonly clock: Clock },
): ZoneCalls<ApiZone, Host, HostList> {
	const { name: provider, copies, clock } = options;
	const keptHosts = createKeptHosts(provider, clock);
	const hostsOf = async (zone: ApiZone, signal: AbortSignal, isUrgent = false) =>
		command("domains.dns.getHosts", partsOf(zone), readHosts, signal, { isUrgent });
	const servicesOf = async (zone: ApiZone, signal: AbortSignal, isUrgent: boolean) =>
		command("domains.dns.getsrvrecords", partsOf(zone), readServices, signal, { isUrgent });

	/** None where it does not tell: a command that is not documented keeps nothing from being written. */
	async function servicesBefore(
		zone: ApiZone,
		read: HostList,
		signal: AbortSignal,
	): Promise<readonly Host[]> {
		const untilMs = clock.uptimeMs() + FRESH_MS;
		const services = await servicesOf(zone, signal, true).catch(untold);
		if (clock.uptimeMs() <= untilMs) return services;
		const now = await hostsOf(zone, signal, true);
		if (JSON.stringify(now) === JSON.stringify(read)) return services;
		throw new KeyturnError(
			"provider.refused",
			`${provider}: the hosts of ${zone.name} changed while it told its SRV records`,
			{ retry: true, hint: "nothing is written over what was changed; it is read again" },
		);
	}

	const compare = async (zone: ApiZone, hosts: readonly Host[], signal: AbortSignal) =>
		keptHosts.compare(zone.name, hosts, async () => servicesOf(zone, signal, false));

	return {
		async read(zone, signal) {
			const { hostCount } = await command("domains.getInfo", { DomainName: zone.id }, readInfo, signal);
			const whole = await hostsOf(zone, signal);
			if (whole.hosts.length !== hostCount)
				throw new KeyturnError(
					"provider.refused",
					`${provider}: ${zone.name} has ${hostCount} hosts, and its list shows ${whole.hosts.length}`,
					{
						retry: true,
						hint: "nothing is written on a list that may be incomplete: the others would be lost",
					},
				);
			await compare(zone, whole.hosts, signal);
			const txt = whole.hosts
				.filter(({ type }) => type === "TXT")
				.map((entry) => ({ name: absoluteName(entry.name, zone.name), value: entry.address, entry }));
			return { txt, whole };
		},
		async write(zone, whole, { gone, come }, signal) {
			const { hosts, emailType } = whole;
			refuseLoss(provider, zone, hosts);
			const kept = hosts.filter((host) => !gone.includes(host));
			const wanted = [...kept, ...come.map((record) => hostFor(zone, record))];
			const services = await servicesBefore(zone, whole, signal);
			const copy = await copies.keep(provider, zone.name, { hosts, emailType, services });
			const fields = {
				...partsOf(zone),
				...(emailType === null ? {} : { EmailType: emailType }),
				...Object.assign({}, ...wanted.map(fieldsOf)),
			};
			keptHosts.note(zone.name, [...kept, ...services], copy);
			try {
				await command("domains.dns.setHosts", fields, readWritten, signal, { isUrgent: true });
			} catch (thrown) {
				if (asKeyturnError(thrown).code !== "provider.unreachable") keptHosts.forget(zone.name);
				throw thrown;
			}
			await compare(zone, (await hostsOf(zone, signal)).hosts, signal);
		},
	};
}

function untold(thrown: unknown): readonly Host[] {
	const { code } = asKeyturnError(thrown);
	if (!["provider.denied", "provider.refused", "provider.unreachable"].includes(code)) throw thrown;
	return [];
}

/** Zones are registered domains: what stands before the first dot is the name, the rest what it was registered under. */
function partsOf({ id }: ApiZone): Fields {
	const dot = id.indexOf(".");
	return { SLD: id.slice(0, dot), TLD: id.slice(dot + 1) };
}

function refuseLoss(provider: string, zone: ApiZone, hosts: readonly Host[]): void {
	const [host] = hosts.filter((one) => one.isDynamic || !one.isActive || !TYPES.includes(one.type));
	if (host === undefined) return;
	const what = host.isDynamic ? "dynamic DNS" : host.isActive ? `a record of type ${host.type}` : "is off";
	throw new KeyturnError(
		"provider.refused",
		`${provider}: ${zone.name} has at ${host.name} what its interface cannot write back (${what})`,
		{ hint: "delegate _domainkey to another provider, or take that host out" },
	);
}

function hostFor(zone: ApiZone, { name, value, ttlSeconds }: WantedRecord): Host {
	return {
		name: relativeName(name, zone.name) || "@",
		type: "TXT",
		address: value,
		mxPref: "10",
		ttl: String(Math.min(ttlSeconds, LONGEST_TTL_SECONDS)),
		isDynamic: false,
		isActive: true,
	};
}

function fieldsOf(host: Host, index: number): Fields {
	const number = index + 1;
	return {
		[`HostName${number}`]: host.name,
		[`RecordType${number}`]: host.type,
		[`Address${number}`]: host.address,
		[`MXPref${number}`]: host.mxPref,
		[`TTL${number}`]: host.ttl,
	};
}

/** Failures come with the status 200, and too many calls with 405. */
function judge({ status, content }: ApiAnswer): Verdict | null {
	if (status === 405) return { kind: "limited", why: null, waitMs: LIMITED_MS };
	if (status !== 200) return null;
	const failure = failureIn(content);
	if (failure === null) return null;
	const why = `${failure.message} (${failure.number})`;
	if (BAD_CREDENTIAL.test(failure.number)) return { kind: "denied", why };
	if (NO_SUCH_DOMAIN.includes(failure.number)) return { kind: "gone", why };
	if (TOO_MANY.includes(failure.number)) return { kind: "limited", why, waitMs: LIMITED_MS };
	return { kind: "refused", why };
}

/** What is not understood at all is left to whoever reads it. */
function failureIn(content: unknown): ReturnType<typeof readFailure> {
	try {
		return readFailure(content);
	} catch {
		return null;
	}
}
