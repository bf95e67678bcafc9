/** Looks whether the world has heard that a key is revoked: its provider has, and who is asked may still serve the key. */

import { isRecordOf } from "../dkim/key-material.ts";
import { asKeyturnError } from "../errors.ts";
import type { LookReport, ServerOutcome } from "../ports/propagation.ts";
import { editKey, type KeyEntry, keyOf } from "../rotation/domain-state.ts";
import type { Policy } from "../rotation/policy.ts";
import { CAUSES } from "./causes.ts";
import { changeRecord } from "./change-record.ts";
import { seen, SHOWN_MS } from "./look.ts";
import type { Doc, Job, Run } from "./run.ts";
import { sentences } from "./unverified.ts";
import { writersOf } from "./writers.ts";
import { zoneHolding } from "./zone-holding.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** Where an empty record is asked for, every record with a key in it is one of these; with all others nothing verifies. */
const SERVING: ReadonlySet<ServerOutcome> = new Set(["wrong_key", "several_records"]);

/** The look at the empty record of a compromised key: often until no server serves the key any more, then once a day. */
export async function watchEmptied(run: Run, { doc, step }: Job<"watch">): Promise<void> {
	const key = keyOf(doc.state, step.selector);
	if (key === null) return;
	const report = seen(run, doc.policy, key, false);
	if (report === null) return;
	const { domain } = doc.policy;
	const cause = CAUSES.retire(domain, key.selector);
	const now = run.now();
	const delay = (minutes: number, reason: string) =>
		run.delay(doc, step, new Date(now.getTime() + minutes * MINUTE_MS), reason);
	const serving = servesStill(report);
	if (serving.servers.length > 0) {
		if (now.getTime() - Date.parse(key.since) >= SHOWN_MS) {
			await emptyAgain(run, doc, key);
			await run.raise({
				cause,
				event: "retire_failed",
				severity: "critical",
				domains: [domain],
				selector: key.selector,
				summary: `${domain}: the record of ${key.selector} was emptied, and some name servers serve the key still; mail forged with it verifies there`,
				detail: sentences(serving),
				hint: `see why they do not take the change: another zone than ${key.record.zone ?? "the one written"} may be asked, or transfers stand still; keyturn record ${domain} ${key.selector} shows what has to stand there`,
			});
		}
		await keepWatch(run, { doc, step });
		delay(10, report.summary);
		return;
	}
	if (report.verdict === "unknown") {
		delay(10, report.summary);
		return;
	}
	await run.end(cause, domain);
	run.done(doc, step);
	delay(DAY_MS / MINUTE_MS, "the daily look");
}

/** Where its zone has the key once more: it was restored from before, or its provider carried out an old change again. */
async function emptyAgain(run: Run, doc: Doc, key: KeyEntry): Promise<void> {
	const { owner: name, value: to } = key.record;
	try {
		for (const from of await valuesWith(run, doc.policy, key)) {
			run.ports.log.warn("a compromised key stands in its zone again, and is taken out", { name });
			const change = (ttlSeconds: number) => ({ kind: "replace", name, from, to, ttlSeconds }) as const;
			const { failed } = await changeRecord(run, doc, key, change);
			if (failed !== null) throw failed.error;
		}
	} catch (thrown) {
		const error = asKeyturnError(thrown).message;
		run.ports.log.warn("the record of a compromised key cannot be emptied again", { name, error });
	}
}

/** The records of a key that its providers have at its name. */
async function valuesWith(run: Run, policy: Policy, key: KeyEntry): Promise<ReadonlySet<string>> {
	const found = new Set<string>();
	for (const provider of await writersOf(run, policy, key.record)) {
		const zone = await zoneHolding(provider, key.record.owner, [policy.zone], run.signal);
		for (const value of await provider.list(zone, key.record.owner, run.signal))
			if (isRecordOf(value, key.publicKey)) found.add(value);
	}
	return found;
}

/** The record is not removed, nor the look at it given up, while somebody serves the key. */
async function keepWatch(run: Run, { doc, step }: Job<"watch">): Promise<void> {
	const owes = keyOf(doc.state, step.selector)?.owes ?? null;
	const tomorrowMs = run.now().getTime() + DAY_MS;
	if (owes === null || Date.parse(owes.notBefore ?? owes.askedAt) > tomorrowMs) return;
	const notBefore = new Date(tomorrowMs + DAY_MS).toISOString();
	await run.save(
		doc,
		editKey(doc.state, step.selector, (key) => ({ ...key, owes: { ...owes, notBefore } })),
	);
}

/** With those servers only that serve a key. */
function servesStill(report: LookReport): LookReport {
	return { ...report, servers: report.servers.filter(({ outcome }) => SERVING.has(outcome)), resolvers: [] };
}
