/** The zone of a domain, as DNS tells who serves it. */

export interface FoundZone {
	readonly zone: string;
	/** Names of its servers, sorted. */
	readonly servers: readonly string[];
	/** Where its primary server answers, if that is this host: `127.0.0.1:53`; null else. */
	readonly localPrimary: string | null;
}
