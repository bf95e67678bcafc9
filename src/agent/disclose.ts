/** Lays out the private half of a key that nobody verifies with any more: from then on its old signatures prove nothing. */

import { isRevokedRecord } from "../dkim/key-record.ts";
import { KeyturnError } from "../errors.ts";
import type { LookReport, ServerOutcome, ServerReport } from "../ports/propagation.ts";
import { editKey, type KeyEntry, keyOf } from "../rotation/domain-state.ts";
import { CAUSES } from "./causes.ts";
import type { Loaded } from "./documents.ts";
import { revealKey } from "./inspection.ts";
import { seen } from "./look.ts";
import { tellRetireFailed } from "./not-removed.ts";
import type { Job, Run } from "./run.ts";
import { holdersOf } from "./same-record.ts";
import { sentences } from "./unverified.ts";

const DAY_MS = 86_400_000;

export async function disclose(run: Run, { doc, step }: Job<"disclose">, loaded: Loaded): Promise<void> {
	const { domain, retire } = doc.policy;
	const key = keyOf(doc.state, step.selector);
	if (key === null || retire.publishPrivate === null) return;
	const holders = holdersOf(run, { doc, step }, key, loaded);
	if (holders === "later") return;
	if (holders.length > 0) {
		const reason = `its private half stays private: ${holders.join(", ")} has the same key, whose record may stand there`;
		run.delay(doc, step, new Date(run.now().getTime() + DAY_MS), reason);
		return;
	}
	// Whoever has the key could sign wherever its record stands again.
	const report = seen(run, doc.policy, key, true);
	if (report === null) return;
	try {
		mustBeGone(domain, key, report);
		const pem = await revealKey(run, doc.policy, key);
		await run.ports.shelf.layOut(retire.publishPrivate, { domain, selector: key.selector }, pem);
	} catch (thrown) {
		const error = run.fail(doc, step, thrown);
		run.delay(doc, step, new Date(run.now().getTime() + DAY_MS), error.message);
		await tellRetireFailed(run, { doc, step }, error, {
			what: `the private half of ${step.selector} was not published`,
			hint: "it is tried again each day",
		});
		return;
	}
	const now = run.now().toISOString();
	await run.tell("retired", {
		severity: "info",
		domains: [domain],
		selector: key.selector,
		summary: `${domain}: the private half of ${key.selector} is published; its signatures prove nothing any more`,
		detail: `in ${retire.publishPrivate}`,
		hint: null,
	});
	await run.save(
		doc,
		editKey(doc.state, key.selector, (one) => ({
			...one,
			disclosedAt: now,
			// It is never needed again: nobody may sign with it.
			owes: one.owes === null ? null : { ...one.owes, notBefore: null },
		})),
	);
	await run.end(CAUSES.retire(domain, key.selector), domain);
	run.done(doc, step);
}

/** Under a wildcard every name has an answer: the record itself is absent. */
const GONE: ReadonlySet<ServerOutcome> = new Set(["absent_name", "absent_record", "wildcard", "revoked"]);

/** Every server at the name's end has to say so: a timeout is no proof. What only passes an alias on says nothing of its end. */
function mustBeGone(domain: string, { selector, record }: KeyEntry, report: LookReport): void {
	const isGone = ({ outcome }: { readonly outcome: ServerOutcome }): boolean =>
		GONE.has(outcome) || (outcome === "right" && isRevokedRecord(record.value));
	const passesOn = ({ outcome, txtRecords }: ServerReport): boolean =>
		outcome === "right" && txtRecords === 0;
	const ends = [...report.servers, ...report.resolvers].filter((one) => !passesOn(one));
	if (ends.length > 0 && ends.every(isGone)) return;
	throw new KeyturnError(
		"dns.failed",
		`${domain}: the private half of ${selector} is not published, since its record is not gone everywhere: ${report.summary}`,
		{ retry: true, hint: sentences(report) },
	);
}
