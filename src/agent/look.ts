/** Looks at what the world serves for a key: until a new record is everywhere, and once a day for the key in use. */

import { asKeyturnError } from "../errors.ts";
import type { DnsProvider } from "../ports/dns-provider.ts";
import { type LookReport, type LookRequest, SAYING_NOTHING } from "../ports/propagation.ts";
import { type DomainState, editKey, type KeyEntry, keyOf, moveKey } from "../rotation/domain-state.ts";
import type { Policy } from "../rotation/policy.ts";
import { soakMs } from "../rotation/timing.ts";
import { madeByHandAt, remindToMake } from "./by-hand.ts";
import { CAUSES } from "./causes.ts";
import { changeRecord } from "./change-record.ts";
import { soaksSince } from "./clock-watch.ts";
import { supersede } from "./make.ts";
import { meanwhile } from "./meanwhile.ts";
import { inZoneOfNow, notRight } from "./remembered.ts";
import type { Doc, Job, Run } from "./run.ts";
import { turnAwayFromRevoked } from "./turn-away.ts";
import { isUnansweredForLong } from "./unanswered.ts";
import { raiseUnverified } from "./unverified.ts";
import { writersOf } from "./writers.ts";
import { zoneHolding } from "./zone-holding.ts";

const MINUTE_MS = 60_000;
/** How far the interval grows, unless it is longer from the beginning. */
const LONGEST_INTERVAL_MS = 10 * MINUTE_MS;
/** Looks that say "absent" before the provider is asked whether it still has the record. */
const ABSENT_LOOKS = 3;
/** Where every look is of a process of its own, as by cron, none of them counts the others. */
const ABSENT_MS = 5 * MINUTE_MS;
/**
 * DNS hosts that write their zones out from time to time show within the hour what they took: what has not come by then was never
 * written, or has gone.
 */
export const SHOWN_MS = 60 * MINUTE_MS;
/** How far the wait grows until a record is published once more that was lost each time before. */
const LONGEST_LOST_MS = 60 * MINUTE_MS;
/** Answers that only time out are told after so many looks at a key in use. */
const UNKNOWN_LOOKS = 6;
/** How often a record that vanishes is put back. */
const MOST_RESTORED = 2;

export async function look(run: Run, { doc, step }: Job<"look">): Promise<void> {
	const key = keyOf(doc.state, step.selector);
	if (key === null) return;
	const before = run.memory.looks.get(`${doc.policy.domain} ${key.selector}`) ?? null;
	const report = seen(run, doc.policy, key, true);
	if (report === null) return;
	switch (report.verdict) {
		case "right":
			await right(run, { doc, step }, key, report);
			break;
		case "wrong":
		case "absent":
			await noteNotRight(run, doc, key, report);
			if (
				report.verdict === "absent" &&
				isMissedForLong(run, { doc, step }, key) &&
				(await isLost(run, doc.policy, key))
			) {
				if (isLate(doc.policy, key, run.now())) await tellIfLate(run, doc, step.selector, report);
				await publishAgain(run, doc, key);
				run.done(doc, step);
				return;
			}
			if (await isGivenUp(run, doc, key, report)) {
				run.done(doc, step);
				return;
			}
			waitForServers(run, { doc, step }, report);
			break;
		case "unknown":
			waitForServers(run, { doc, step }, report);
			break;
	}
	await remindToMake(run, doc, key, { before, report });
	await tellIfLate(run, doc, step.selector, report);
}

async function noteNotRight(run: Run, doc: Doc, key: KeyEntry, report: LookReport): Promise<void> {
	const changes = notRight(key, report);
	if (key.rightSince === null && key.record === changes.record) return;
	await run.save(
		doc,
		editKey(doc.state, key.selector, (one) => ({ ...one, ...changes })),
	);
}

/** Long enough to ask its provider for it: one that loses it again and again is asked ever less often, hourly in the end. */
function isMissedForLong(run: Run, { doc, step }: Job<"look">, { since, lookingSince }: KeyEntry): boolean {
	const publishedMs = run.now().getTime() - Date.parse(since);
	const lookedForMs = waitedMs({ since, lookingSince });
	// A publication in the future is of a clock that was ahead.
	if (publishedMs >= 0 && publishedMs < Math.min(lookedForMs, LONGEST_LOST_MS)) return false;
	return run.tries(doc, step) >= ABSENT_LOOKS || publishedMs >= ABSENT_MS;
}

/** For how long a record had been waited for when it was last published: 0 the first time. */
function waitedMs({ since, lookingSince }: Pick<KeyEntry, "since" | "lookingSince">): number {
	return Date.parse(since) - Date.parse(lookingSince ?? since);
}

/**
 * The daily look. Trouble with the key in use is told, and never blocks its replacement; a verified key whose record went
 * wrong waits for its servers again, days before it is needed.
 */
export async function watch(run: Run, { doc, step }: Job<"watch">): Promise<void> {
	const key = keyOf(doc.state, step.selector);
	if (key === null) return;
	const { domain } = doc.policy;
	const report = seen(run, doc.policy, key, true);
	if (report === null) return;
	const isUnanswered = await isUnansweredForLong(run, doc, key, report);
	if (report.verdict === "right") {
		await run.end(CAUSES.verify(domain, key.selector), domain);
		run.done(doc, step);
		run.delay(doc, step, new Date(run.now().getTime() + 24 * 60 * MINUTE_MS), "the daily look");
		return;
	}
	if (key.state === "verified") {
		if (report.verdict !== "unknown") await run.save(doc, backToPublished(doc.state, key, report, run.now()));
	} else if (report.verdict !== "unknown" || isUnanswered || run.tries(doc, step) >= UNKNOWN_LOOKS) {
		const isRevoked = saysRevoked(report);
		await raiseUnverified(run, doc, report, {
			selector: key.selector,
			summary: `${domain}: mail is signed with ${key.selector}, but its record does not verify: ${report.summary}`,
			hint: isRevoked
				? `it was revoked: was the host put back to before that? keyturn rotate --now ${domain} makes a new key`
				: `keyturn record ${domain} ${key.selector} prints what has to stand there`,
		});
		if (isRevoked) await turnAwayFromRevoked(run, doc, key);
		if (report.verdict === "absent" && (await isRestored(run, doc, key))) {
			run.delay(doc, step, new Date(run.now().getTime() + doc.policy.verify.intervalMs), report.summary);
			return;
		}
	}
	run.delay(doc, step, new Date(run.now().getTime() + longestMs(doc.policy)), report.summary);
}

/** Whether all that say anything of the record say that it is empty. */
function saysRevoked({ servers }: LookReport): boolean {
	const said = servers.filter(({ outcome }) => !SAYING_NOTHING.has(outcome));
	return said.length > 0 && said.every(({ outcome }) => outcome === "revoked");
}

/**
 * The record of a key in use that its provider no longer has is put back, if it is ours. Whoever takes it away again means
 * it: after the second time it stays so until the next turn.
 */
async function isRestored(run: Run, doc: Doc, key: KeyEntry): Promise<boolean> {
	if (key.origin !== "made" || (key.owes !== null && key.owes.act !== "publish")) return false;
	const tries = key.owes?.tries ?? 0;
	if (tries >= MOST_RESTORED || !(await isLost(run, doc.policy, key))) return false;
	const owes = { act: "publish", id: null, askedAt: run.now().toISOString(), notBefore: null } as const;
	await run.save(
		doc,
		editKey(doc.state, key.selector, (one) => ({ ...one, owes: { ...owes, tries: tries + 1 } })),
	);
	const { owner, value } = key.record;
	const { failed } = await changeRecord(run, doc, key, (ttlSeconds) => ({
		kind: "add",
		name: owner,
		value,
		ttlSeconds,
	}));
	if (failed !== null) throw failed.error;
	run.ports.log.warn("the record of a key in use had gone, and is published again", { owner });
	return true;
}

/** What a look without the lock has just seen; null until there was one. */
export function seen(run: Run, policy: Policy, key: KeyEntry, askResolvers: boolean): LookReport | null {
	const report = run.inquiries.look(requestFor(policy, key, askResolvers));
	return report === null ? null : remember(run, policy, key, report);
}

/** A look within a step, with the lock held: nothing may come between it and what it is for. */
export async function lookNow(
	run: Run,
	policy: Policy,
	key: KeyEntry,
	signal: AbortSignal,
): Promise<LookReport> {
	const report = await run.ports.propagation.look(requestFor(policy, key, false), signal);
	return remember(run, policy, key, report);
}

function requestFor(policy: Policy, key: KeyEntry, askResolvers: boolean): LookRequest {
	const { domain, verify } = policy;
	return { domain, selector: key.selector, record: key.record.value, verify, askResolvers };
}

/** For the live progress. */
function remember(run: Run, { domain }: Policy, { selector }: KeyEntry, report: LookReport): LookReport {
	run.memory.looks.set(`${domain} ${selector}`, report);
	return report;
}

/** A verified key whose servers turned wrong waits for them again. */
export function backToPublished(
	state: DomainState,
	key: KeyEntry,
	report: LookReport,
	at: Date,
): DomainState {
	return moveKey(state, key.selector, "published", at, {
		...notRight(key, report),
		lookingSince: at.toISOString(),
		reason: report.summary,
	});
}

async function right(run: Run, { doc, step }: Job<"look">, key: KeyEntry, report: LookReport): Promise<void> {
	const { domain } = doc.policy;
	// After a jump of the clock, and where it was ahead, what it said before tells nothing: the soak begins anew.
	const from = soaksSince(run);
	const isCounted = key.rightSince !== null && key.rightSince <= report.at && key.rightSince >= from;
	const rightSince = isCounted ? key.rightSince : report.at;
	const record = inZoneOfNow(key.record, report);
	// What was told is over, though the soak goes on; one right look alone may be of a record that comes and goes.
	if (isCounted) await run.end(CAUSES.verify(domain, key.selector), domain);
	const soaked = new Date(rightSince).getTime() + soakMs({ ...key, record }, doc.state, doc.policy);
	if (new Date(report.at).getTime() < soaked) {
		if (key.rightSince !== rightSince || key.record !== record)
			await run.save(
				doc,
				editKey(doc.state, key.selector, (one) => ({ ...one, rightSince, record })),
			);
		const next = Math.min(soaked, run.now().getTime() + longestMs(doc.policy));
		const until = new Date(Math.max(next, run.now().getTime() + 1000));
		run.delay(
			doc,
			step,
			until,
			`every server is right; what resolvers remember of before expires by ${new Date(soaked).toISOString()}`,
		);
		return;
	}
	await run.tell("verified", {
		severity: "info",
		domains: [domain],
		selector: key.selector,
		summary: `${domain}: every server serves the record of ${key.selector}`,
		detail: report.summary,
		hint: null,
	});
	await run.save(
		doc,
		moveKey(doc.state, key.selector, "verified", new Date(report.at), { rightSince, record }),
	);
	await run.end(CAUSES.verify(domain, key.selector), domain);
	run.done(doc, step);
	const tomorrow = new Date(run.now().getTime() + 24 * 60 * MINUTE_MS);
	run.delay(doc, { kind: "watch", selector: key.selector }, tomorrow, "the daily look");
}

function waitForServers(run: Run, { doc, step }: Job<"look">, report: LookReport): void {
	const { intervalMs } = doc.policy.verify;
	const waitMs = Math.min(intervalMs * 1.5 ** run.tries(doc, step), longestMs(doc.policy));
	const until = new Date(run.now().getTime() + Math.max(waitMs, Math.min(intervalMs, 1000)));
	run.delay(doc, step, until, report.summary);
}

function longestMs({ verify }: Policy): number {
	return Math.max(LONGEST_INTERVAL_MS, verify.intervalMs);
}

async function tellIfLate(run: Run, doc: Doc, selector: string, report: LookReport): Promise<void> {
	const key = keyOf(doc.state, selector);
	if (key?.state !== "published" || key.lookingSince === null || report.verdict === "right") return;
	const { domain } = doc.policy;
	const elsewhere = writtenElsewhere(key, report);
	if (elsewhere === null && !isLate(doc.policy, key, run.now())) return;
	await raiseUnverified(run, doc, report, {
		selector,
		summary: `${domain}: the record of ${selector} is not everywhere since ${key.lookingSince}: ${elsewhere ?? report.summary}`,
		hint: `${meanwhile(doc.state)}, and the wait goes on; ${whatToDo(run, doc, key)}`,
	});
}

function isLate({ verify }: Policy, { lookingSince }: KeyEntry, now: Date): boolean {
	return lookingSince !== null && Date.parse(lookingSince) + verify.timeoutMs <= now.getTime();
}

/** Where the name leads elsewhere for so long, the next key's record goes there; one that has signed is not given up. */
async function isGivenUp(run: Run, doc: Doc, key: KeyEntry, report: LookReport): Promise<boolean> {
	const elsewhere = leadsElsewhere(key, report);
	if (elsewhere === null || key.uses.length > 0 || !isLate(doc.policy, key, run.now())) return false;
	await supersede(run, doc, key.selector, elsewhere);
	return true;
}

/** An alias came or went since the record was written. */
function leadsElsewhere({ record }: KeyEntry, { owner, zone, servers }: LookReport): string | null {
	if (zone === null || owner === record.owner) return null;
	if (servers.some(({ outcome }) => outcome === "right")) return null;
	return `the world looks for the record at ${owner}, and it was written at ${record.owner}`;
}

/** Waiting does not help where the world asks another zone than the one that was written: a delegation that nobody thought of. */
function writtenElsewhere(key: KeyEntry, report: LookReport): string | null {
	const { record } = key;
	const { zone } = report;
	const elsewhere = leadsElsewhere(key, report);
	if (elsewhere !== null || zone === null || record.zone === null || zone === record.zone) return elsewhere;
	return `the world looks for ${record.owner} in the zone ${zone}, and it was written into ${record.zone}`;
}

function whatToDo(run: Run, { policy }: Doc, { selector, record }: KeyEntry): string {
	if (madeByHandAt(run, policy) !== null)
		return `make the record by hand: \`keyturn record ${policy.domain} ${selector}\` prints it`;
	const [provider = "the provider"] = record.providers;
	return `check the name servers named here: if they never get it, the zone ${record.zone ?? ""} at ${provider} is not the one that is delegated to`;
}

/** Whether a provider of the domain no longer has a record, or never had it; one that cannot say has not lost it. */
async function isLost(run: Run, policy: Policy, key: KeyEntry): Promise<boolean> {
	try {
		for (const provider of await writersOf(run, policy, key.record)) {
			if (mayStillCome(provider, key, run.now())) continue;
			const zone = await zoneHolding(provider, key.record.owner, [policy.zone], run.signal);
			const values = await provider.list(zone, key.record.owner, run.signal);
			if (!values.includes(key.record.value)) return true;
		}
	} catch (thrown) {
		const error = asKeyturnError(thrown);
		run.ports.log.warn("whether a record is lost cannot be told", { owner: key.record.owner, error });
	}
	return false;
}

/** Where DNS is the only list, what was just taken and is not served yet is late, not lost; people may take days to make it. */
function mayStillCome({ readsBack, byHand }: DnsProvider, key: KeyEntry, now: Date): boolean {
	if (readsBack !== "dns" || key.state !== "published") return false;
	if (byHand !== undefined) return true;
	// Each publication has as long as all before it: they are told.
	return now.getTime() - Date.parse(key.since) < Math.max(SHOWN_MS, waitedMs(key));
}

async function publishAgain(run: Run, doc: Doc, key: KeyEntry): Promise<void> {
	const now = run.now();
	// With what the look that missed it has found at its name.
	const { record } = keyOf(doc.state, key.selector) ?? key;
	await run.save(
		doc,
		moveKey(doc.state, key.selector, "pending", now, {
			// It may have been lost with its zone, and is looked for anew.
			record: { ...record, zone: null },
			owes: { act: "publish", id: null, askedAt: now.toISOString(), tries: 0, notBefore: null },
			reason: "the provider lost its record; it is published again",
		}),
	);
}
