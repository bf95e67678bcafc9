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
	for (const server of servers)
		await run.raise({
			...same,
			cause: CAUSES.server(server),
			selector: null,
			summary: `${kindOf(server, report)} ${server} does not serve key records that it has to serve`,
			detail: sentences(report, server),
			hint: `${meanwhile(doc.state)}, and the wait goes on; see what is wrong with this server`,
		});
}

/** What each server that is not right said, or only one of them, a line each. */
export function sentences({ servers, resolvers }: LookReport, only: string | null = null): string {
	return [...servers, ...resolvers]
		.filter(({ outcome, server }) => outcome !== "right" && (only === null || server === only))
		.map(({ sentence }) => sentence)
		.join("\n");
}

function kindOf(name: string, { servers }: LookReport): string {
	return servers.some(({ server }: ServerReport) => server === name) ? "the name server" : "the resolver";
}
