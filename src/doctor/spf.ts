/** What the domain's SPF record (RFC 7208) says of this host's mail. */

import { excerpt } from "../dkim/foreign-text.ts";
import type { DomainFacts, Facts, SpfFacts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";

const EXAMPLE = '"v=spf1 mx -all"';

export function checkSpf({ domains }: Facts): readonly Finding[] {
	return domains.flatMap((domain) => [...judge(domain), ...ownType(domain)]);
}

function judge({ policy: { domain }, mail }: DomainFacts): readonly Finding[] {
	const { texts, spf } = mail;
	if (texts.kind === "unknown")
		return [
			finding("policy.unknown", domain, {
				summary: `its SPF record cannot be judged: ${texts.why}`,
				advice: "run keyturn doctor again once DNS answers",
			}),
		];
	const records = texts.values.filter((text) => /^v=spf1(?: |$)/i.test(text));
	if (records.length === 0)
		return [
			finding("spf.missing", domain, {
				summary: "there is no SPF record: receivers cannot tell which hosts may send its mail",
				advice: "publish one; this fits if its mail comes from the hosts of its MX records",
				command: `${domain}. TXT ${EXAMPLE}`,
			}),
		];
	if (records.length > 1)
		return [
			finding("spf.broken", domain, {
				summary: `there are ${records.length} SPF records: receivers take that for an error and believe none (RFC 7208 section 4.5)`,
				advice: "put all mechanisms into one record, and remove the others",
			}),
		];
	return [...broken(domain, spf), ...open(domain, records[0] ?? ""), ...excluded(domain, spf)];
}

function broken(domain: string, spf: readonly SpfFacts[]): readonly Finding[] {
	const error = spf.find(({ verdict }) => verdict.result === "permerror");
	if (error === undefined) return [];
	const { comment } = error.verdict;
	return [
		finding("spf.broken", domain, {
			summary: `its SPF record is in error${comment === "" ? "" : ` (${excerpt(comment, 200)})`}: receivers believe none of it`,
			advice: "correct it; RFC 7208 allows ten lookups in all, those of included records counted",
		}),
	];
}

function open(domain: string, record: string): readonly Finding[] {
	if (!/(?:^|\s)\+?all(?:\s|$)/i.test(record)) return [];
	return [
		finding("spf.open", domain, {
			summary: "its SPF record ends in +all: every host in the world may send its mail",
			advice: "end it with -all, or with ~all while you are trying it",
		}),
	];
}

function excluded(domain: string, spf: readonly SpfFacts[]): readonly Finding[] {
	const failing = spf.filter(({ isOwn, verdict }) => isOwn && ["fail", "softfail"].includes(verdict.result));
	if (failing.length === 0) return [];
	const addresses = failing.map(({ address }) => address);
	return [
		finding("spf.host", domain, {
			summary: `its SPF record does not allow this host (${addresses.join(", ")}): mail from here fails SPF`,
			advice: `if this host sends its mail, add ${addresses.map((address) => `${address.includes(":") ? "ip6" : "ip4"}:${address}`).join(" ")} before the record's "all"`,
		}),
	];
}

function ownType({ policy: { domain }, mail: { spfType } }: DomainFacts): readonly Finding[] {
	if (spfType.kind === "unknown" || spfType.values.length === 0) return [];
	return [
		finding("spf.type", domain, {
			summary:
				"it has a record of the type SPF, which some guides ask for: the type is gone, and nobody reads it (RFC 7208 section 3.1)",
			advice: "keep the TXT record, and remove that of type SPF",
		}),
	];
}
