/** Which domains of several cannot get a first key, told before one is made. */

/** Each of them for which `why` has words. */
export function faultsOf(
	domains: readonly string[],
	why: (domain: string) => string | null,
): ReadonlyMap<string, string> {
	return new Map(
		domains.flatMap((domain) => {
			const fault = why(domain);
			return fault === null ? [] : [[domain, fault] as const];
		}),
	);
}

/** Those that are to get several keys where a signer has place for one, all with the same words. */
export function withoutPlace(
	domains: readonly string[],
	several: ReadonlySet<string>,
	why: string,
): ReadonlyMap<string, string> {
	return faultsOf(domains, (domain) => (several.has(domain) ? why : null));
}
