/** What the manual tells of a provider, and what its errors say is missing. */

export interface ProviderAbout {
	/** As its maker writes it. */
	readonly title: string;
	/**
	 * What the adapter was tried against: `server` a real one; `recorded` a fake that answers as the real one was recorded;
	 * `documented` a fake made from the documentation; `hand` is for a person, who needs no check. A fake proves nothing of an
	 * account: such an adapter publishes only once it was checked there.
	 */
	readonly evidence: "server" | "recorded" | "documented" | "hand";
	/** The least that the credential has to be allowed, as a sentence that follows a refusal. */
	readonly permission: string;
	/** How such a credential is made. */
	readonly credential: string;
	/** What an administrator should know besides: limits, delays, oddities. */
	readonly remarks: readonly string[];
}
