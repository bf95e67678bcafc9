/** Verifies DKIM signatures with mailauth, against records that the caller gives; the library is loaded at first use. */

import type { MailVerifier, SignatureVerdict } from "../ports/mail-verifier.ts";

export function createMailVerifier(): MailVerifier {
	return {
		verify: async (message, lookup) => {
			const { dkimVerify } = await import("mailauth");
			const { results } = await dkimVerify(Buffer.from(message, "utf8"), {
				resolver: async (name: string, type: string) => resolve(name, type, lookup),
			});
			return results.flatMap(verdictOf);
		},
	};
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
			domain: signingDomain,
			selector,
			outcome,
			reason: outcome === "pass" ? null : `${status.result}${comment}`,
		},
	];
}
