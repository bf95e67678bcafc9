/** Gathers what a domain says of its mail in DNS besides its keys: SPF, DMARC and what is left of ADSP. */

import type { MailPolicies } from "../ports/mail-policies.ts";
import type { MailFacts, SpfFacts } from "./facts.ts";
import type { Lookup } from "./lookup.ts";

/** For documents only (RFC 5737): no host of anybody's, so that a record which allows it allows everybody. */
const STRANGER = "192.0.2.1";

export async function gatherMail(
	domain: string,
	lookup: Lookup,
	{ policies, addresses }: { readonly policies: MailPolicies; readonly addresses: readonly string[] },
): Promise<MailFacts> {
	const judge = async (address: string, isOwn: boolean): Promise<SpfFacts> => ({
		address,
		isOwn,
		verdict: await policies.spf(domain, address, lookup.ask),
	});
	const [texts, spfType, dmarcTexts, adsp, dmarc, spf] = await Promise.all([
		lookup.texts(domain),
		lookup.texts(domain, "SPF"),
		lookup.texts(`_dmarc.${domain}`),
		lookup.texts(`_adsp._domainkey.${domain}`),
		policies.dmarc(domain, lookup.ask),
		Promise.all(
			addresses.length === 0
				? [judge(STRANGER, false)]
				: addresses.map(async (address) => judge(address, true)),
		),
	]);
	return { texts, spf, spfType, dmarcTexts, dmarc, adsp };
}
