/**
 * The DNS of a test: zones as data on several servers, each behind by its own lag, and resolvers that cache what is and
 * what is not. Nothing in it waits: a server that is silent answers `timeout` at once, and only the clock makes lags and
 * caches pass.
 */

import { splitTxt } from "../../src/dkim/txt-strings.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type {
	Answer,
	Question,
	RecordData,
	Resolver,
	ResourceRecord,
	Server,
} from "../../src/ports/resolver.ts";
import { NO_ROUTE } from "../../src/ports/wire.ts";

export type WorldType = "TXT" | "CNAME" | "DNAME" | "A" | "AAAA";

export type Fault =
	| "servfail"
	| "refused"
	| "notimp"
	| "timeout"
	| "unreachable"
	| "no_route"
	| "truncated"
	| "malformed"
	/** Answers as if from a cache: without AA. */
	| "lame";

export type BadDnssec = "expired" | "early" | "foreign" | "missing";

export interface WorldZone {
	readonly name: string;
	/** Names of its servers, as its own NS records have them. */
	readonly servers: readonly string[];
	/** As the parent has them; the same if left out. */
	readonly delegated?: readonly string[];
	/** Addresses that the parent has of its servers, where they are not those of now. */
	readonly glue?: Readonly<Record<string, readonly string[]>>;
	/** Servers that have the zone, too, though no NS record names them. */
	readonly unnamed?: readonly string[];
	/** Servers of the zone above that know nothing of it: neither have they the zone, nor its delegation. */
	readonly unknownTo?: readonly string[];
	/** SOA minimum and TTL; a minute if left out. */
	readonly negativeTtlSeconds?: number;
	/** All but "good": the parent has a DS, the signatures are not good. "foreign" ones are of another type's records. */
	readonly dnssec?: "good" | BadDnssec;
}

export interface Call {
	readonly atMs: number;
	/** "192.0.2.1" or "192.0.2.1:5300" */
	readonly server: string;
	readonly question: Question;
}

export interface DnsWorld {
	readonly resolver: Resolver;
	/** Every question asked of anything, in order; the test may empty it. */
	readonly calls: Call[];
	/** A server host; the addresses answer on port 53 unless they are "address:port". */
	addServer(name: string, addresses: readonly string[]): void;
	/** A zone; its top-level domain comes into being with it. */
	addZone(zone: WorldZone): void;
	/** A caching resolver; `system` puts it into the host's resolv.conf. */
	addResolver(address: string, options?: { readonly system?: boolean; readonly validates?: boolean }): void;
	/** Replaces what stands at name and type, from now on; an empty list removes it. `always` makes it as old as the zone. */
	set(
		name: string,
		type: WorldType,
		values: readonly string[],
		options?: { readonly ttlSeconds?: number; readonly always?: boolean },
	): void;
	/** What the primary has now. */
	get(name: string, type: WorldType): readonly string[];
	/** The zone that a name lies in; null if none. */
	zoneOf(name: string): string | null;
	/** How far all zones of this server host are behind; `frozen` takes no change from now on. */
	lag(server: string, behindMs: number | "frozen"): void;
	/** By server host or single address; null heals it. */
	fault(serverOrAddress: string, fault: Fault | null): void;
	/** Empties every resolver's cache. */
	flushCaches(): void;
}

interface Edit {
	readonly atMs: number;
	/** Its place among all edits of the world: several may happen in one millisecond. */
	readonly order: number;
	readonly ttlSeconds: number;
	readonly values: readonly string[];
}

interface ZoneData extends WorldZone {
	/** By name, then by type, oldest first. */
	readonly edits: Map<string, Map<WorldType, Edit[]>>;
}

interface Host {
	readonly name: string;
	readonly addresses: readonly string[];
	lagMs: number;
	/** The last edit that it takes. */
	lastOrder: number;
}

/** Up to where a server knows its zones. */
interface View {
	readonly atMs: number;
	readonly order: number;
}

interface Cached {
	readonly answer: Answer;
	readonly untilMs: number;
}

interface Recursor {
	readonly validates: boolean;
	readonly cache: Map<string, Cached>;
}

type Message = Extract<Answer, { kind: "message" }>;

const REGISTRY = { name: "a.registry.invalid", address: "198.51.100.1" };
const DAY_MS = 86_400_000;

export function createDnsWorld({ clock }: { readonly clock: Clock }): DnsWorld {
	const zones = new Map<string, ZoneData>();
	const hosts = new Map<string, Host>();
	const hostByAddress = new Map<string, Host>();
	const faults = new Map<string, Fault>();
	const recursors = new Map<string, Recursor>();
	const system: Server[] = [];
	const calls: Call[] = [];
	let turn = 0;
	let order = 0;

	function addServer(name: string, addresses: readonly string[]): void {
		const host: Host = { name, addresses, lagMs: 0, lastOrder: Infinity };
		hosts.set(name, host);
		for (const address of addresses) hostByAddress.set(address, host);
	}

	function addZone(zone: WorldZone): void {
		const top = zone.name.split(".").at(-1) ?? "";
		if (zone.name !== top && !zones.has(top)) {
			if (!hosts.has(REGISTRY.name)) addServer(REGISTRY.name, [REGISTRY.address]);
			zones.set(top, { name: top, servers: [REGISTRY.name], edits: new Map() });
		}
		zones.set(zone.name, {
			...zone,
			edits: zones.get(zone.name)?.edits ?? new Map<string, Map<WorldType, Edit[]>>(),
		});
	}

	function deepestZone(name: string, isFit: (zone: ZoneData) => boolean = () => true): ZoneData | null {
		const labels = name.split(".");
		for (let index = 0; index < labels.length; index++) {
			const zone = zones.get(labels.slice(index).join("."));
			if (zone !== undefined && isFit(zone)) return zone;
		}
		return null;
	}

	function viewOf(host: Host): View {
		return { atMs: clock.uptimeMs() - host.lagMs, order: host.lastOrder };
	}

	function hosted(zone: ZoneData, host: Host): boolean {
		return [...zone.servers, ...(zone.unnamed ?? [])].includes(host.name);
	}

	function answerAs(host: Host, question: Question): Answer {
		const isCut = question.type === "DS" ? (zone: ZoneData) => zone.name !== question.name : () => true;
		const zone = deepestZone(question.name, (candidate) => hosted(candidate, host) && isCut(candidate));
		if (zone === null) return { kind: "refused" };
		const isKnown = (cut: ZoneData) => isCut(cut) && cut.unknownTo?.includes(host.name) !== true;
		const child = cutBelow(zone, question, isKnown);
		return child === null ? answerFrom(zone, host, question) : referral(child, question);
	}

	/** The highest zone between a server's own zone and the name. */
	function cutBelow(zone: ZoneData, question: Question, isCut: (zone: ZoneData) => boolean): ZoneData | null {
		const labels = question.name.split(".");
		for (let index = labels.length - zone.name.split(".").length - 1; index >= 0; index--) {
			const child = zones.get(labels.slice(index).join("."));
			if (child !== undefined && isCut(child)) return child;
		}
		return null;
	}

	function referral(child: ZoneData, question: Question): Answer {
		const names = child.delegated ?? child.servers;
		const glue = names.flatMap((name) => addressRecords(name, ["A", "AAAA"], child.glue?.[name]));
		const ds = child.dnssec !== undefined && question.dnssec ? [other(child.name, "DS")] : [];
		return message({
			authoritative: false,
			authority: [...names.map((name) => nameRecord(child.name, "NS", name)), ...ds],
			additional: glue,
		});
	}

	function answerFrom(zone: ZoneData, host: Host, question: Question): Answer {
		const { name, type } = question;
		if (type === "NS" && name === zone.name)
			return message({
				answers: zone.servers.map((server) => nameRecord(name, "NS", server)),
				additional: zone.servers.flatMap((server) => addressRecords(server, ["A", "AAAA"])),
			});
		if (type === "SOA" && name === zone.name) return message({ answers: [soa(zone, host)] });
		if (type === "DS" && zones.get(name)?.dnssec !== undefined)
			return message({ answers: [other(name, "DS")] });
		const found = lookUp(zone, name, question, viewOf(host));
		if (found.answers.length === 0)
			return message({ rcode: found.exists ? "NOERROR" : "NXDOMAIN", authority: [soa(zone, host)] });
		return message({ answers: found.answers });
	}

	function lookUp(
		zone: ZoneData,
		name: string,
		question: Question,
		view: View,
	): { readonly answers: readonly ResourceRecord[]; readonly exists: boolean } {
		const dname = ancestors(name, zone.name).find((owner) => editAt(zone, owner, "DNAME", view) !== null);
		if (dname !== undefined) {
			const records = recordsAt(zone, dname, dname, "DNAME", view, question);
			const target = `${name.slice(0, -dname.length)}${editAt(zone, dname, "DNAME", view)?.values[0] ?? ""}`;
			return { answers: [...records, nameRecord(name, "CNAME", target)], exists: true };
		}
		const exists = hasName(zone, name, view);
		const encloser = ancestors(name, zone.name).find(
			(owner) => owner === zone.name || hasName(zone, owner, view),
		);
		const owner = exists ? name : `*.${encloser ?? zone.name}`;
		const alias = recordsAt(zone, owner, name, "CNAME", view, question);
		if (alias.length > 0) return { answers: alias, exists: true };
		const type = question.type;
		const answers = isWorldType(type) ? recordsAt(zone, owner, name, type, view, question) : [];
		return { answers, exists: exists || name === zone.name || hasName(zone, owner, view) };
	}

	function recordsAt(
		zone: ZoneData,
		owner: string,
		name: string,
		type: WorldType,
		view: View,
		question: Question,
	): readonly ResourceRecord[] {
		const edit = editAt(zone, owner, type, view);
		if (edit === null) return [];
		const records = edit.values.map((value) => ({
			name,
			type,
			ttlSeconds: edit.ttlSeconds,
			data: dataOf(type, value),
		}));
		return question.dnssec && zone.dnssec !== undefined && zone.dnssec !== "missing"
			? [...records, signature(name, type, zone.dnssec)]
			: records;
	}

	function signature(
		name: string,
		type: string,
		state: "good" | Exclude<BadDnssec, "missing">,
	): ResourceRecord {
		const now = clock.now().getTime();
		const covers = state === "foreign" ? "NSEC" : type;
		const validFrom = new Date(state === "early" ? now + DAY_MS : now - 7 * DAY_MS);
		const expiresAt = new Date(state === "expired" ? now - DAY_MS : now + 7 * DAY_MS);
		return { name, type: "RRSIG", ttlSeconds: 60, data: { kind: "rrsig", covers, validFrom, expiresAt } };
	}

	function soa(zone: ZoneData, host: Host): ResourceRecord {
		const ttlSeconds = zone.negativeTtlSeconds ?? 60;
		const view = viewOf(host);
		let serial = 1;
		for (const types of zone.edits.values())
			for (const edits of types.values()) serial += edits.filter((edit) => isSeen(edit, view)).length;
		return {
			name: zone.name,
			type: "SOA",
			ttlSeconds,
			data: { kind: "soa", primary: zone.servers[0] ?? "", serial, minimumSeconds: ttlSeconds },
		};
	}

	function addressRecords(
		name: string,
		types: readonly ("A" | "AAAA")[],
		addresses = hosts.get(name)?.addresses ?? [],
	): readonly ResourceRecord[] {
		const plain = addresses.filter((address) => !/^[\d.]+:\d+$/.test(address));
		return plain.flatMap((address) => {
			const type = address.includes(":") ? "AAAA" : "A";
			return types.includes(type)
				? [{ name, type, ttlSeconds: 3600, data: { kind: "address", address } as const }]
				: [];
		});
	}

	function askServer(address: string, question: Question): Answer {
		const host = hostByAddress.get(address);
		if (host === undefined) return { kind: "unreachable", why: `nothing listens on ${address}` };
		const fault = faults.get(address) ?? faults.get(host.name);
		if (fault === "lame") {
			const answer = answerAs(host, question);
			return answer.kind === "message" ? { ...answer, authoritative: false } : answer;
		}
		return fault === undefined ? answerAs(host, question) : faultAnswer(fault, address);
	}

	function askRecursor(recursor: Recursor, question: Question): Answer {
		const answer = recurse(recursor, question, 0);
		if (answer.kind !== "message") return answer;
		const keep = (record: ResourceRecord): boolean => question.dnssec || record.type !== "RRSIG";
		return { ...answer, authoritative: false, answers: answer.answers.filter(keep) };
	}

	function recurse(recursor: Recursor, question: Question, depth: number): Answer {
		if (depth > 8) return { kind: "servfail" };
		const { name, type } = question;
		if ((type === "A" || type === "AAAA") && hosts.has(name))
			return message({ answers: addressRecords(name, [type]) });
		const cached = fromCache(recursor, name, type);
		if (cached !== null) return cached;
		const isCut = type === "DS" ? (zone: ZoneData) => zone.name !== name : () => true;
		const zone = deepestZone(name, isCut);
		if (zone === null) return message({ rcode: "NXDOMAIN" });
		const answer = askSomeServer(zone, { ...question, recursive: false, dnssec: true });
		if (answer.kind !== "message") return answer;
		if (recursor.validates && zone.dnssec !== undefined && zone.dnssec !== "good")
			return { kind: "servfail" };
		const alias = answer.answers.find((record) => record.type === "CNAME" && record.name === name);
		const rest =
			alias?.data.kind === "name" && type !== "CNAME"
				? recurse(recursor, { ...question, name: alias.data.target }, depth + 1)
				: null;
		if (rest !== null && rest.kind !== "message") return rest;
		const whole: Message = {
			...(rest ?? answer),
			answers: [...answer.answers, ...(rest?.answers ?? [])],
			authenticated: recursor.validates && zone.dnssec === "good" && (rest?.authenticated ?? true),
		};
		remember(recursor, name, type, whole);
		return whole;
	}

	function fromCache(recursor: Recursor, name: string, type: string): Answer | null {
		const now = clock.uptimeMs();
		const own = recursor.cache.get(`${name} ${type}`);
		if (own !== undefined && own.untilMs > now) return own.answer;
		// RFC 8020: below a name that does not exist, nothing does.
		for (const owner of [name, ...ancestors(name, "")]) {
			const absent = recursor.cache.get(`${owner} NXDOMAIN`);
			if (absent !== undefined && absent.untilMs > now) return absent.answer;
		}
		return null;
	}

	function remember(recursor: Recursor, name: string, type: string, answer: Message): void {
		const negative = answer.authority.find((record) => record.data.kind === "soa")?.ttlSeconds ?? 0;
		const ttls = answer.answers.map((record) => record.ttlSeconds);
		const isNegative = !answer.answers.some((record) => record.type === type);
		const seconds = isNegative ? Math.min(negative, ...ttls) : Math.min(...ttls);
		const key = answer.rcode === "NXDOMAIN" && answer.answers.length === 0 ? "NXDOMAIN" : type;
		recursor.cache.set(`${name} ${key}`, { answer, untilMs: clock.uptimeMs() + seconds * 1000 });
	}

	/** Another one each time, as resolvers do; the next where one gives nothing. */
	function askSomeServer(zone: ZoneData, question: Question): Answer {
		const addresses = (zone.delegated ?? zone.servers).flatMap(
			(server) => hosts.get(server)?.addresses ?? [],
		);
		turn++;
		for (let index = 0; index < addresses.length; index++) {
			const answer = askServer(addresses[(turn + index) % addresses.length] ?? "", question);
			if (answer.kind === "message" && answer.authoritative) return answer;
		}
		return { kind: "servfail" };
	}

	const resolver: Resolver = {
		async ask(server, question, signal) {
			if ("url" in server) return { kind: "malformed", why: "not built" };
			const address = server.port === 53 ? server.address : `${server.address}:${server.port}`;
			calls.push({ atMs: clock.uptimeMs(), server: address, question });
			if (signal.aborted) return { kind: "timeout" };
			const recursor = recursors.get(address);
			if (recursor === undefined) return askServer(address, question);
			const fault = faults.get(address);
			return fault === undefined || fault === "lame"
				? askRecursor(recursor, question)
				: faultAnswer(fault, address);
		},
		async systemResolvers() {
			return system;
		},
	};

	return {
		resolver,
		calls,
		addServer,
		addZone,
		addResolver(address, options = {}) {
			recursors.set(address, { validates: options.validates ?? false, cache: new Map() });
			if (options.system === true) system.push({ address, port: 53 });
		},
		set(name, type, values, options = {}) {
			const zone = deepestZone(name);
			if (zone === null) throw new Error(`the world has no zone for ${name}`);
			const types = zone.edits.get(name) ?? new Map<WorldType, Edit[]>();
			zone.edits.set(name, types);
			const atMs = options.always === true ? -Infinity : clock.uptimeMs();
			types.set(type, [
				...(types.get(type) ?? []),
				{ atMs, order: ++order, ttlSeconds: options.ttlSeconds ?? 3600, values },
			]);
		},
		get(name, type) {
			const zone = deepestZone(name);
			return zone === null ? [] : (editAt(zone, name, type, { atMs: clock.uptimeMs(), order })?.values ?? []);
		},
		zoneOf: (name) => deepestZone(name)?.name ?? null,
		lag(server, behindMs) {
			const host = hosts.get(server);
			if (host === undefined) throw new Error(`the world has no server ${server}`);
			host.lastOrder = behindMs === "frozen" ? order : Infinity;
			host.lagMs = behindMs === "frozen" ? 0 : behindMs;
		},
		fault(serverOrAddress, fault) {
			if (fault === null) faults.delete(serverOrAddress);
			else faults.set(serverOrAddress, fault);
		},
		flushCaches() {
			for (const recursor of recursors.values()) recursor.cache.clear();
		},
	};
}

function editAt(zone: ZoneData, name: string, type: WorldType, view: View): Edit | null {
	const edit = zone.edits
		.get(name)
		?.get(type)
		?.findLast((candidate) => isSeen(candidate, view));
	return edit === undefined || edit.values.length === 0 ? null : edit;
}

function isSeen(edit: Edit, view: View): boolean {
	return edit.atMs <= view.atMs && edit.order <= view.order;
}

/** A name exists if it or anything below it has a record (RFC 8020). */
function hasName(zone: ZoneData, name: string, view: View): boolean {
	for (const [owner, types] of zone.edits)
		if (owner === name || owner.endsWith(`.${name}`))
			for (const type of types.keys()) if (editAt(zone, owner, type, view) !== null) return true;
	return false;
}

/** Above the name, nearest first, down to `end`. */
function ancestors(name: string, end: string): readonly string[] {
	const labels = name.split(".");
	const all = labels.slice(1).map((_, index) => labels.slice(index + 1).join("."));
	return all.filter((owner) => end === "" || owner === end || owner.endsWith(`.${end}`));
}

function faultAnswer(fault: Exclude<Fault, "lame">, address: string): Answer {
	switch (fault) {
		case "servfail":
		case "refused":
		case "timeout":
		case "truncated":
			return { kind: fault };
		case "notimp":
			return { kind: "rcode", rcode: "NOTIMP" };
		case "unreachable":
			return { kind: "unreachable", why: `nothing listens on ${address}` };
		case "no_route":
			return { kind: "unreachable", why: `${NO_ROUTE} to ${address}` };
		case "malformed":
			return { kind: "malformed", why: "it answers another question" };
	}
}

function message(part: Partial<Omit<Message, "kind">>): Message {
	return {
		kind: "message",
		rcode: "NOERROR",
		authoritative: true,
		authenticated: false,
		answers: [],
		authority: [],
		additional: [],
		transport: "udp",
		...part,
	};
}

function nameRecord(name: string, type: "NS" | "CNAME", target: string): ResourceRecord {
	return { name, type, ttlSeconds: 3600, data: { kind: "name", target } };
}

function other(name: string, type: string): ResourceRecord {
	return { name, type, ttlSeconds: 3600, data: { kind: "other" } };
}

function dataOf(type: WorldType, value: string): RecordData {
	switch (type) {
		case "TXT":
			return { kind: "txt", strings: splitTxt(value) };
		case "CNAME":
		case "DNAME":
			return { kind: "name", target: value };
		case "A":
		case "AAAA":
			return { kind: "address", address: value };
	}
}

function isWorldType(type: string): type is WorldType {
	return ["TXT", "CNAME", "DNAME", "A", "AAAA"].includes(type);
}
