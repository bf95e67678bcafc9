/** Says in words why a server did not do what we asked, since most of its answers have several causes. */

import type { TsigError } from "../../src/dns/dns-wire/tsig.ts";
import type { ErrorCode } from "../../src/errors.ts";

export interface Refusal {
	/** "YXRRSET", "BADKEY", … */
	readonly code: string;
	readonly errorCode: Extract<ErrorCode, `provider.${string}`>;
	/** Nothing changes before somebody acts on the key or its rights. */
	readonly denied: boolean;
	readonly retry: boolean;
	readonly why: string;
	readonly hint: string | null;
}

/** What was asked, for the words. */
export interface Asked {
	readonly server: string;
	readonly key: string;
	readonly zone: string | null;
	readonly now: Date;
}

const RCODES = [
	"NOERROR",
	"FORMERR",
	"SERVFAIL",
	"NXDOMAIN",
	"NOTIMP",
	"REFUSED",
	"YXDOMAIN",
	"YXRRSET",
	"NXRRSET",
	"NOTAUTH",
	"NOTZONE",
] as const;

export function refusalOfRcode(rcode: number, asked: Asked): Refusal {
	const code = RCODES[rcode] ?? `RCODE${rcode}`;
	const { server, key, zone } = asked;
	const plain = { code, errorCode: "provider.refused", denied: false, retry: false } as const;
	switch (code) {
		case "YXDOMAIN":
		case "YXRRSET":
			return { ...plain, why: `${server}: something stands at the name already (${code})`, hint: null };
		case "NXDOMAIN":
		case "NXRRSET":
			return {
				...plain,
				why: `${server}: what stands at the name has changed meanwhile (${code})`,
				hint: null,
			};
		case "REFUSED":
			return {
				...plain,
				errorCode: "provider.denied",
				denied: true,
				why: `${server} refuses this to the TSIG key ${key} (REFUSED)`,
				hint: `allow the key to ask for and to change TXT records below _domainkey: BIND allow-query with update-policy or allow-update, Knot acl, PowerDNS TSIG-ALLOW-DNSUPDATE; make sure that ${server} is the zone's primary; PowerDNS says no more than this of an unknown key, another secret or a clock that is off`,
			};
		case "NOTAUTH":
			return {
				...plain,
				errorCode: "provider.zone",
				why: `${server} is not the primary of ${zone ?? "the zone"} (NOTAUTH without a TSIG error)`,
				hint: "name the zone's primary as server, or set `zone` of the domain to the zone that it holds; PowerDNS says this too where the TSIG key's secret differs from its own",
			};
		case "NOTZONE":
			return {
				...plain,
				errorCode: "provider.zone",
				why: `${server}: the name lies outside ${zone ?? "the zone"} (NOTZONE)`,
				hint: "set `zone` of the domain to the zone that holds its key records",
			};
		case "SERVFAIL":
			return {
				...plain,
				retry: true,
				why: `${server} failed (SERVFAIL)`,
				hint: "its log says why: often a journal or zone file that it may not write, a frozen zone, or a burst of updates",
			};
		case "NOTIMP":
			return {
				...plain,
				why: `${server} does not take dynamic updates (NOTIMP)`,
				hint: "enable them (PowerDNS: dnsupdate=yes), or use another type of provider",
			};
		case "NOERROR":
		case "FORMERR":
		default:
			return { ...plain, why: `${server} answered ${code}`, hint: null };
	}
}

export function refusalOfTsig(error: TsigError, asked: Asked): Refusal {
	const { server, key } = asked;
	const denied = { errorCode: "provider.denied", denied: true, retry: false } as const;
	switch (error.kind) {
		case "badkey":
			return {
				...denied,
				code: "BADKEY",
				why: `${server} does not take the TSIG key ${key} for this (NOTAUTH, BADKEY)`,
				hint: "compare the key's name and algorithm with the server's configuration; Knot answers this too when the key is right but its acl does not allow this zone, name, record type or our address",
			};
		case "badsig":
			return {
				...denied,
				code: "BADSIG",
				why: `${server} finds our signature with the TSIG key ${key} wrong (NOTAUTH, BADSIG)`,
				hint: "the secret differs from the server's: copy it again",
			};
		case "badtime":
			return {
				code: "BADTIME",
				errorCode: "provider.refused",
				denied: false,
				retry: true,
				why: `${server} finds our signature too old or too new (NOTAUTH, BADTIME): ${clocks(error.serverSeconds, asked.now)}`,
				hint: "set the clocks of both hosts (NTP): they may differ by 300 s",
			};
		case "other":
			return {
				...denied,
				code: `TSIG${error.code}`,
				why: `${server} refuses our signature with the TSIG key ${key} (TSIG error ${error.code})`,
				hint: null,
			};
	}
}

/** Of a Date (ECMA-262 section 21.4.1.1); a server can say more. */
const LAST_SECOND = 8_640_000_000_000;

function clocks(serverSeconds: number | null, now: Date): string {
	if (serverSeconds === null) return `our clock says ${now.toISOString()}, the server did not tell its time`;
	const apart = Math.round(now.getTime() / 1000) - serverSeconds;
	const where = apart < 0 ? "behind" : "ahead of";
	const theirs =
		serverSeconds > LAST_SECOND ? "clock, far beyond any date" : new Date(serverSeconds * 1000).toISOString();
	return `our clock says ${now.toISOString()}, ${Math.abs(apart)} s ${where} the server's ${theirs}`;
}
