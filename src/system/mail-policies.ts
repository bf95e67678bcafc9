/** Judges SPF and DMARC with mailauth, over the lookups that the caller gives; the library is loaded at first use. */

import type {
	DmarcVerdict,
	MailPolicies,
	PolicyLookup,
	PolicyRecordType,
	SpfResult,
	SpfVerdict,
} from "../ports/mail-policies.ts";

export function createMailPolicies(): MailPolicies {
	return { spf, dmarc };
}

const RESULTS: ReadonlySet<string> = new Set<SpfResult>([
	"pass",
	"fail",
	"softfail",
	"neutral",
	"none",
	"temperror",
	"permerror",
]);

async function spf(domain: string, address: string, lookup: PolicyLookup): Promise<SpfVerdict> {
	const library = await import("mailauth");
	const { status, lookups } = (await library.spf({
		sender: `postmaster@${domain}`,
		ip: address,
		helo: domain,
		resolver: resolverOver(lookup),
	})) as SpfJudged;
	const result = RESULTS.has(status.result) ? (status.result as SpfResult) : "temperror";
	return {
		result,
		comment: typeof status.comment === "string" ? status.comment : "",
		lookups: lookups?.count ?? 0,
	};
}

interface SpfJudged {
	readonly status: { readonly result: string; readonly comment?: string | false };
	readonly lookups?: { readonly count?: number };
}

async function dmarc(domain: string, lookup: PolicyLookup): Promise<DmarcVerdict> {
	const library = await import("mailauth");
	const judged = (await library.dmarc({
		headerFrom: `postmaster@${domain}`,
		spfDomains: [],
		dkimDomains: [{ domain }],
		resolver: resolverOver(lookup),
	})) as DmarcJudged | false;
	if (judged === false) return { result: "none", policy: null, record: null };
	const { result } = judged.status;
	return {
		result: result === "pass" || result === "fail" || result === "temperror" ? result : "none",
		policy: typeof judged.policy === "string" ? judged.policy.toLowerCase() : null,
		record: judged.rr ?? null,
	};
}

interface DmarcJudged {
	readonly status: { readonly result: string };
	readonly policy?: unknown;
	readonly rr?: string;
}

/** Answers and fails as `node:dns` does, which is what mailauth expects. */
function resolverOver(lookup: PolicyLookup) {
	return async (name: string, type: string): Promise<string[][]> => {
		const answer = await lookup(name.toLowerCase(), type as PolicyRecordType);
		if (answer.kind === "absent") throw dnsError("ENOTFOUND", name);
		if (answer.kind === "unknown") throw dnsError("ETIMEOUT", name);
		return shaped(answer.values, type) as string[][];
	};
}

/** `node:dns` has a form of its own for each type, and the library's types know that of TXT only. */
function shaped(values: readonly string[], type: string): unknown {
	if (type === "TXT") return values.map((value) => [value]);
	if (type === "MX") return values.map((exchange) => ({ exchange, priority: 10 }));
	return [...values];
}

function dnsError(code: string, name: string): Error {
	return Object.assign(new Error(`query ${code} ${name}`), { code });
}
