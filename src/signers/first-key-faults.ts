/** Refuses first keys of several algorithms where a signer has place for one, before any of them is made. */

/** Each domain that is to get several, with why it has no place for them. */
export function withoutPlace(
	domains: readonly string[],
	several: ReadonlySet<string>,
	why: string,
): readonly (readonly [domain: string, why: string])[] {
	return domains.flatMap((domain) => (several.has(domain) ? [[domain, why] as const] : []));
}
