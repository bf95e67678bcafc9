/** Verifies DKIM signatures as a receiver would. */

export interface SignatureVerdict {
	/** In lower case. */
	readonly domain: string;
	readonly selector: string;
	readonly outcome: "pass" | "fail" | "unknown";
	readonly reason: string | null;
}

export interface MailVerifier {
	/**
	 * One verdict per signature; none means unsigned. `lookup` gives the values of the TXT records at a name in lower case,
	 * each joined; an empty list means absent, null that it could not be told.
	 */
	verify(
		message: string,
		lookup: (name: string) => Promise<readonly string[] | null>,
	): Promise<readonly SignatureVerdict[]>;
}
