/** Whether the record of every key in use stands as receivers need it: at each name server, and through the resolvers. */

import type { LookReport, ServerReport } from "../ports/propagation.ts";
import type { DomainFacts, Facts, KeyFacts } from "./facts.ts";
import { type Finding, type FindingCode, finding, type Mending } from "./finding.ts";
import { quoted } from "./words.ts";

export function checkRecords({ domains }: Facts): readonly Finding[] {
	return domains.flatMap((domain) =>
		domain.keys.flatMap((key) => (key.look === null ? [] : judge(domain, key, key.look))),
	);
}

function judge({ policy }: DomainFacts, { line }: KeyFacts, look: LookReport): readonly Finding[] {
	const { domain } = policy;
	const subject = `${domain} ${line.selector}`;
	const warnings = look.warnings.map((warning) =>
		finding("dns.warning", subject, { summary: warning, command: `keyturn verify ${domain}` }),
	);
	const code = codeOf(look);
	if (code === null) return warnings;
	return [
		finding(code, subject, { summary: summaryOf(code, look), ...mending(code, domain, line.selector) }),
		...warnings.filter(({ summary }) => !look.summary.includes(summary)),
	];
}

function codeOf({ verdict, servers, resolvers }: LookReport): FindingCode | null {
	if (verdict === "right") return null;
	if (servers.some(({ outcome }) => outcome === "not_signed")) return "dnssec.unsigned";
	if (servers.length > 0 && servers.every(isRight) && !resolvers.every(isRight)) return "resolver.differs";
	if (verdict === "unknown") return "record.unknown";
	return verdict === "absent" ? "record.absent" : "record.wrong";
}

function isRight({ outcome }: ServerReport): boolean {
	return outcome === "right";
}

function summaryOf(code: FindingCode, { summary, resolvers }: LookReport): string {
	if (code !== "resolver.differs") return summary;
	return resolvers.find((resolver) => !isRight(resolver))?.sentence ?? summary;
}

function mending(code: FindingCode, domain: string, selector: string): Mending {
	switch (code) {
		case "record.absent":
		case "record.wrong":
			return {
				advice: `put the right record there, or turn the key: keyturn rotate --now ${domain}`,
				command: `keyturn record ${domain} ${quoted(selector)}`,
			};
		case "dnssec.unsigned":
			return {
				advice: "have the zone signed anew (BIND: rndc sign ZONE), or take the DS record out of its parent",
			};
		case "resolver.differs":
			return { advice: "if it lasts longer than the record's TTL, see what the resolver forwards to" };
		default:
			return { advice: "see what each server answers", command: `keyturn verify ${domain}` };
	}
}
