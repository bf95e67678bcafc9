/** One question to one server. */

export type QuestionType =
	| "A"
	| "AAAA"
	| "NS"
	| "SOA"
	| "TXT"
	| "CNAME"
	| "DS"
	| "DNSKEY"
	| "MX"
	| "PTR"
	/** Its own record type until RFC 7208 section 3.1 took it away. */
	| "SPF";

export interface Question {
	/** Without the final dot, lower case. */
	readonly name: string;
	readonly type: QuestionType;
	/** Sets RD: for recursive resolvers only. */
	readonly recursive: boolean;
	/** Sets DO, so that signatures come along. */
	readonly dnssec: boolean;
}

/** Where a server answers: an address and port, or an `https://…/dns-query` URL. */
export type Server = { readonly address: string; readonly port: number } | { readonly url: string };

export interface ResourceRecord {
	/** Owner, lower case, without the final dot. */
	readonly name: string;
	/** "TXT", "CNAME", "RRSIG", …; "TYPE65" for one that has no name here. */
	readonly type: string;
	readonly ttlSeconds: number;
	readonly data: RecordData;
}

export type RecordData =
	| { readonly kind: "txt"; readonly strings: readonly Uint8Array[] }
	/** NS, CNAME, DNAME, PTR: the name, lower case, without the final dot. */
	| { readonly kind: "name"; readonly target: string }
	| { readonly kind: "address"; readonly address: string }
	| { readonly kind: "mail_exchange"; readonly target: string; readonly preference: number }
	| {
			readonly kind: "soa";
			readonly primary: string;
			readonly serial: number;
			/** The negative TTL is the smaller of this and the SOA's own TTL (RFC 2308 section 5). */
			readonly minimumSeconds: number;
	  }
	| { readonly kind: "rrsig"; readonly covers: string; readonly expiresAt: Date; readonly validFrom: Date }
	| { readonly kind: "other" };

export type Answer =
	| {
			readonly kind: "message";
			readonly rcode: "NOERROR" | "NXDOMAIN";
			readonly authoritative: boolean;
			/** AD: only to be believed from a resolver on loopback or over a trusted channel. */
			readonly authenticated: boolean;
			readonly answers: readonly ResourceRecord[];
			readonly authority: readonly ResourceRecord[];
			readonly additional: readonly ResourceRecord[];
			readonly transport: "udp" | "tcp" | "https";
	  }
	| { readonly kind: "servfail" }
	| { readonly kind: "refused" }
	/** Any other response code, by its name. */
	| { readonly kind: "rcode"; readonly rcode: string }
	| { readonly kind: "timeout" }
	/** No route, connection refused: nothing is there. */
	| { readonly kind: "unreachable"; readonly why: string }
	/** UDP said truncated and TCP gave nothing. */
	| { readonly kind: "truncated" }
	/** Something came that is no acceptable answer to the question. */
	| { readonly kind: "malformed"; readonly why: string };

export interface Resolver {
	/** Never fails: every outcome is an answer. UDP first, TCP on truncation; ends when `signal` aborts, as a timeout. */
	ask(server: Server, question: Question, signal: AbortSignal): Promise<Answer>;
	/** The recursive resolvers of this host (`system` in the configuration). */
	systemResolvers(): Promise<readonly Server[]>;
}
