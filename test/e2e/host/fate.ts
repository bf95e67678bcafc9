/** What the programs inside a test host tell the test: one line of JSON for each message. */

/** What became of a message that was offered to Postfix. */
export interface Fate {
	readonly number: number;
	/** Milliseconds since 1970. */
	readonly offeredAt: number;
	readonly endedAt: number;
	readonly fate: "accepted" | "tempfailed" | "rejected" | "refused" | "dropped";
	readonly reply: string;
}

/** A message that reached the sink, verified against each server of its zone. */
export interface Arrival {
	readonly number: number;
	/** Of its signature, or of that of several which decided; null if it has none. */
	readonly selector: string | null;
	/** Of all of its signatures. */
	readonly selectors: readonly string[];
	/** Of each server asked, whether a receiver that asked it would accept the signature, and otherwise why not. */
	readonly verdicts: readonly { readonly server: string; readonly reason: string | null }[];
}

/** The last message of a key, verified once more some time after it had arrived: others are still under way. */
export interface LateLook {
	readonly domain: string;
	readonly selector: string;
	readonly ageHours: number;
	readonly reason: string | null;
}
