/** Has the door switch verified keys: staged, proven offline and in DNS, committed; then takes the result over. */

import { asKeyturnError, KeyturnError } from "../errors.ts";
import type { Evidence, RefusedAnswer, StageAnswer, StageChange, SwitchResult } from "../ports/door.ts";
import type { LookReport } from "../ports/propagation.ts";
import { type DomainState, editKey, type KeyEntry, type KeyUse, keyOf } from "../rotation/domain-state.ts";
import { withoutRollback } from "../rotation/wishes.ts";
import { signsSince } from "./adopt.ts";
import { CAUSES } from "./causes.ts";
import { dropStaged, forgetInspection, unexpectedAnswer } from "./inspection.ts";
import { backToPublished, lookNow } from "./look.ts";
import { supersede } from "./make.ts";
import type { Step } from "../rotation/step.ts";
import { meanwhile } from "./meanwhile.ts";
import { type Doc, each, type Job, type Run } from "./run.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** What is not answered by then would be too old for the door soon after. */
const LOOKS_MS = 4 * MINUTE_MS;

interface Switching {
	readonly job: Job<"switch">;
	readonly key: KeyEntry;
	/** Of the look made after staging. */
	report: LookReport | null;
}

/** All that is due goes through one stop; what cannot go along is left behind, and the rest is staged anew. */
export async function switchKeys(run: Run, jobs: readonly Job<"switch">[]): Promise<void> {
	let group: readonly Switching[] = jobs.flatMap((job) => {
		const key = keyOf(job.doc.state, job.step.selector);
		return key === null ? [] : [{ job, key, report: null }];
	});
	while (group.length > 0) {
		const id = run.ports.random.id();
		const left = await attempt(run, id, group);
		if (left === null) return;
		await giveUpStaged(run, id);
		group = left;
	}
}

/** One attempt; null when it is over, else those with whom to try again under a new id. */
async function attempt(
	run: Run,
	id: string,
	group: readonly Switching[],
): Promise<readonly Switching[] | null> {
	for (const one of group) await owe(run, one, id);
	const staged = await stage(run, id, group);
	if (staged.act === "refused") return leaveRefused(run, group, staged);
	const proven = await proveOffline(run, group, staged);
	if (proven.length < group.length) return proven;
	const seen = await lookAfresh(run, group);
	if (seen.length < group.length) return seen;
	return commit(run, id, group, staged);
}

/** What a door that is busy keeps staged does no harm: it is never committed, and its key files go over to the next id. */
async function giveUpStaged(run: Run, id: string): Promise<void> {
	try {
		await dropStaged(run, [id]);
	} catch (thrown) {
		run.ports.log.warn("a staged switch was not dropped", { id, error: asKeyturnError(thrown) });
	}
}

/** The intent: from here on a crash is settled by asking the door for this id. */
async function owe(run: Run, { job, key }: Switching, id: string): Promise<void> {
	const owes = {
		act: "switch" as const,
		id,
		askedAt: run.now().toISOString(),
		tries: keyOf(job.doc.state, key.selector)?.owes?.tries ?? 0,
		notBefore: null,
	};
	await run.save(
		job.doc,
		editKey(job.doc.state, key.selector, (one) => ({ ...one, owes })),
	);
}

async function stage(
	run: Run,
	id: string,
	group: readonly Switching[],
): Promise<StageAnswer | RefusedAnswer> {
	const changes: StageChange[] = [];
	for (const { job, key } of group)
		changes.push({
			signer: job.doc.policy.signer,
			domain: job.doc.policy.domain,
			from: job.step.from,
			to: {
				selector: key.selector,
				record: key.record.value,
				key: await run.ports.keys.read(job.doc.policy.domain, key.selector),
			},
		});
	const answer = await run.ports.door.request({ act: "stage", id, changes }, run.signal);
	if (answer.act !== "stage" && answer.act !== "refused") throw unexpectedAnswer(answer);
	return answer;
}

/** Those whose staged message does not carry a signature that the staged record verifies are left behind. */
async function proveOffline(
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
						Promise.resolve(name === record.name ? [record.value] : []),
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
async function lookAfresh(run: Run, group: readonly Switching[]): Promise<readonly Switching[]> {
	const right: Switching[] = [];
	const deadline = run.ports.clock.deadline(LOOKS_MS, run.signal);
	await each(group, 8, async (one) => {
		const { doc } = one.job;
		const report = await lookNow(run, doc.policy, one.key, deadline);
		run.signal.throwIfAborted();
		one.report = report;
		if (report.verdict === "right") right.push(one);
		else if (report.verdict === "unknown") await leave(run, one, 5 * MINUTE_MS, null, report.summary);
		else {
			run.ports.log.warn("verified record is no longer right", {
				domain: doc.policy.domain,
				selector: one.key.selector,
				summary: report.summary,
			});
			await run.save(doc, backToPublished(doc.state, one.key.selector, run.now(), report.summary));
			const again = new Date(run.now().getTime() + doc.policy.verify.intervalMs);
			run.delay(doc, { kind: "look", selector: one.key.selector }, again, report.summary);
		}
	});
	return group.filter((one) => right.includes(one));
}

async function commit(
	run: Run,
	id: string,
	group: readonly Switching[],
	staged: StageAnswer,
): Promise<readonly Switching[] | null> {
	const { tableHashes } = staged;
	const evidence = group.map(evidenceOf);
	run.signal.throwIfAborted();
	// Between stop and start a signal waits: only the answer says which key signs now.
	const unhurried = new AbortController().signal;
	const answer = await run.ports.door.request({ act: "commit", id, tableHashes, evidence }, unhurried);
	forgetInspection(run);
	if (answer.act === "refused") return leaveRefused(run, group, answer);
	if (answer.act !== "commit") throw unexpectedAnswer(answer);
	for (const { job, key } of group) await takeResult(run, job.doc, job.step, key.selector, answer.result);
	return null;
}

function evidenceOf({ job, key, report }: Switching): Evidence {
	return {
		domain: job.doc.policy.domain,
		selector: key.selector,
		record: key.record.value,
		answers: (report?.servers ?? [])
			.filter((server) => server.outcome === "right")
			.map(({ server, address, at }) => ({ server, address, at })),
	};
}

/** Nothing was changed. Named domains are left behind and the others go on; a refusal of all puts all off. */
async function leaveRefused(
	run: Run,
	group: readonly Switching[],
	refused: RefusedAnswer,
): Promise<readonly Switching[]> {
	const named = group.filter(({ job }) => refused.domains.includes(job.doc.policy.domain));
	const concerned = named.length === 0 ? group : named;
	const soon =
		refused.why === "table_changed" || refused.why === "stale_evidence" || refused.why === "unknown_id";
	forgetInspection(run);
	for (const one of concerned) {
		if (refused.why === "invalid" && (await isKeyLost(run, one))) {
			await supersede(run, one.job.doc, one.key.selector, "its private key is lost");
			run.done(one.job.doc, one.job.step);
			continue;
		}
		const error = soon || refused.why === "packages" ? null : refusal(refused);
		await leave(run, one, soon ? MINUTE_MS : 10 * MINUTE_MS, error, refused.message);
	}
	return group.filter((one) => !concerned.includes(one));
}

/** Neither the agent nor the door has it: waiting would not bring it back, a new key does. */
async function isKeyLost(run: Run, { job, key }: Switching): Promise<boolean> {
	return (await run.ports.keys.read(job.doc.policy.domain, key.selector)) === null;
}

function refusal(refused: RefusedAnswer): KeyturnError {
	return new KeyturnError("door.refused", refused.message, {
		retry: true,
		...(refused.hint === null ? {} : { hint: refused.hint }),
	});
}

/** Not switched this time: nothing is under way any more, and the next attempt has its moment. */
async function leave(
	run: Run,
	{ job, key }: Switching,
	waitMs: number,
	error: KeyturnError | null,
	reason = error?.message ?? "",
): Promise<void> {
	const { doc, step } = job;
	const until = new Date(run.now().getTime() + waitMs);
	await run.save(
		doc,
		editKey(doc.state, key.selector, (one) => ({
			...one,
			owes: {
				act: "switch",
				id: null,
				askedAt: run.now().toISOString(),
				tries: (one.owes?.tries ?? 0) + (error === null ? 0 : 1),
				notBefore: until.toISOString(),
			},
			reason,
		})),
	);
	run.delay(doc, step, until, reason);
	if (error === null) return;
	doc.error = error;
	await swapFailed(run, doc.policy.domain, doc.policy.signer, key.selector, error);
}

/** What the door's result means for one key. */
export async function takeResult(
	run: Run,
	doc: Doc,
	step: Step,
	selector: string,
	result: SwitchResult,
): Promise<void> {
	const { domain, signer } = doc.policy;
	const own = result.keys.find((key) => key.domain === domain && key.selector === selector);
	// One signer's conflict does not undo what another's switch did.
	if (own?.outcome === "done") {
		await run.tell("switched", {
			severity: "info",
			domains: [domain],
			selector,
			summary: `${domain}: mail is signed with ${selector} since ${result.at}`,
			detail: switchedDetail(result, own.reason),
			hint: null,
		});
		const at = new Date(result.at);
		await run.save(doc, signsSince(doc.state, selector, at, result.oldProcessGone, doc.policy));
		await run.ports.keys.remove(domain, selector);
		await run.end(CAUSES.swap(signer), domain);
		run.done(doc, step);
		return;
	}
	await putOff(run, doc, step, selector, { ...result, reason: own?.reason ?? result.reason });
}

/** A key may be in use and yet not proven, where the signer does not sign for loopback. */
function switchedDetail({ pauseMs }: SwitchResult, reason: string | null): string | null {
	const pause = pauseMs === null ? [] : [`services were stopped for ${pauseMs} ms`];
	return [...pause, ...(reason === null ? [] : [reason])].join("\n") || null;
}

/** After an automatic rollback the next attempt waits a day, doubling: the next tick must not stop the mail server again. */
async function putOff(run: Run, doc: Doc, step: Step, selector: string, result: SwitchResult): Promise<void> {
	const { domain, signer } = doc.policy;
	const tries = (keyOf(doc.state, selector)?.owes?.tries ?? 0) + 1;
	const rolledBack = result.outcome === "rolled_back" || result.outcome === "done";
	const waitMs = rolledBack
		? DAY_MS * 2 ** Math.min(tries - 1, 5)
		: 10 * MINUTE_MS * 2 ** Math.min(tries - 1, 6);
	const notBefore = new Date(run.now().getTime() + waitMs).toISOString();
	const wasLive = rolledBack || result.outcome === "conflict";
	const outcome = rolledBack
		? "was rolled back"
		: result.outcome === "undone"
			? "was undone"
			: "met a changed table";
	const error = new KeyturnError(
		"door.refused",
		`${domain}: the switch to ${selector} ${outcome}: ${result.reason ?? "no reason given"}`,
		{
			hint: `${meanwhile(doc.state)}; the next attempt is not before ${notBefore}, or at once with: keyturn rotate --now ${domain}`,
		},
	);
	if (rolledBack)
		await run.tell("rolled_back", {
			severity: "warning",
			domains: [domain],
			selector,
			summary: error.message,
			detail: result.reason,
			hint: error.hint,
		});
	await swapFailed(run, domain, signer, selector, error);
	const put = editKey(doc.state, selector, (one) => ({
		...one,
		owes: { act: "switch", id: null, askedAt: run.now().toISOString(), tries, notBefore },
		uses: wasLive ? [...one.uses, shortUse(doc, result)] : one.uses,
		reason: error.message,
	}));
	await run.save(
		doc,
		result.outcome === "undone" ? put : wishGivenUp(put, selector, run.now(), error.message),
	);
	doc.error = error;
	run.delay(doc, step, new Date(run.now().getTime() + MINUTE_MS), error.message);
}

/** What was asked for once is not tried again without being asked, but for a compromised key: that has to go. */
function wishGivenUp(state: DomainState, selector: string, now: Date, reason: string): DomainState {
	if (state.wants.rollback?.selector === selector) return withoutRollback(state, now, reason);
	const isCompromised = state.wants.revoke.some((wish) => keyOf(state, wish.selector)?.state === "active");
	return isCompromised ? state : { ...state, wants: { ...state.wants, rotate: null } };
}

/** A key that stood in a live table may have signed: its record is kept for as long as that of a key in use. */
function shortUse({ policy }: Doc, { at, oldProcessGone }: SwitchResult): KeyUse {
	const use = { host: policy.host, signer: policy.signer, firstAt: at };
	return oldProcessGone
		? { ...use, lastAt: at, lastAtLatest: null }
		: { ...use, lastAt: null, lastAtLatest: new Date(Date.parse(at) + DAY_MS).toISOString() };
}

export async function swapFailed(
	run: Run,
	domain: string,
	signer: string,
	selector: string,
	error: KeyturnError,
): Promise<void> {
	await run.raise({
		cause: CAUSES.swap(signer),
		event: "swap_failed",
		severity: "critical",
		domains: [domain],
		selector,
		summary: `${signer}: the switch to a new key was not done; the old key signs`,
		detail: error.message,
		hint: error.hint,
	});
}
