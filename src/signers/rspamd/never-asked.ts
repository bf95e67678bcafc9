/** Which keys an rspamd never asks for, wherever they are named: a turn of one would only be rolled back by its proof. */

import { isNo } from "./live-configuration.ts";

/** Null for one that it may ask for; `keyed` are the domains that have a key, or are to get one. */
export type NeverAsked = (domain: string) => string | null;

/**
 * With `use_esld`, which is on by default, it asks for the registered domain alone (lua_dkim_tools.lua, prepare_dkim_signing): which
 * that is it takes from a list of its own, but below a domain that has a key there is none. OpenDKIM's tables it asks without that.
 */
export function neverAsked(options: ReadonlyMap<string, string>, keyed: Iterable<string>): NeverAsked {
	if (isNo(options.get("enabled"))) return () => "enabled = false: rspamd signs nothing";
	if (isNo(options.get("use_esld")) || options.has("signing_table")) return () => null;
	const known = new Set(keyed);
	return (domain) => {
		const above = domainsAbove(domain).findLast((one) => known.has(one));
		return above === undefined
			? null
			: `use_esld is on: rspamd signs its mail by the registered domain alone (${above} has a key), and never looks for a key of ${domain}; take ${domain} out of keyturn.yaml, or set use_esld = false once each sub-domain that sends mail has a key of its own`;
	};
}

function domainsAbove(domain: string): readonly string[] {
	const labels = domain.split(".");
	return labels.slice(1).map((_, index) => labels.slice(index + 1).join("."));
}
