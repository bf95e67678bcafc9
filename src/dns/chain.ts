/** Follows a name through its aliases, zone by zone, to where its record stands. */

import { type Hop, type HopOptions, lookAt } from "./hop.ts";
import { MAX_ALIASES } from "./observation.ts";

export interface Chain {
	/** At least one: the name itself first, where the record stands last. */
	readonly hops: readonly [Hop, ...Hop[]];
	/** Why the last alias leads nowhere; null if it does not. */
	readonly broken: string | null;
}

/** How long the world may remember that nothing stood at a name: the largest negative TTL over all zones on the way. */
export function negativeTtlSeconds({ hops }: Pick<Chain, "hops">): number {
	const seconds = hops.flatMap(({ sightings }) => sightings.map((one) => one.negativeTtlSeconds ?? 0));
	return Math.max(0, ...seconds);
}

export async function followAliases(name: string, options: HopOptions): Promise<Chain> {
	const hops: [Hop, ...Hop[]] = [await lookAt(name, options)];
	for (let last: Hop = hops[0]; last.target !== null; ) {
		if (hops.some((hop) => hop.name === last.target))
			return { hops, broken: `an alias to ${last.target}, which leads back to it` };
		// What is written there would stand at every name of somebody's zone.
		if (last.target.split(".").includes("*"))
			return { hops, broken: `an alias to ${last.target}, the name of a wildcard` };
		if (hops.length > MAX_ALIASES) return { hops, broken: `an alias after ${MAX_ALIASES} others` };
		const next = await lookAtTarget(last.target, options);
		if (next.zone.zone === null && !next.zone.isUnknown)
			return { hops, broken: `an alias to ${last.target}, which no zone is found for` };
		hops.push(next);
		last = next;
	}
	return { hops, broken: null };
}

/** A list of servers stands for the NS records of the name's zone: of one that an alias leads into they may have nothing. */
async function lookAtTarget(name: string, options: HopOptions): Promise<Hop> {
	const { verify } = options;
	const listed = await lookAt(name, options);
	if (verify.nameservers === "auto" || listed.zone.zone !== null) return listed;
	return lookAt(name, { ...options, verify: { ...verify, nameservers: "auto" } });
}
