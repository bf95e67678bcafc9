/** Asks every server of one zone for one name: a look has one hop for the name itself and one for each alias. */

import type { Clock } from "../ports/clock.ts";
import type { Answer } from "../ports/resolver.ts";
import { NO_ROUTE } from "../ports/wire.ts";
import type { Asker, Place } from "./asker.ts";
import type { NameServer } from "./delegation.ts";
import { findSoa, observe, type Observation } from "./observation.ts";
import { findZoneServers, type Verify, type ZoneServers } from "./zone-servers.ts";

export interface Sighting {
	readonly server: string;
	readonly address: string;
	/** For sentences: "ns1.example.net (192.0.2.1)". */
	readonly who: string;
	readonly observation: Observation;
	readonly at: Date;
	readonly serial: number | null;
	readonly negativeTtlSeconds: number | null;
}

export interface Hop {
	readonly name: string;
	readonly zone: ZoneServers;
	readonly sightings: readonly Sighting[];
	readonly warnings: readonly string[];
	/** What most of the servers' aliases lead to; null if there is none. */
	readonly target: string | null;
}

export interface HopOptions {
	readonly asker: Asker;
	readonly clock: Clock;
	readonly verify: Verify;
}

export async function lookAt(name: string, options: HopOptions): Promise<Hop> {
	const zone = await findZoneServers(options.asker, name, options.verify);
	const sightings = await Promise.all(
		zone.servers.flatMap((server) =>
			server.places.length === 0
				? [Promise.resolve(withoutAddress(server, options.clock))]
				: server.places.map((place) => askPlace(server.name, place, { name, zone: zone.zone }, options)),
		),
	);
	const { kept, warnings } = leaveOutFamilies(sightings);
	return {
		name,
		zone,
		sightings: kept,
		warnings: [...zone.warnings, ...warnings],
		target: commonTarget(kept),
	};
}

/**
 * Whether a wildcard gave this observation: a name that nobody made gets the same. Asked of one server only, and of no
 * resolver.
 */
export async function isWildcard(
	sighting: Sighting,
	hop: Hop,
	{ asker, clock }: HopOptions,
): Promise<boolean> {
	const place = placeOf(sighting, hop);
	const { observation } = sighting;
	if (place === null || (observation.kind !== "records" && observation.kind !== "alias")) return false;
	const neighbour = hop.name.replace(/^[^.]+/, `no-such-selector-${clock.now().getTime().toString(36)}`);
	const other = observe(await asker.ask(place, neighbour, "TXT"), neighbour, clock.now());
	if (observation.kind === "alias")
		return (
			other.kind === "alias" &&
			other.through === "CNAME" &&
			observation.through === "CNAME" &&
			other.target === observation.target
		);
	return other.kind === "records" && sameTexts(observation.records, other.records);
}

async function askPlace(
	server: string,
	place: Place,
	what: { readonly name: string; readonly zone: string | null },
	{ asker, clock }: HopOptions,
): Promise<Sighting> {
	const answer = await asker.ask(place, what.name, "TXT");
	const at = clock.now();
	const soa = findSoa(await soaAnswer(answer, place, what.zone, asker));
	return {
		server,
		address: place.address,
		who:
			server === place.address || server.startsWith(`${place.address}:`) || server.startsWith("[")
				? server
				: `${server} (${place.address})`,
		observation: observe(answer, what.name, at),
		at,
		serial: soa?.serial ?? null,
		negativeTtlSeconds: soa?.negativeTtlSeconds ?? null,
	};
}

/** A negative answer brings the SOA along; only who answered is asked for it. */
async function soaAnswer(answer: Answer, place: Place, zone: string | null, asker: Asker): Promise<Answer> {
	if (answer.kind !== "message" || findSoa(answer) !== null || zone === null) return answer;
	return asker.ask(place, zone, "SOA");
}

function withoutAddress({ name, isUnresolved }: NameServer, clock: Clock): Sighting {
	const why = isUnresolved === true ? "no resolver answers for it" : "it has neither A nor AAAA";
	return {
		server: name,
		address: "",
		who: name,
		observation: { kind: "failed", outcome: "unreachable", got: `no address: ${why}` },
		at: clock.now(),
		serial: null,
		negativeTtlSeconds: null,
	};
}

/** A host without IPv6 (or IPv4) can ask none of those addresses; a server that has no other one stays unanswered. */
function leaveOutFamilies(sightings: readonly Sighting[]): {
	readonly kept: readonly Sighting[];
	readonly warnings: readonly string[];
} {
	let kept = sightings;
	const warnings: string[] = [];
	for (const family of ["IPv4", "IPv6"] as const) {
		const members = sightings.filter((sighting) => sighting.address !== "" && familyOf(sighting) === family);
		if (members.length === 0 || !members.every(hasNoRoute)) continue;
		const others = new Set(
			sightings.filter((other) => !members.includes(other)).map((other) => other.server),
		);
		kept = kept.filter((sighting) => !members.includes(sighting) || !others.has(sighting.server));
		warnings.push(
			`no ${family} route from this host: ${members.map(({ address }) => address).join(", ")} not asked`,
		);
	}
	return { kept, warnings };
}

function hasNoRoute({ observation }: Sighting): boolean {
	return (
		observation.kind === "failed" &&
		observation.outcome === "unreachable" &&
		observation.got.startsWith(NO_ROUTE)
	);
}

function familyOf(sighting: Sighting): "IPv4" | "IPv6" {
	return sighting.address.includes(":") ? "IPv6" : "IPv4";
}

function commonTarget(sightings: readonly Sighting[]): string | null {
	const counts = new Map<string, number>();
	for (const { observation } of sightings)
		if (observation.kind === "alias")
			counts.set(observation.target, (counts.get(observation.target) ?? 0) + 1);
	return [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? null;
}

function placeOf(sighting: Sighting, hop: Hop): Place | null {
	const server = hop.zone.servers.find((candidate) => candidate.name === sighting.server);
	return server?.places.find((place) => place.address === sighting.address) ?? null;
}

function sameTexts(
	a: readonly { readonly text: string }[],
	b: readonly { readonly text: string }[],
): boolean {
	const texts = (records: readonly { readonly text: string }[]): string =>
		JSON.stringify(records.map((record) => record.text).toSorted());
	return texts(a) === texts(b);
}
