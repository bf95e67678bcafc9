/** What stands at a name before it is used, and how long the world may remember that nothing did. */

import type { Vacancy } from "../ports/propagation.ts";
import { type Chain, followAliases, negativeTtlSeconds } from "./chain.ts";
import { type Hop, type HopOptions, isWildcard, type Sighting } from "./hop.ts";
import { groupByServer, wantedOf } from "./tally.ts";

/** What one server has at the name. */
type Holding = "nothing" | "something" | "wildcard" | "unknown";

interface HeldHop {
	readonly hop: Hop;
	readonly holdings: readonly {
		readonly server: string;
		readonly holding: Holding;
		readonly sighting: Sighting;
	}[];
}

export async function findVacancy(name: string, options: HopOptions): Promise<Vacancy> {
	const chain = await followAliases(name, options);
	const first = await holdingsOf(chain.hops[0], options);
	const leads = leadsOn(first, options);
	const hop =
		leads === "on" ? await holdingsOf(chain.hops[chain.hops.length - 1] ?? chain.hops[0], options) : first;
	const kind = leads === "disputed" ? "unknown" : kindOf(hop, chain, options);
	return {
		kind,
		values: valuesOf(hop),
		owner: hop.hop.name,
		zone: hop.hop.zone.zone,
		negativeTtlSeconds: negativeTtlSeconds(chain),
		wildcardTtlSeconds: longest([...wildcardTtls(first), ...wildcardTtls(hop)]),
		summary: leads === "disputed" ? tellDispute(name, first) : summarise(kind, name, hop, chain),
	};
}

/**
 * Whether the name is an alias, by as many servers as the quorum asks for: of a server that still has the zone of before,
 * or has it already, a record would go where nobody looks. A wildcard's alias does not hold once the name itself has a
 * record. Where a record stands at the name on some server, that is what matters.
 */
function leadsOn({ holdings }: HeldHop, { verify }: HopOptions): "on" | "nowhere" | "disputed" {
	const names = [...groupByServer(holdings).values()];
	const aliased = names.filter((group) => group.some(isAliased)).length;
	const isTaken = holdings.some((one) => one.holding === "something" && !isAliased(one));
	if (aliased === 0 || isTaken) return "nowhere";
	const plain = names.filter((group) => group.some(isPlain)).length;
	if (plain === 0) return "on";
	const wanted = wantedOf(names.length, verify.quorum);
	if (Math.max(aliased, plain) < wanted || aliased === plain) return "disputed";
	return aliased > plain ? "on" : "nowhere";
}

function tellDispute(name: string, { holdings }: HeldHop): string {
	const from = (those: typeof holdings): string => those.map(({ sighting }) => sighting.who).join(", ");
	return `${name} is an alias on ${from(holdings.filter(isAliased))} and none on ${from(holdings.filter(isPlain))}: see whether they have the same zone`;
}

function isAliased({ holding, sighting }: HeldHop["holdings"][number]): boolean {
	return holding === "something" && sighting.observation.kind === "alias";
}

/** Says that there is no alias at the name, or one that a record would take the place of. */
function isPlain({ holding }: HeldHop["holdings"][number]): boolean {
	return holding === "nothing" || holding === "wildcard";
}

async function holdingsOf(hop: Hop, options: HopOptions): Promise<HeldHop> {
	const holdings = await Promise.all(
		hop.sightings.map(async (sighting) => ({
			server: sighting.server,
			sighting,
			holding: await holdingOf(sighting, hop, options),
		})),
	);
	return { hop, holdings };
}

async function holdingOf(sighting: Sighting, hop: Hop, options: HopOptions): Promise<Holding> {
	switch (sighting.observation.kind) {
		case "absent":
			return "nothing";
		case "failed":
			return "unknown";
		case "records":
		case "alias":
			return (await isWildcard(sighting, hop, options)) ? "wildcard" : "something";
	}
}

function kindOf({ hop, holdings }: HeldHop, chain: Chain, options: HopOptions): Vacancy["kind"] {
	if (holdings.some(({ holding }) => holding === "something")) return "taken";
	if (chain.broken !== null && hop !== chain.hops[0]) return "unknown";
	const names = [...groupByServer(holdings).values()];
	const answered = names.filter((group) => group.some(({ holding }) => holding !== "unknown"));
	return answered.length >= wantedOf(names.length, options.verify.quorum) ? "free" : "unknown";
}

function valuesOf({ holdings }: HeldHop): readonly string[] {
	for (const { holding, sighting } of holdings)
		if (holding === "something" && sighting.observation.kind === "records")
			return sighting.observation.records.map((record) => record.text);
	return [];
}

function longest(seconds: readonly number[]): number | null {
	return seconds.length === 0 ? null : Math.max(...seconds);
}

function wildcardTtls({ holdings }: HeldHop): readonly number[] {
	return holdings.flatMap(({ holding, sighting: { observation } }) => {
		if (holding !== "wildcard") return [];
		if (observation.kind === "alias") return [observation.ttlSeconds];
		return observation.kind === "records" ? observation.records.map((record) => record.ttlSeconds) : [];
	});
}

function summarise(kind: Vacancy["kind"], name: string, { hop, holdings }: HeldHop, chain: Chain): string {
	const place = hop.name === name ? name : `${name} (an alias of ${hop.name})`;
	const from = (wanted: Holding): string =>
		holdings
			.filter(({ holding }) => holding === wanted)
			.map(({ sighting }) => sighting.who)
			.join(", ");
	switch (kind) {
		case "free":
			return `nothing stands at ${place}`;
		case "taken":
			return `something stands at ${place} on ${from("something")}${chain.broken === null ? "" : `: ${chain.broken}`}`;
		case "unknown":
			return holdings.length === 0
				? `no server of a zone for ${name} is known: ${hop.warnings.join("; ")}`
				: `not every server said what stands at ${place}: no answer from ${from("unknown")}`;
	}
}
