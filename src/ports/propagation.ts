/** What the world serves for a key record: every name server of the zone asked, then the recursive resolvers. */

import type { VerifyPolicy } from "../rotation/policy.ts";

export const SERVER_OUTCOMES = [
	"right",
	"absent_name",
	"absent_record",
	"servfail",
	"refused",
	"error_code",
	"timeout",
	"unreachable",
	"lame",
	"truncated",
	"malformed",
	"several_records",
	"wildcard",
	"wrong_key",
	"revoked",
	"wrong_tags",
	"unreadable_record",
	"alias_broken",
	"not_signed",
] as const;

/** What one server said; each has its own sentence in `ServerReport.sentence`. */
export type ServerOutcome = (typeof SERVER_OUTCOMES)[number];

/** Nothing is said of the record: the server, or the way to it, is not as it should be. */
export const SAYING_NOTHING: ReadonlySet<ServerOutcome> = new Set([
	"timeout",
	"unreachable",
	"servfail",
	"refused",
	"error_code",
	"lame",
	"truncated",
	"malformed",
]);

export interface ServerReport {
	/** The server's name, or the address as configured. */
	readonly server: string;
	readonly address: string;
	readonly outcome: ServerOutcome;
	/** For people: what was asked of whom, expected and got. */
	readonly sentence: string;
	/** RFC 3339, UTC: when the answer came. */
	readonly at: string;
	readonly serial: number | null;
	readonly ttlSeconds: number | null;
	readonly txtRecords: number;
	/** The lengths of the strings of the record, in octets. */
	readonly chunks: readonly number[];
	/** Whether a current RRSIG came with the record; null where the zone has no DS. */
	readonly signed: boolean | null;
}

export interface LookRequest {
	readonly domain: string;
	readonly selector: string;
	/** The record whose key the servers have to serve. */
	readonly record: string;
	readonly verify: VerifyPolicy;
	/** False leaves the recursive resolvers out: asked too early they would cache the absence. */
	readonly askResolvers: boolean;
}

export interface LookReport {
	/** RFC 3339, UTC. */
	readonly at: string;
	/** Where the record lies after CNAMEs and DNAMEs. */
	readonly owner: string;
	readonly zone: string | null;
	/**
	 * right: every server that the quorum asks for (and every resolver asked) serves exactly one record, and its key
	 * matches. wrong: some server answered authoritatively with something else. absent: some server says that there is
	 * nothing. unknown: nobody said anything wrong, but too few answered at all.
	 */
	readonly verdict: "right" | "wrong" | "absent" | "unknown";
	/** One sentence over all. */
	readonly summary: string;
	readonly servers: readonly ServerReport[];
	readonly resolvers: readonly ServerReport[];
	readonly warnings: readonly string[];
	/** Whether the parent has a DS. */
	readonly dnssec: boolean;
	/** As in `Vacancy`, of the zones as they are by now; 0 where no server says. */
	readonly negativeTtlSeconds: number;
}

/** What stands at a name before it is used. */
export interface Vacancy {
	/** taken: some TXT or CNAME to a TXT is there; unknown: not every server said. */
	readonly kind: "free" | "taken" | "unknown";
	/** The joined texts of the TXT records that stand there, as the first server gave them; a wildcard's answer is none. */
	readonly values: readonly string[];
	/** Where a record for this name has to be written: the target, if the name is an alias. */
	readonly owner: string;
	readonly zone: string | null;
	/** The largest negative TTL over alias and target zones; of signed ones that of their denials, too. */
	readonly negativeTtlSeconds: number;
	/** How long resolvers may remember what a wildcard answered for the name; null where none does. */
	readonly wildcardTtlSeconds: number | null;
	readonly summary: string;
}

/** Neither fails: whatever DNS does is an answer. Both can be repeated. */
export interface Propagation {
	/** Asks every server of the zone directly, and the resolvers once these are right. When `signal` aborts, the rest are timeouts. */
	look(request: LookRequest, signal: AbortSignal): Promise<LookReport>;
	/** Asks authoritative servers only. */
	vacancy(domain: string, selector: string, verify: VerifyPolicy, signal: AbortSignal): Promise<Vacancy>;
}
