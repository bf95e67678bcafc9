/** Proves staged keys before anything is committed: a message signed offline, and every server asked once more. */

import { KeyturnError } from "../errors.ts";
import type { Evidence, StageAnswer } from "../ports/door.ts";
import { leave, type Switching } from "./left-behind.ts";
import { backToPublished, lookNow } from "./look.ts";
import { meanwhile } from "./meanwhile.ts";
import { each, type Run } from "./run.ts";

const MINUTE_MS = 60_000;
/** What is not answered by then would be too old for the door soon after. */
const LOOKS_MS = 4 * MINUTE_MS;

/** Those whose staged message does not carry a signature that the staged record verifies are left behind. */
export async function proveOffline(
	run: Run,
	group: readonly Switching[],
	staged: StageAnswer,
): Promise<readonly Switching[]> {
	const proven: Switching[] = [];
	for (const one of group) {
		const { domain } = one.job.doc.policy;
		const { selector, record } = one.key;
		const signed = staged.messages.find(
			(message) => message.domain === domain && message.selector === selector,
		);
		const verdicts =
			signed === undefined
				? []
				: await run.ports.verifier.verify(signed.message, async (name) =>
						Promise.resolve(name === record.name.toLowerCase() ? [record.value] : []),
					);
		const passed = verdicts.some(
			(verdict) => verdict.domain === domain && verdict.selector === selector && verdict.outcome === "pass",
		);
		if (passed) proven.push(one);
		else await leave(run, one, 60 * MINUTE_MS, offlineFault(one, verdicts[0]?.reason ?? null));
	}
	return proven;
}

function offlineFault({ job, key }: Switching, reason: string | null): KeyturnError {
	return new KeyturnError(
		"signer.probe",
		`${job.doc.policy.domain}: a message signed offline with the staged key ${key.selector} does not verify: ${reason ?? "it is not signed with it"}`,
		{ hint: `${meanwhile(job.doc.state)}; check the signing table and the signer's configuration` },
	);
}

/** Fresh evidence: every server is asked once more now that nothing but the switch is left to do. */
export async function lookAfresh(run: Run, group: readonly Switching[]): Promise<readonly Switching[]> {
	const right: Switching[] = [];
	const deadline = run.ports.clock.deadline(LOOKS_MS, run.signal);
	await each(group, 8, async (one) => {
		const { doc } = one.job;
		const report = await lookNow(run, doc.policy, one.key, deadline);
		run.signal.throwIfAborted();
		one.report = report;
		if (report.verdict === "right") right.push(one);
		// What is wrong with the record of the key in use the daily look tells.
		else if (report.verdict === "unknown" || one.key.state === "active")
			await leave(run, one, 5 * MINUTE_MS, null, report.summary);
		else {
			run.ports.log.warn("verified record is no longer right", {
				domain: doc.policy.domain,
				selector: one.key.selector,
				summary: report.summary,
			});
			await run.save(doc, backToPublished(doc.state, one.key, report, run.now()));
			const again = new Date(run.now().getTime() + doc.policy.verify.intervalMs);
			run.delay(doc, { kind: "look", selector: one.key.selector }, again, report.summary);
		}
	});
	return group.filter((one) => right.includes(one));
}

/** What every server said, as the door wants it. */
export function evidenceOf({ job, key, report }: Switching): Evidence {
	return {
		domain: job.doc.policy.domain,
		selector: key.selector,
		record: key.record.value,
		answers: (report?.servers ?? [])
			.filter((server) => server.outcome === "right")
			.map(({ server, address, at }) => ({ server, address, at })),
	};
}
