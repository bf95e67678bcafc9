/** Tells what somebody has to do by hand, where no provider writes a record. */

import { formsToEnter } from "../dkim/record-forms.ts";
import type { LookReport } from "../ports/propagation.ts";
import type { KeyEntry } from "../rotation/domain-state.ts";
import type { Policy } from "../rotation/policy.ts";
import type { Doc, Run } from "./run.ts";
import { sentences } from "./unverified.ts";

const AGAIN_MS = 24 * 3_600_000;

/** Where the records of a domain are made by hand; null where providers write them. */
export function madeByHandAt(run: Run, { providers }: Policy): string | null {
	for (const name of providers) {
		const where = run.ports.providers.get(name)?.byHand?.where;
		if (where !== undefined) return where;
	}
	return null;
}

/** `missing` is what the name servers say where it was told before. */
export async function askToMake(
	run: Run,
	{ policy: { domain } }: Doc,
	key: KeyEntry,
	{ where, missing }: { readonly where: string; readonly missing: LookReport | null },
): Promise<void> {
	const still = missing === null ? "has to be made" : "is still missing: it has to be made";
	const forms = formsToEnter(key.record);
	await run.tell("action_needed", {
		severity: "warning",
		domains: [domain],
		selector: key.selector,
		summary: `${domain}: the record of ${key.selector} ${still} by hand at ${where}`,
		detail: missing === null ? forms : `${forms}\n${sentences(missing)}`,
		hint: `keyturn goes on by itself once every name server serves it; \`keyturn record ${domain} ${key.selector}\` prints it again`,
	});
}

/** Once a day, as long as it is missing. `before` is the look before this one, if this process made one. */
export async function remindToMake(
	run: Run,
	doc: Doc,
	key: KeyEntry,
	{ before, report }: { readonly before: LookReport | null; readonly report: LookReport },
): Promise<void> {
	const where = madeByHandAt(run, doc.policy);
	if (where === null || before === null || key.state !== "published" || key.lookingSince === null) return;
	if (report.verdict !== "absent" && report.verdict !== "wrong") return;
	const since = Date.parse(key.lookingSince);
	const daysAt = (at: string): number => Math.floor((Date.parse(at) - since) / AGAIN_MS);
	if (daysAt(report.at) > daysAt(before.at)) await askToMake(run, doc, key, { where, missing: report });
}
