/** Tells that a key's record does not verify: one trouble for a server at fault, whatever its domains, else one for the record. */

import type { LookReport, ServerReport } from "../ports/propagation.ts";
import { blameOf } from "./blame.ts";
import { CAUSES } from "./causes.ts";
import { meanwhile } from "./meanwhile.ts";
import type { Doc, Run } from "./run.ts";

/** What is said where the record itself is at fault. */
export interface RecordWords {
	readonly selector: string;
	readonly summary: string;
	readonly hint: string;
}

/** May be repeated; `endMoot` ends what no look finds any more. */
export async function raiseUnverified(
	run: Run,
	doc: Doc,
	report: LookReport,
	words: RecordWords,
): Promise<void> {
	const { domain } = doc.policy;
	const { servers, isRecord } = blameOf(report);
	const record = CAUSES.verify(domain, words.selector);
	const same = { event: "verification_failed", severity: "critical", domains: [domain] } as const;
	if (isRecord) return run.raise({ ...same, ...words, cause: record, detail: sentences(report) });
	await run.end(record, domain);
	for (const { machine, reports } of servers)
		await run.raise({
			...same,
			cause: CAUSES.server(machine),
			selector: null,
			summary: `${kindOf(reports, report)} ${machine} does not serve key records that it has to serve`,
			detail: inLines(reports),
			hint: `${meanwhile(doc.state)}, and the wait goes on; see what is wrong with this server`,
		});
}

/** What each server that is not right said, a line each. */
export function sentences({ servers, resolvers }: LookReport): string {
	return inLines([...servers, ...resolvers].filter(({ outcome }) => outcome !== "right"));
}

function inLines(reports: readonly ServerReport[]): string {
	return reports.map(({ sentence }) => sentence).join("\n");
}

function kindOf(blamed: readonly ServerReport[], { servers }: LookReport): string {
	return blamed.some((report) => servers.includes(report)) ? "the name server" : "the resolver";
}
