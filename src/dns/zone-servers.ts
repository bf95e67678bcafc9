/** Finds the zone that holds a name and every server that the world may ask for it: the parent's and the zone's own NS. */

import { isBelow } from "../dkim/names.ts";
import type { LookRequest } from "../ports/propagation.ts";
import type { Answer, ResourceRecord, Server } from "../ports/resolver.ts";
import { type Asker, type Place, serverName } from "./asker.ts";
import {
	askCut,
	compareCuts,
	type Cut,
	type Delegation,
	delegationOf,
	type Found,
	hasDs,
	isBegun,
	type NameServer,
	targets,
} from "./delegation.ts";
import { findRecords, findSoa } from "./observation.ts";

export type Verify = LookRequest["verify"];

export interface ZoneServers {
	readonly zone: string | null;
	/** No zone was found, and who was asked for it did not answer: there may be one. */
	readonly isUnknown: boolean;
	readonly servers: readonly NameServer[];
	/** Whether the parent has a DS. */
	readonly dnssec: boolean;
	readonly warnings: readonly string[];
}

/** How many servers of a zone above are asked before another way is taken, in IPv4 and in IPv6. */
const PARENT_TRIES = 3;
/**
 * Of one zone. Who has a delegation can name any number, each naming others: what is told of them all would be too much for
 * the memory, and for the document that keeps what is told. The root has thirteen.
 */
const MOST_SERVERS = 32;
const MOST_ADDRESSES = 512;

/** Never asks a recursive resolver for `name` itself, nor for anything below `_domainkey`: it would remember the absence. */
export async function findZoneServers(asker: Asker, name: string, verify: Verify): Promise<ZoneServers> {
	if (verify.nameservers !== "auto") return listedServers(asker, name, verify.nameservers, verify);
	try {
		return await walkDown(asker, name, await finders(asker, verify));
	} catch (thrown) {
		if (!(thrown instanceof TooMany)) throw thrown;
		return { zone: null, isUnknown: true, servers: [], dnssec: false, warnings: [thrown.message] };
	}
}

/** Nothing is known of a zone of whose servers only some were asked. */
class TooMany extends Error {}

/** The recursive resolvers of the configuration, or the system's where it has none: somebody has to know the way. */
export async function finders(asker: Asker, verify: Verify): Promise<readonly Server[]> {
	return resolverList(asker, verify.resolvers.length === 0 ? ["system"] : verify.resolvers);
}

export async function resolverList(asker: Asker, resolvers: Verify["resolvers"]): Promise<readonly Server[]> {
	const lists = await Promise.all(
		resolvers.map(async (resolver) => (resolver === "system" ? asker.systemResolvers() : [resolver])),
	);
	return lists.flat();
}

async function listedServers(
	asker: Asker,
	name: string,
	places: readonly Place[],
	verify: Verify,
): Promise<ZoneServers> {
	const servers = places.map((place) => ({ name: serverName(place), places: [place] }));
	const zone = await zoneByAsking(asker, name, places);
	if (zone === null) return { zone, isUnknown: true, servers, dnssec: false, warnings: [] };
	const resolvers = await resolverList(asker, verify.resolvers);
	const answers = [
		...(await Promise.all(places.map((place) => asker.ask(place, zone, "DS")))),
		...(await Promise.all(resolvers.map((resolver) => asker.askRecursive(resolver, zone, "DS")))),
	];
	const dnssec = answers.some((answer) => hasDs(answer, zone));
	return { zone, isUnknown: false, servers, dnssec, warnings: [] };
}

/** The deepest zone that any of the servers is authoritative for, by the SOA that comes with each answer. */
async function zoneByAsking(asker: Asker, name: string, places: readonly Place[]): Promise<string | null> {
	for (const suffix of suffixes(name)) {
		const answers = await Promise.all(places.map((place) => asker.ask(place, suffix, "SOA")));
		const zones = answers.flatMap((answer) => {
			const zone = findSoa(answer)?.zone;
			return zone !== undefined && isWithin(name, zone) ? [zone] : [];
		});
		const deepest = zones.toSorted((a, b) => b.length - a.length)[0];
		if (deepest !== undefined) return deepest;
	}
	return null;
}

async function walkDown(asker: Asker, name: string, resolvers: readonly Server[]): Promise<ZoneServers> {
	let current: Delegation | null = null;
	let silent: Delegation | null = null;
	let isUnknown = false;
	for (const suffix of suffixes(name).toReversed()) {
		const found: Delegation | "none" | "unanswered" =
			current === silent || current === null
				? "unanswered"
				: await askParent(asker, current, suffix, resolvers);
		if (found === "none") continue;
		if (found === "unanswered") {
			silent = current;
			if (suffix === name || isBelowUnderscore(suffix)) continue;
			const around = await askAround(asker, suffix, resolvers);
			if (around === "unanswered") isUnknown = true;
			else if (around !== "none") current = around;
		} else current = found;
	}
	return current === null ? nowhere(name, isUnknown) : completeServers(asker, current, resolvers);
}

function nowhere(name: string, isUnknown: boolean): ZoneServers {
	const advice = isUnknown ? "see whether they answer at all" : "see whether the domain is delegated";
	return {
		zone: null,
		isUnknown,
		servers: [],
		dnssec: false,
		warnings: [`no resolver says which zone holds ${name}: ${advice}`],
	};
}

/** Whether a zone begins at `suffix`, by the servers of the zone above. */
async function askParent(
	asker: Asker,
	parent: Delegation,
	suffix: string,
	resolvers: readonly Server[],
): Promise<Delegation | "none" | "unanswered"> {
	const found = await askFirst(asker, await somePlaces(asker, parent, resolvers), suffix);
	if (found === null) return "unanswered";
	const { place, cut } = found;
	if (!isBegun(cut)) return cut.kind;
	if (!mayDiffer(parent, suffix, cut)) return delegationOf(asker, suffix, { place, cut });
	const { servers } = await completeServers(asker, parent, resolvers);
	return compareCuts(asker, suffix, { above: servers, found: { place, cut } });
}

/** The first of them that says anything. */
async function askFirst(
	asker: Asker,
	[first, ...others]: readonly Place[],
	suffix: string,
): Promise<{ readonly place: Place; readonly cut: Cut } | null> {
	if (first === undefined) return null;
	const cut = await askCut(asker, first, suffix);
	if (cut.kind !== "unanswered") return { place: first, cut };
	const said = await Promise.all(
		others.map(async (place) => ({ place, cut: await askCut(asker, place, suffix) })),
	);
	return said.find((one) => one.cut.kind !== "unanswered") ?? null;
}

/**
 * Whether the other servers above are asked, too: what is delegated for keys was often made by hand a moment ago, and who
 * serves the zone itself does not show its delegation.
 */
function mayDiffer(parent: Delegation, suffix: string, cut: Found["cut"]): boolean {
	if (isBelowUnderscore(suffix) || parent.besides.length > 0) return true;
	return cut.kind === "serves" && parent.names.some((name) => !cut.names.includes(name));
}

function isBelowUnderscore(name: string): boolean {
	return /(^|\.)_/.test(name);
}

/** The same by recursive resolvers, where the parent's servers cannot be asked or none is known yet. */
async function askAround(
	asker: Asker,
	suffix: string,
	resolvers: readonly Server[],
): Promise<Delegation | "none" | "unanswered"> {
	const answer = await askAny(asker, resolvers, suffix, "NS");
	if (answer?.kind !== "message") return "unanswered";
	const records = findRecords(answer.answers, suffix, "NS");
	if (records.length === 0) return "none";
	const ds = await askAny(asker, resolvers, suffix, "DS");
	return {
		zone: suffix,
		names: targets(records),
		besides: [],
		glue: answer.additional,
		dnssec: ds !== null && hasDs(ds, suffix),
		fromParent: false,
	};
}

/** The parent's names and the zone's own, with every address of each. */
async function completeServers(
	asker: Asker,
	delegation: Delegation,
	resolvers: readonly Server[],
): Promise<ZoneServers> {
	const { zone, names, besides } = delegation;
	mustBeFew(zone, [...names, ...besides]);
	const warnings: string[] = [];
	if (!delegation.fromParent)
		warnings.push(
			`the servers above ${zone} could not be asked for its delegation: took the zone's own NS records`,
		);
	if (besides.length > 0)
		warnings.push(
			`${besides.join(", ")}: of the zone above ${zone}, and not seen to refer to its servers: asked, too`,
		);
	const located = await locate(asker, [...names, ...besides], delegation.glue, resolvers);
	const delegated = located.map((server) => withGlue(server, delegation));
	mustHaveFew(zone, delegated);
	for (const [index, { name, places }] of delegated.entries()) {
		const glued = places.slice(located[index]?.places.length).map(({ address }) => address);
		if (glued.length > 0)
			warnings.push(
				`${glued.join(", ")}: of ${name} in the delegation of ${zone}, not in its own records: asked, too`,
			);
	}
	const answers = await Promise.all(
		delegated.flatMap((server) => server.places).map((place) => asker.ask(place, zone, "NS")),
	);
	const own = answers.flatMap((answer) =>
		answer.kind === "message" && answer.authoritative ? findRecords(answer.answers, zone, "NS") : [],
	);
	const further = targets(own).filter((name) => !names.includes(name));
	mustBeFew(zone, new Set([...names, ...besides, ...further]));
	const missing = own.length === 0 ? [] : names.filter((name) => !targets(own).includes(name));
	if (further.length > 0)
		warnings.push(`${further.join(", ")}: in the NS records of ${zone}, not in its delegation`);
	if (missing.length > 0)
		warnings.push(`${missing.join(", ")}: in the delegation of ${zone}, not in its own NS records`);
	const glue = answers.flatMap((answer) => (answer.kind === "message" ? answer.additional : []));
	const unasked = further.filter((name) => !besides.includes(name));
	const servers = [...delegated, ...(await locate(asker, unasked, glue, resolvers))];
	mustHaveFew(zone, servers);
	return { zone, isUnknown: false, servers, dnssec: delegation.dnssec, warnings };
}

function mustBeFew(zone: string, names: Iterable<string>): void {
	const count = [...names].length;
	if (count > MOST_SERVERS)
		throw new TooMany(
			`${zone} has ${count} name servers, more than the ${MOST_SERVERS} that are asked: see its NS records and those of its delegation`,
		);
}

function mustHaveFew(zone: string, servers: readonly NameServer[]): void {
	const count = servers.flatMap(({ places }) => places).length;
	if (count > MOST_ADDRESSES)
		throw new TooMany(
			`the name servers of ${zone} have ${count} addresses, more than the ${MOST_ADDRESSES} that are asked: see their A and AAAA records`,
		);
}

/** A server within its own zone is first asked where the zone above says that it is, whatever the zone itself says since. */
function withGlue(server: NameServer, { zone, glue, fromParent }: Delegation): NameServer {
	if (!fromParent || !isWithin(server.name, zone)) return server;
	const known = new Set(server.places.map(({ address }) => address));
	const further = addressesOf(glue, server.name).filter(({ address }) => !known.has(address));
	return { ...server, places: [...server.places, ...further] };
}

async function locate(
	asker: Asker,
	names: readonly string[],
	glue: readonly ResourceRecord[],
	resolvers: readonly Server[],
): Promise<readonly NameServer[]> {
	return Promise.all(
		names.map(async (name) => {
			const found = await Promise.all([
				askAny(asker, resolvers, name, "A"),
				askAny(asker, resolvers, name, "AAAA"),
			]);
			const answered = found.flatMap((answer) => (answer?.kind === "message" ? answer.answers : []));
			const places = addressesOf(answered, null);
			return {
				name,
				places: places.length > 0 ? places : addressesOf(glue, name),
				isUnresolved: found.includes(null),
			};
		}),
	);
}

async function somePlaces(
	asker: Asker,
	parent: Delegation,
	resolvers: readonly Server[],
): Promise<readonly Place[]> {
	const glued = parent.names.flatMap((name) => addressesOf(parent.glue, name));
	if (glued.length > 0) return someOfEachFamily(glued);
	const located = await locate(asker, parent.names.slice(0, PARENT_TRIES), [], resolvers);
	return someOfEachFamily(located.flatMap((server) => server.places));
}

/** Hosts without IPv6 are common, and hosts without IPv4 there are. */
function someOfEachFamily(places: readonly Place[]): readonly Place[] {
	const isIpv6 = ({ address }: Place): boolean => address.includes(":");
	return [false, true].flatMap((family) =>
		places.filter((place) => isIpv6(place) === family).slice(0, PARENT_TRIES),
	);
}

/** The first resolver that gives an answer; null if none does. One that was silent is waited for last, not each time anew. */
async function askAny(
	asker: Asker,
	resolvers: readonly Server[],
	name: string,
	type: "A" | "AAAA" | "NS" | "DS",
): Promise<Answer | null> {
	const inTurn = resolvers.toSorted(
		(one, other) => Number(asker.isSilent(one)) - Number(asker.isSilent(other)),
	);
	for (const resolver of inTurn) {
		const answer = await asker.askRecursive(resolver, name, type);
		if (answer.kind === "message") return answer;
	}
	return null;
}

function addressesOf(records: readonly ResourceRecord[], name: string | null): readonly Place[] {
	const addresses = records.flatMap((record) =>
		record.data.kind === "address" && (name === null || record.name === name) ? [record.data.address] : [],
	);
	return [...new Set(addresses)].map((address) => ({ address, port: 53 }));
}

/** The name itself first, its top-level domain last. */
function suffixes(name: string): readonly string[] {
	const labels = name.split(".");
	return labels.map((_, index) => labels.slice(index).join("."));
}

function isWithin(name: string, zone: string): boolean {
	return zone === "" || isBelow(name, zone);
}
