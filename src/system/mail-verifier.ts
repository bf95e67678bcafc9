/** Verifies DKIM signatures with mailauth, against records that the caller gives; the library is loaded at first use. */

import { keyRecordName } from "../dkim/names.ts";
import type { MailVerifier, SignatureVerdict } from "../ports/mail-verifier.ts";

export function createMailVerifier(): MailVerifier {
	return {
		verify: async (message, lookup) => {
			const { dkimVerify } = await import("mailauth");
			const crowded = new Map<string, number>();
			const lookupOne: Lookup = async (asked) => {
				const name = asked.toLowerCase();
				const values = await lookup(name);
				if (values !== null && values.length > 1) crowded.set(name, values.length);
				return values;
			};
			const { results } = await dkimVerify(Buffer.from(message, "utf8"), {
				resolver: async (name: string, type: string) => resolve(name, type, lookupOne),
			});
			return results.flatMap(verdictOf).map((verdict) => failCrowded(verdict, crowded));
		},
	};
}

/** mailauth takes one of several records, other verifiers refuse them all (RFC 6376 section 3.6.2.2 leaves it open). */
function failCrowded(verdict: SignatureVerdict, crowded: ReadonlyMap<string, number>): SignatureVerdict {
	const count = crowded.get(keyRecordName(verdict.selector, verdict.domain).toLowerCase());
	if (count === undefined) return verdict;
	return { ...verdict, outcome: "fail", reason: `${count} TXT records at the name, expected one` };
}

type Lookup = Parameters<MailVerifier["verify"]>[1];

/** Answers and fails as `node:dns` does, which is what mailauth expects. */
async function resolve(name: string, type: string, lookup: Lookup): Promise<string[][]> {
	const values = type === "TXT" ? await lookup(name) : [];
	if (values === null) throw dnsError("ESERVFAIL", name);
	if (values.length === 0) throw dnsError("ENOTFOUND", name);
	return values.map((value) => [value]);
}

function dnsError(code: string, name: string): Error {
	return Object.assign(new Error(`query ${code} ${name}`), { code });
}

interface LibraryResult {
	readonly signingDomain?: string;
	readonly selector?: string;
	readonly status: { readonly result: string; readonly comment?: string | false };
}

/** A message without any signature has one result, of no domain. */
function verdictOf(result: LibraryResult): readonly SignatureVerdict[] {
	const { signingDomain, selector, status } = result;
	if (signingDomain === undefined || selector === undefined) return [];
	const outcome = status.result === "pass" ? "pass" : status.result === "temperror" ? "unknown" : "fail";
	const comment = status.comment === undefined || status.comment === false ? "" : `: ${status.comment}`;
	return [
		{
			// As written in d=, where case says nothing (RFC 6376 section 3.5): a table may have capitals.
			domain: signingDomain.toLowerCase(),
			selector,
			outcome,
			reason: outcome === "pass" ? null : `${status.result}${comment}`,
		},
	];
}
