/** Which of an account's zones holds a name. */

import { asKeyturnError, KeyturnError } from "../../errors.ts";
import type { ZoneFound } from "../../ports/dns-provider.ts";

export interface ApiZone {
	/** Lower case, without the final dot. */
	readonly name: string;
	/** What the interface calls it. */
	readonly id: string;
	/** What it calls a zone that comes from another server, such as "Slave"; absent where it has the primary. */
	readonly copy?: string;
}

/** Where an interface can be asked for a zone by its name, for the one that holds a name, or only for all that the account has. */
export type ZoneSource<Zone extends ApiZone> =
	/** All zones of this name that the account has and that are served to the public. */
	| { readonly named: (name: string, signal: AbortSignal) => Promise<readonly Zone[]> }
	/** The longest zone of the account that holds the name. */
	| { readonly holding: (name: string, signal: AbortSignal) => Promise<readonly Zone[]> }
	| { readonly all: (signal: AbortSignal) => Promise<readonly Zone[]> };

export interface ZoneSearch<Zone extends ApiZone> {
	/** The longest zone on a dot boundary. */
	find(name: string, signal: AbortSignal): Promise<ZoneFound>;
	/** By its exact name; fails with `provider.zone` or `provider.ambiguous`. */
	exact(name: string, signal: AbortSignal): Promise<Zone>;
}

export function createZoneSearch<Zone extends ApiZone>(
	provider: string,
	source: ZoneSource<Zone>,
): ZoneSearch<Zone> {
	async function named(name: string, signal: AbortSignal): Promise<readonly Zone[]> {
		const zones = await ("named" in source
			? source.named(name, signal)
			: "holding" in source
				? source.holding(name, signal)
				: source.all(signal));
		return zones.filter((zone) => zone.name === name);
	}

	async function longest(name: string, signal: AbortSignal): Promise<readonly Zone[]> {
		const candidates = ancestors(name);
		if ("named" in source) return firstOf(candidates, async (candidate) => named(candidate, signal));
		const zones = await ("holding" in source ? source.holding(name, signal) : source.all(signal));
		const held = candidates.find((candidate) => zones.some((zone) => zone.name === candidate));
		return zones.filter((zone) => zone.name === held);
	}

	return {
		async find(name, signal) {
			const zones = await longest(name, signal);
			const [zone] = zones;
			if (zone === undefined) return { kind: "none", why: `the account has no zone that holds ${name}` };
			if (zone.copy !== undefined) return { kind: "none", why: sayCopy(zone), hint: PRIMARY };
			if (zones.length > 1)
				return { kind: "ambiguous", zones: zones.map(({ id }) => `${zone.name} (${id})`) };
			return { kind: "zone", zone: zone.name };
		},
		async exact(name, signal) {
			const zones = await named(name, signal);
			const [zone] = zones;
			if (zone === undefined)
				throw new KeyturnError("provider.zone", `${provider}: the account has no zone ${name}`, {
					hint: "set `zone` of the domain to the zone that holds its key records, or give the credential access to it",
				});
			if (zones.length > 1)
				throw new KeyturnError(
					"provider.ambiguous",
					`${provider}: the account has several zones ${name}: ${zones.map(({ id }) => id).join(", ")}`,
					{ hint: "delete the ones that are not served, or take them out of the credential's reach" },
				);
			if (zone.copy !== undefined)
				throw new KeyturnError("provider.zone", `${provider}: ${sayCopy(zone)}`, { hint: PRIMARY });
			return zone;
		},
	};
}

const PRIMARY = "configure the provider, or the server, that has the zone's primary";

/** No zone above it is written instead: the world asks this one. */
function sayCopy({ name, copy }: ApiZone): string {
	return `${name} is a copy of another server's zone there (${copy}), and what is written into it does not last`;
}

/**
 * The zones of the first candidate that has one. Some interfaces refuse a name with `_` as one that no domain can have
 * instead of saying that it is absent: that ends nothing, and is told only where no candidate is a zone.
 */
async function firstOf<Zone>(
	candidates: readonly string[],
	named: (candidate: string) => Promise<readonly Zone[]>,
): Promise<readonly Zone[]> {
	const refusals: KeyturnError[] = [];
	for (const candidate of candidates) {
		const zones = await named(candidate).catch((thrown: unknown) => {
			const error = asKeyturnError(thrown);
			if (error.code !== "provider.refused" || !/(?:^|\.)_/.test(candidate)) throw error;
			refusals.push(error);
			return [];
		});
		if (zones.length > 0) return zones;
	}
	const [first] = refusals;
	if (first !== undefined) throw first;
	return [];
}

/** The name and all above it that have two labels at least, longest first. */
function ancestors(name: string): readonly string[] {
	const labels = name.split(".");
	return labels.slice(0, -1).map((_, index) => labels.slice(index).join("."));
}
