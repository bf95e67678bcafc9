/** Asks every name server of a zone what it serves at a name, as the list of a provider that has none. */

import type { Authorities, Served } from "../ports/authorities.ts";
import type { Clock } from "../ports/clock.ts";
import type { Resolver } from "../ports/resolver.ts";
import { createAsker } from "./asker.ts";
import { LOOK_MS, withDeadline } from "./deadline.ts";
import { type Hop, type HopOptions, isWildcard, lookAt, type Sighting } from "./hop.ts";
import { groupByServer, wantedOf } from "./tally.ts";
import type { Verify } from "./zone-servers.ts";

export function createAuthorities(options: {
	readonly resolver: Resolver;
	readonly clock: Clock;
	/** Which servers stand for those of the zone that holds a name. */
	readonly verifyFor: (name: string) => Verify;
}): Authorities {
	const { resolver, clock, verifyFor } = options;
	return {
		async served(name, signal) {
			return withDeadline(clock, LOOK_MS, signal, async (within) => {
				const options = { asker: createAsker(resolver, within), clock, verify: verifyFor(name) };
				const served = await ask(name, options);
				if (!within.aborted) return served;
				return { kind: "unknown", zone: served.zone, why: "not every one could be asked in time" };
			});
		},
	};
}

async function ask(name: string, options: HopOptions): Promise<Served> {
	const hop = await lookAt(name, options);
	const { zone, sightings } = hop;
	if (zone.zone === null || sightings.length === 0)
		return {
			kind: "unknown",
			zone: zone.zone,
			why: zone.warnings[0] ?? `no name server of ${name} is known`,
		};
	const why = whyTooFew(sightings, options.verify.quorum);
	if (why !== null) return { kind: "unknown", zone: zone.zone, why };
	const own = await withoutWildcards(hop, options);
	const values = own.flatMap(({ observation }) =>
		observation.kind === "records" ? observation.records.map(({ text }) => text) : [],
	);
	const isAlias = own.some(({ observation }) => observation.kind === "alias");
	return { kind: "served", zone: zone.zone, values: [...new Set(values)], isAlias };
}

/** What a wildcard gives every name neither stands at this one, nor holds once something does (RFC 4592 section 2.2.1). */
async function withoutWildcards(hop: Hop, options: HopOptions): Promise<readonly Sighting[]> {
	const kept = await Promise.all(
		hop.sightings.map(async (sighting) => ((await isWildcard(sighting, hop, options)) ? [] : [sighting])),
	);
	return kept.flat();
}

/** A server counts as having answered when one of its addresses has; null where as many as the quorum asks for have. */
function whyTooFew(sightings: readonly Sighting[], quorum: Verify["quorum"]): string | null {
	const servers = [...groupByServer(sightings).values()];
	const silent = servers.filter((group) => group.every(({ observation }) => observation.kind === "failed"));
	if (servers.length - silent.length >= wantedOf(servers.length, quorum)) return null;
	return silent
		.flat()
		.map(({ who, observation }) => `${who}: ${observation.kind === "failed" ? observation.got : ""}`)
		.join("; ");
}
