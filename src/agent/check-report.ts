/** What `provider check` found out. */

import type { LookReport } from "../ports/propagation.ts";

export interface CheckReport {
	readonly schema: 1;
	readonly provider: string;
	/** waiting: written, but not seen at every name server in time, or not removed again; interrupted: somebody ended the check. */
	readonly outcome: "passed" | "waiting" | "failed" | "interrupted";
	readonly problem: string | null;
	readonly hint: string | null;
	readonly zone: string | null;
	readonly name: string | null;
	readonly octets: number;
	/** How the provider's interface gave the value back; null if it has no form of its own, or it was not seen there. */
	readonly form: HeldForm | null;
	readonly ttlAskedSeconds: number;
	/** Null until a name server served it. */
	readonly ttlGivenSeconds: number | null;
	/** From the provider's answer on, at every name server; null if that was not seen. */
	readonly visibleAfterSeconds: number | null;
	readonly servers: readonly ServerSeen[];
	/** Scratch records that may still stand at the provider, this check's among them. */
	readonly left: readonly string[];
	/** Records of earlier checks that were found and removed. */
	readonly swept: readonly string[];
	readonly warnings: readonly string[];
}

export interface HeldForm {
	readonly quoted: boolean;
	/** The lengths of its strings in octets; of a text without quotes one. */
	readonly strings: readonly number[];
}

export interface ServerSeen {
	readonly server: string;
	readonly address: string;
	readonly visibleAfterSeconds: number | null;
	readonly ttlSeconds: number | null;
	readonly strings: readonly number[];
	/** What it said last. */
	readonly sentence: string;
}

/** As the interface wrote it: `"first" "rest"`, one long quoted string, or plain. */
export function formOf(text: string): HeldForm {
	const strings = [...text.matchAll(/"((?:[^"\\]|\\[^])*)"/g)].map(([, quoted = ""]) => quoted.length);
	return strings.length === 0
		? { quoted: false, strings: [Buffer.byteLength(text)] }
		: { quoted: true, strings };
}

/** Adds a look to what was seen at each server before. */
export function sightings(
	before: readonly ServerSeen[],
	look: LookReport,
	afterSeconds: number,
): readonly ServerSeen[] {
	return look.servers.map(({ server, address, outcome, ttlSeconds, chunks, sentence }) => {
		const earlier = before.find((one) => one.server === server && one.address === address);
		const isRight = outcome === "right";
		return {
			server,
			address,
			visibleAfterSeconds: isRight ? (earlier?.visibleAfterSeconds ?? afterSeconds) : null,
			ttlSeconds: isRight ? ttlSeconds : null,
			strings: chunks,
			sentence,
		};
	});
}
