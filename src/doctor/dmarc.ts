/** What the domain asks receivers to do with mail that fails SPF and DKIM: its DMARC record (RFC 7489). */

import type { DomainFacts, Facts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";

const POLICIES: readonly string[] = ["none", "quarantine", "reject"];

export function checkDmarc({ domains }: Facts): readonly Finding[] {
	return domains.flatMap(judge);
}

function judge({ policy: { domain }, mail }: DomainFacts): readonly Finding[] {
	const { dmarc, dmarcTexts } = mail;
	if (dmarcTexts.kind === "unknown" || dmarc.result === "temperror")
		return [
			finding("policy.unknown", domain, {
				summary: `its DMARC record cannot be judged: ${dmarcTexts.kind === "unknown" ? dmarcTexts.why : "no answer from DNS"}`,
				advice: "run keyturn doctor again once DNS answers",
			}),
		];
	const records = dmarcTexts.values.filter((text) => /^v=DMARC1\b/i.test(text.trim()));
	if (records.length > 1)
		return [
			broken(
				domain,
				`there are ${records.length} DMARC records, so that receivers take none (RFC 7489 section 6.6.3)`,
				"keep one of them",
			),
		];
	if (dmarc.result === "none") return [missing(domain)];
	if (dmarc.policy === null || !POLICIES.includes(dmarc.policy))
		return [
			broken(
				domain,
				`its DMARC record has no p= that is known (${POLICIES.join(", ")}): receivers pass over it`,
				"give it one: p=none, p=quarantine or p=reject",
			),
		];
	return dmarc.policy === "none" ? [watching(domain, dmarc.record ?? "")] : [];
}

function missing(domain: string): Finding {
	return finding("dmarc.missing", domain, {
		summary: "there is no DMARC record: receivers are not told what to do with mail that fails SPF and DKIM",
		advice: "publish one that asks for reports, and a stricter p= once they are clean",
		command: `_dmarc.${domain}. TXT "v=DMARC1; p=none; rua=mailto:postmaster@${domain}"`,
	});
}

function broken(domain: string, summary: string, advice: string): Finding {
	return finding("dmarc.broken", domain, { summary, advice });
}

function watching(domain: string, record: string): Finding {
	const isReported = /\brua\s*=/i.test(record);
	return finding("dmarc.watching", domain, {
		summary: `its DMARC record says p=none: mail that fails is delivered all the same${isReported ? "" : ", and no reports are asked for (rua=)"}`,
		advice: isReported ? "p=quarantine once the reports are clean" : `add rua=mailto:postmaster@${domain}`,
	});
}
