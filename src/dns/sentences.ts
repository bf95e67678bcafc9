/** What a server's answer means, in one sentence each: asked of whom, expected, got, and what to do. */

import type { ServerOutcome } from "../ports/propagation.ts";

export interface Told {
	/** "ns1.example.net (192.0.2.1)" */
	readonly who: string;
	/** The name asked for. */
	readonly name: string;
	readonly got: string;
	/** Recursive, and no server of the zone. */
	readonly isResolver: boolean;
}

const ABSENCE_REMEMBERED =
	"wait until it forgets the absence, for the zone's negative TTL; if it does not, see which servers it asks";

/** What to do about each outcome; the sentence before it is the same for all. */
const ADVICE: Readonly<Record<ServerOutcome, string>> = {
	right: "",
	absent_name: "wait for it to reach this server; if it does not, see whether it transfers the zone",
	absent_record: "wait for it to reach this server; if it does not, see whether it transfers the zone",
	servfail: "the server failed: see its log, the zone may have expired or its signatures be broken",
	refused: "the server does not serve this zone to us: see its access list, or take it out of the NS records",
	error_code: "the server cannot answer this question: see its log",
	timeout: "the server is down, or a firewall drops UDP and TCP port 53 on the way",
	unreachable: "start the server, or take it out of the NS records",
	lame: "load the zone on this server, or take it out of the NS records; if no server is authoritative, something on the way answers in their place",
	truncated: "open TCP port 53 to this server",
	malformed: "see what stands between here and this server",
	several_records: "remove all but one: verifiers refuse a name with several TXT records",
	wildcard: "a wildcard answers for every name; wait for the record itself to reach this server",
	wrong_key: "see who published it; mail signed with our key does not verify there",
	revoked: "publish the record again, or turn the key",
	wrong_tags: "correct the tags of the record",
	unreadable_record: "correct the record: it was changed or cut on its way into the zone",
	alias_broken: "correct the CNAME or DNAME, so that it leads to one TXT record",
	not_signed:
		"sign the zone anew: its parent has a DS record, so validating receivers refuse what has no current signature",
};

/** Where a resolver is to blame for what a server of the zone would be. */
const RESOLVER_ADVICE: Partial<Readonly<Record<ServerOutcome, string>>> = {
	absent_name: ABSENCE_REMEMBERED,
	absent_record: ABSENCE_REMEMBERED,
	servfail:
		"the resolver failed: see its log, it may not reach the zone's servers, or find their signatures broken",
	refused: "the resolver answers others only: see its access list, or take it out of verify.resolvers",
	error_code: "the resolver cannot answer this question: see its log",
	timeout: "the resolver is down, or a firewall stands on the way; or take it out of verify.resolvers",
	unreachable: "start the resolver, or take it out of verify.resolvers",
};

const EXPECTED: Partial<Readonly<Record<ServerOutcome, string>>> = {
	absent_name: "the key record, got NXDOMAIN: the name does not exist",
	absent_record: "the key record, got no TXT record at this name",
	wildcard: "the key record, got what every name here gets",
	not_signed: "a current RRSIG with the record, got none",
};

export function tell(outcome: ServerOutcome, told: Told): string {
	if (outcome === "right") return `${told.who} serves ${told.got} at ${told.name}`;
	const got = outcome === "unreachable" ? `no answer: ${told.got}` : told.got;
	const expected = EXPECTED[outcome] ?? `one TXT record with our key, got ${got}`;
	const advice = (told.isResolver ? RESOLVER_ADVICE[outcome] : undefined) ?? ADVICE[outcome];
	return `asked ${told.who} for TXT ${told.name}: expected ${expected}; ${advice}`;
}
