/** What every provider with an interface of its own does alike: it finds zones, and tells values as it holds them. */

import type { DnsProvider, ProviderLimits } from "../../ports/dns-provider.ts";
import { canonicalTxt } from "../compare.ts";
import type { ApiZone, ZoneSearch } from "./zones.ts";

export interface InterfaceOptions<Zone extends ApiZone> {
	/** Its name in keyturn.yaml. */
	readonly name: string;
	readonly account: string;
	readonly limits: ProviderLimits;
	readonly zones: ZoneSearch<Zone>;
}

/** `held`: the TXT values at a name in the interface's own form, complete or an error. */
export function readingOf<Zone extends ApiZone>(
	{ name, account, limits, zones }: InterfaceOptions<Zone>,
	held: (zone: Zone, name: string, signal: AbortSignal) => Promise<readonly string[]>,
): Omit<DnsProvider, "change"> {
	const forms = async (zone: string, at: string, signal: AbortSignal): Promise<readonly string[]> =>
		held(await zones.exact(zone, signal), at, signal);
	return {
		name,
		account,
		limits,
		findZone: async (at, signal) => zones.find(at, signal),
		list: async (zone, at, signal) => (await forms(zone, at, signal)).map(canonicalTxt),
		forms,
	};
}
