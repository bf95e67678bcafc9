/** What the name servers of a zone serve: the only list there is for providers that cannot be asked what they hold. */

export type Served =
	| {
			readonly kind: "served";
			readonly zone: string;
			/** The joined texts of TXT records, of all servers together, each once; a wildcard's are none of this name. */
			readonly values: readonly string[];
			/** Some server has a CNAME there that is no wildcard's; what it leads to is not looked at. */
			readonly isAlias: boolean;
	  }
	/** Fewer servers answered than the quorum asks for, or, where `zone` is null, none is known. */
	| { readonly kind: "unknown"; readonly zone: string | null; readonly why: string };

export interface Authorities {
	/** Asks every server of the zone that holds the name, and no recursive resolver. Never fails; can be repeated. */
	served(name: string, signal: AbortSignal): Promise<Served>;
}
