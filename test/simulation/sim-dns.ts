/**
 * The simulated DNS: zones with a primary and lagging secondaries, recursive resolvers that cache presence and absence,
 * and servers that fail in each of their ways. What a server *holds* is told apart from what it answers while it fails.
 */

import { splitTxt } from "../../src/dkim/txt-strings.ts";
import type { Answer, Question, Resolver, ResourceRecord, Server } from "../../src/ports/resolver.ts";
import type { Chance } from "./chance.ts";
import type { SimTime } from "./sim-time.ts";

export interface TxtSet {
	readonly values: readonly string[];
	readonly ttlSeconds: number;
}

/** One version of a zone: what a transfer carries. */
export interface ZoneVersion {
	readonly serial: number;
	readonly txt: ReadonlyMap<string, TxtSet>;
}

export type ServerMood = "well" | "down" | "servfail" | "refused" | "lies_absent" | "lies_other" | "stalled";

export interface SimServer {
	readonly name: string;
	readonly address: string;
	held: ZoneVersion;
	mood: ServerMood;
	/** From the change at the primary to the change here. */
	lagMs: number;
	/** Which of the zone's DNS hosts it belongs to. */
	readonly dnsHost: DnsHost;
}

/** A zone has one DNS host or two, of which neither knows what the other is told. */
export type DnsHost = 0 | 1;

export interface ZonePlan {
	readonly name: string;
	readonly servers: number;
	readonly minimumSeconds: number;
	/** Below which name of another zone the selectors of this one have their records: each has a CNAME there. */
	readonly aliasTo: string | null;
	readonly hasTwoHosts?: boolean;
}

export interface SimZone {
	readonly name: string;
	readonly minimumSeconds: number;
	readonly aliasTo: string | null;
	/** The first of each DNS host is its primary. */
	readonly servers: readonly SimServer[];
	current: ZoneVersion;
	/** What its second DNS host has; null where there is none. */
	second: ZoneVersion | null;
	/** Grows with every change of what one of its servers holds. */
	changes: number;
}

/** One TXT question that somebody asked an authoritative server, and what came: the evidence of what was looked at. */
export interface Asked {
	readonly atMs: number;
	/** The same without the time for which the host has slept. */
	readonly awakeMs: number;
	readonly by: string;
	readonly zone: string;
	readonly server: string;
	readonly name: string;
	/** The values; null for anything that says neither yes nor no. */
	readonly said: readonly string[] | null;
}

export interface SimDns {
	readonly zones: readonly SimZone[];
	/** The zone that holds a name. */
	zoneOf(name: string): SimZone | null;
	/** Where the record of a name stands: at the name itself, or where its CNAME leads. */
	targetOf(name: string): string;
	/** The name whose CNAME leads there; the name itself if there is none. */
	originOf(target: string): string;
	/** What the provider does to its own zone; at every DNS host, if none is named. */
	write(zone: SimZone, name: string, set: TxtSet | null, dnsHost?: DnsHost): void;
	/** One value vanishes without anybody of ours having asked for it. */
	lose(zone: SimZone, name: string, value: string, dnsHost: DnsHost): void;
	/** Ends stalls: what a server missed it now fetches. */
	catchUp(zone: SimZone, server: SimServer): void;
	/** The resolver as one process has it. */
	resolverFor(by: string): Resolver;
	/** What a receiver behind a recursive resolver of the world gets: values, [] for absent, null for no answer. */
	receiverLookup(name: string): readonly string[] | null;
	/** Somebody guesses a name, and the world's resolvers remember that it was not there. */
	guess(name: string): void;
	/** The latest right or wrong answers to questions of `by`, newest last, for one name. */
	asked(name: string): readonly Asked[];
}

interface Cached {
	readonly values: readonly string[];
	readonly untilMs: number;
}

const TLD = "test";
const TLD_ADDRESS = "192.0.2.1";
const RESOLVER_ADDRESS = "192.0.2.2";
const ASKED_KEPT = 64;

export function createSimDns(given: {
	readonly time: SimTime;
	readonly chance: Chance;
	readonly zones: readonly ZonePlan[];
	/** Resolvers of receivers, each with a cache of its own. */
	readonly receivers: number;
}): SimDns {
	const { time, chance } = given;
	const zones = given.zones.map((zone, index) => createZone(zone, index));
	const byAddress = new Map<string, { zone: SimZone; server: SimServer }>();
	for (const zone of zones)
		for (const server of zone.servers) byAddress.set(server.address, { zone, server });
	const caches = Array.from({ length: given.receivers + 1 }, () => new Map<string, Cached>());
	const log = new Map<string, Asked[]>();
	const negativeTtlMs = (zone: SimZone) => zone.minimumSeconds * 1000;

	const homes = new Map<string, SimZone | null>();
	const zoneOf = (name: string): SimZone | null => {
		const home = homes.get(name);
		if (home !== undefined) return home;
		let best: SimZone | null = null;
		for (const zone of zones)
			if (isWithin(name, zone.name) && (best === null || zone.name.length > best.name.length)) best = zone;
		homes.set(name, best);
		return best;
	};

	const transfer = (zone: SimZone, server: SimServer) => {
		const wanted = versionAt(zone, server.dnsHost);
		if (server.mood === "stalled" || server.mood === "down" || server.held === wanted) return;
		server.held = wanted;
		zone.changes += 1;
	};

	const writeAt = (zone: SimZone, name: string, set: TxtSet | null, dnsHost: DnsHost) => {
		const before = versionAt(zone, dnsHost);
		const txt = new Map(before.txt);
		if (set === null || set.values.length === 0) txt.delete(name);
		else txt.set(name, set);
		const next = { serial: before.serial + 1, txt };
		if (dnsHost === 0) zone.current = next;
		else zone.second = next;
		zone.changes += 1;
		const [primary, ...others] = zone.servers.filter((server) => server.dnsHost === dnsHost);
		if (primary !== undefined) primary.held = next;
		for (const server of others) time.after(server.lagMs, () => transfer(zone, server));
	};

	const write = (zone: SimZone, name: string, set: TxtSet | null, dnsHost?: DnsHost) => {
		if (dnsHost !== 1) writeAt(zone, name, set, 0);
		if (dnsHost !== 0 && zone.second !== null) writeAt(zone, name, set, 1);
	};

	const remember = (asked: Asked) => {
		const list = log.get(asked.name) ?? [];
		list.push(asked);
		if (list.length > 2 * ASKED_KEPT) list.splice(0, ASKED_KEPT);
		log.set(asked.name, list);
	};

	const askAuthority = (zone: SimZone, server: SimServer, question: Question, by: string): Answer => {
		const answer = answerOf(zone, server, question, zones);
		if (question.type === "TXT") {
			const isDefinite = answer.kind === "message" && answer.authoritative;
			const said = isDefinite ? (setAt(shownBy(server), question.name)?.values ?? []) : null;
			remember({
				atMs: time.elapsedMs(),
				awakeMs: time.awakeMs(),
				by,
				zone: zone.name,
				server: server.name,
				name: question.name,
				said,
			});
		}
		return answer;
	};

	const targetOf = (name: string): string => {
		const zone = zoneOf(name);
		return zone === null ? name : (aliasAt(zone, zone.current, name) ?? name);
	};

	const originOf = (target: string): string => {
		const aliased = zones.find(({ aliasTo }) => aliasTo !== null && target.endsWith(`.${aliasTo}`));
		if (aliased === undefined) return target;
		return `${target.slice(0, -(aliased.aliasTo ?? "").length)}_domainkey.${aliased.name}`;
	};

	/** What the cache or a server of its choice tells a recursive resolver about TXT at a name. */
	const recurse = (cache: Map<string, Cached>, asked: string): readonly string[] | null => {
		const name = targetOf(asked);
		const now = time.elapsedMs();
		const cached = cache.get(name);
		if (cached !== undefined && cached.untilMs > now) return cached.values;
		const zone = zoneOf(name);
		if (zone === null) return [];
		const well = zone.servers.filter((server) => server.mood === "well" || server.mood === "stalled");
		if (well.length === 0) return null;
		const set = setAt(chance.pick(well).held, name);
		const values = set?.values ?? [];
		cache.set(name, {
			values,
			untilMs: now + (set === undefined ? negativeTtlMs(zone) : set.ttlSeconds * 1000),
		});
		return values;
	};

	const ask = (server: Server, question: Question, by: string): Answer => {
		if ("url" in server) return { kind: "unreachable", why: "no route" };
		if (server.address === RESOLVER_ADDRESS) {
			const cache = caches[0] ?? new Map<string, Cached>();
			if (question.type === "TXT") {
				const values = recurse(cache, question.name);
				return values === null
					? { kind: "servfail" }
					: recursiveAnswer(question.name, targetOf(question.name), values, zoneOf(targetOf(question.name)));
			}
			return { ...resolved(question, zones, zoneOf) };
		}
		if (server.address === TLD_ADDRESS) return answerOfTld(question, zones);
		const found = byAddress.get(server.address);
		if (found === undefined) return { kind: "unreachable", why: "no route to host" };
		return askAuthority(found.zone, found.server, question, by);
	};

	return {
		zones,
		zoneOf,
		targetOf,
		originOf,
		write,
		lose: (zone, name, value, dnsHost) => {
			const set = versionAt(zone, dnsHost).txt.get(name);
			if (set?.values.includes(value))
				write(zone, name, { ...set, values: set.values.filter((other) => other !== value) }, dnsHost);
		},
		catchUp: transfer,
		resolverFor: (by) => ({
			ask: async (server, question) => ask(server, question, by),
			systemResolvers: async () => [{ address: RESOLVER_ADDRESS, port: 53 }],
		}),
		receiverLookup: (name) => recurse(caches[chance.between(1, caches.length - 1)] ?? new Map(), name),
		guess: (name) => {
			for (const cache of caches.slice(1)) if (chance.happens(0.5)) recurse(cache, name);
		},
		asked: (name) => log.get(name) ?? [],
	};
}

/** What a DNS host of the zone has. */
export function versionAt(zone: SimZone, dnsHost: DnsHost): ZoneVersion {
	return dnsHost === 1 && zone.second !== null ? zone.second : zone.current;
}

function createZone(zone: ZonePlan, index: number): SimZone {
	const current: ZoneVersion = { serial: 1, txt: new Map() };
	return {
		name: zone.name,
		minimumSeconds: zone.minimumSeconds,
		aliasTo: zone.aliasTo,
		current,
		second: zone.hasTwoHosts === true ? current : null,
		changes: 0,
		servers: Array.from({ length: zone.servers }, (_, number) => ({
			name: `ns${number + 1}.${zone.name}`,
			address: `198.51.${100 + index}.${number + 1}`,
			held: current,
			mood: "well",
			lagMs: 0,
			dnsHost: zone.hasTwoHosts === true && number % 2 === 1 ? 1 : 0,
		})),
	};
}

function answerOf(zone: SimZone, server: SimServer, question: Question, zones: readonly SimZone[]): Answer {
	if (server.mood === "down") return { kind: "timeout" };
	if (server.mood === "servfail") return { kind: "servfail" };
	if (server.mood === "refused" || !isWithin(question.name, zone.name)) return { kind: "refused" };
	const child = zones.find(
		(other) =>
			other.name !== zone.name && isWithin(other.name, zone.name) && isWithin(question.name, other.name),
	);
	if (child !== undefined && !(question.type === "DS" && question.name === child.name))
		return referral(child);
	return answerFrom(zone, shownBy(server), question, true);
}

/** What a server that answers shows of its zone. */
function shownBy({ mood, held }: SimServer): ZoneVersion {
	if (mood === "lies_absent") return { serial: held.serial, txt: new Map() };
	if (mood !== "lies_other") return held;
	return { serial: held.serial, txt: new Map([...held.txt].map(([name]) => [name, OTHER])) };
}

/** Somebody else's key. */
const OTHER: TxtSet = {
	values: ["v=DKIM1;k=ed25519;p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="],
	ttlSeconds: 300,
};

/** What stands at a name, if only by a wildcard. */
function setAt(version: ZoneVersion, name: string): TxtSet | undefined {
	return version.txt.get(name) ?? version.txt.get(`*${name.slice(name.indexOf("."))}`);
}

/** Where the CNAME of a selector leads; null if there is none. */
function aliasAt(zone: SimZone, version: ZoneVersion, name: string): string | null {
	const suffix = `_domainkey.${zone.name}`;
	if (zone.aliasTo === null || !name.endsWith(`.${suffix}`) || setAt(version, name) !== undefined)
		return null;
	return name.slice(0, -suffix.length) + zone.aliasTo;
}

function answerFrom(zone: SimZone, version: ZoneVersion, question: Question, authoritative: boolean): Answer {
	const { name, type } = question;
	const answers: ResourceRecord[] = [];
	const set = setAt(version, name);
	const alias = set === undefined ? aliasAt(zone, version, name) : null;
	const host = zone.servers.find((server) => server.name === name);
	if (type === "TXT" && set !== undefined) answers.push(...txtRecords(name, set));
	if (alias !== null) answers.push(cname(name, alias));
	if (type === "SOA" && name === zone.name) answers.push(soa(zone, version.serial));
	if (type === "NS" && name === zone.name) answers.push(...nsRecords(zone));
	if (type === "A" && host !== undefined) answers.push(address(host));
	const exists = answers.length > 0 || host !== undefined || standsAbove(zone, version, name);
	return {
		kind: "message",
		rcode: exists ? "NOERROR" : "NXDOMAIN",
		authoritative,
		authenticated: false,
		answers,
		authority: answers.length > 0 ? [] : [soa(zone, version.serial)],
		additional: type === "NS" && answers.length > 0 ? zone.servers.map(address) : [],
		transport: "udp",
	};
}

/** Whether the name exists, if only because something stands below it. */
function standsAbove(zone: SimZone, version: ZoneVersion, name: string): boolean {
	if (name === zone.name || version.txt.has(name)) return true;
	for (const owner of version.txt.keys()) if (owner.endsWith(`.${name}`)) return true;
	return false;
}

function referral(child: SimZone): Answer {
	return {
		kind: "message",
		rcode: "NOERROR",
		authoritative: false,
		authenticated: false,
		answers: [],
		authority: nsRecords(child),
		additional: child.servers.map(address),
		transport: "udp",
	};
}

/** The server of the top-level domain and of the root above it: one machine for both. */
function answerOfTld(question: Question, zones: readonly SimZone[]): Answer {
	const child = zones
		.filter((zone) => isWithin(question.name, zone.name))
		.sort((a, b) => a.name.length - b.name.length)[0];
	if (child !== undefined && !(question.type === "DS" && question.name === child.name))
		return referral(child);
	return answerFrom(tldZone(question.name), { serial: 1, txt: new Map() }, question, true);
}

function tldZone(name: string): SimZone {
	const current: ZoneVersion = { serial: 1, txt: new Map() };
	const server: SimServer = {
		name: `ns.${TLD}`,
		address: TLD_ADDRESS,
		held: current,
		mood: "well",
		lagMs: 0,
		dnsHost: 0,
	};
	return {
		name: isWithin(name, TLD) ? TLD : "",
		minimumSeconds: 900,
		aliasTo: null,
		current,
		second: null,
		changes: 0,
		servers: [server],
	};
}

/** A recursive resolver's answer about the tree itself: always fresh, since no zone moves in this world. */
function resolved(
	question: Question,
	zones: readonly SimZone[],
	zoneOf: (name: string) => SimZone | null,
): Answer {
	const { name, type } = question;
	const inside = zoneOf(name);
	const parent = zones.find((zone) => zone.name === name) && type === "DS" ? parentOf(name, zoneOf) : inside;
	if (type === "A" && name === `ns.${TLD}`)
		return answerFrom(tldZone(name), tldZone(name).current, question, false);
	const zone = parent ?? tldZone(name);
	const answer = answerFrom(zone, zone.current, question, false);
	return answer;
}

function parentOf(name: string, zoneOf: (name: string) => SimZone | null): SimZone | null {
	const dot = name.indexOf(".");
	return dot < 0 ? null : zoneOf(name.slice(dot + 1));
}

function recursiveAnswer(
	name: string,
	target: string,
	values: readonly string[],
	zone: SimZone | null,
): Answer {
	const alias = target === name ? [] : [cname(name, target)];
	return {
		kind: "message",
		rcode: values.length > 0 ? "NOERROR" : "NXDOMAIN",
		authoritative: false,
		authenticated: false,
		answers: [...alias, ...txtRecords(target, { values, ttlSeconds: 60 })],
		authority: values.length > 0 || zone === null ? [] : [soa(zone, zone.current.serial)],
		additional: [],
		transport: "udp",
	};
}

const knownRecords = new WeakMap<TxtSet, readonly ResourceRecord[]>();

/** A set stands at one name: its records are made once. */
function txtRecords(name: string, set: TxtSet): readonly ResourceRecord[] {
	const known = knownRecords.get(set);
	// That of a wildcard stands at many.
	if (known !== undefined && known[0]?.name === name) return known;
	const made = makeTxtRecords(name, set);
	knownRecords.set(set, made);
	return made;
}

function makeTxtRecords(name: string, set: TxtSet): readonly ResourceRecord[] {
	return set.values.map((value) => ({
		name,
		type: "TXT",
		ttlSeconds: set.ttlSeconds,
		data: { kind: "txt", strings: splitTxt(value) },
	}));
}

function cname(name: string, target: string): ResourceRecord {
	return { name, type: "CNAME", ttlSeconds: 300, data: { kind: "name", target } };
}

function soa(zone: SimZone, serial: number): ResourceRecord {
	return {
		name: zone.name,
		type: "SOA",
		ttlSeconds: zone.minimumSeconds,
		data: {
			kind: "soa",
			primary: zone.servers[0]?.name ?? `ns.${TLD}`,
			serial,
			minimumSeconds: zone.minimumSeconds,
		},
	};
}

function nsRecords(zone: SimZone): ResourceRecord[] {
	return zone.servers.map((server) => ({
		name: zone.name,
		type: "NS",
		ttlSeconds: 3600,
		data: { kind: "name", target: server.name },
	}));
}

function address(server: SimServer): ResourceRecord {
	return {
		name: server.name,
		type: "A",
		ttlSeconds: 3600,
		data: { kind: "address", address: server.address },
	};
}

function isWithin(name: string, zone: string): boolean {
	return zone === "" || name === zone || name.endsWith(`.${zone}`);
}
