/** Whether a record of Author Domain Signing Practices stands: guides still ask for one, and no receiver does. */

import type { Facts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";

export function checkAdsp({ domains }: Facts): readonly Finding[] {
	return domains.flatMap(({ policy: { domain }, mail: { adsp } }) => {
		if (adsp.kind === "unknown" || !adsp.values.some((text) => /^\s*dkim\s*=/i.test(text))) return [];
		return [
			finding("adsp.historic", domain, {
				summary:
					"it has an ADSP record, as older guides say: ADSP is historic since 2013, and no receiver asks for it",
				advice: `remove TXT _adsp._domainkey.${domain}; its DMARC record says what it was meant to say`,
			}),
		];
	});
}
