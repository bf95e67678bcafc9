/** Has the door take keys out of the signer's tables, where nothing is to sign in their place. */

import { KeyturnError } from "../errors.ts";
import type { DoorRequest, RefusedAnswer, StageAnswer, SwitchResult } from "../ports/door.ts";
import { type DomainState, editKey, type KeyEntry, keyOf, moveKey } from "../rotation/domain-state.ts";
import { isToGo } from "../rotation/wishes.ts";
import { usesEnded } from "./adopt.ts";
import { CAUSES } from "./causes.ts";
import { watchClock } from "./clock-watch.ts";
import { askBefore, tellLeft, tellResult, type ToldEnds } from "./hooks.ts";
import {
	forgetInspection,
	giveUpStaged,
	inspect,
	isConcerned,
	isInTables,
	linesInUse,
	unexpectedAnswer,
} from "./inspection.ts";
import type { Job, Run } from "./run.ts";
import { doneAt } from "./switch-result.ts";
import { tellUnstarted } from "./unstarted.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** All that goes, goes through one stop; what is refused is left behind, and the rest is staged anew. */
export async function takeOut(run: Run, jobs: readonly Job<"takeOut">[]): Promise<void> {
	const named = await namedOnes(run, jobs);
	if (named.length === 0) return;
	const held = await askBefore(run, named);
	if (held === null) {
		const told: ToldEnds = new Set();
		await takeOutGroup(run, named, told);
		await tellLeft(run, named, told);
		return;
	}
	for (const job of named) {
		const until = run.backoff(keyOf(job.doc.state, job.step.selector)?.owes?.tries ?? 0);
		await leave(run, job, until.getTime() - run.now().getTime(), held.reason);
		job.doc.error = held.error;
	}
}

async function takeOutGroup(run: Run, jobs: readonly Job<"takeOut">[], told: ToldEnds): Promise<void> {
	let group = jobs;
	while (group.length > 0) {
		const id = run.ports.random.id();
		for (const job of group) await owe(run, job, id);
		const refused = await stageAndCommit(run, id, group, told);
		if (refused === null) return;
		const left = await leaveRefused(run, group, refused);
		await giveUpStaged(run, id);
		group = left;
	}
}

/** What the door's result means for a key that was to go. */
export async function takeOutResult(
	run: Run,
	{ doc, step }: Job<"takeOut">,
	result: SwitchResult,
): Promise<void> {
	const { domain, signer } = doc.policy;
	const { selector } = step;
	const own = result.keys.find(
		(key) => key.domain === domain && key.from === selector && key.selector === null,
	);
	if (own?.outcome !== "done") {
		await putOff(run, { doc, step }, result);
		return;
	}
	const at = doneAt(result, keyOf(doc.state, selector), run.now());
	await run.tell("switched", {
		severity: "info",
		domains: [domain],
		selector,
		summary: `${domain}: mail is signed no more with ${selector} since ${at.toISOString()}`,
		detail: own.reason,
		hint: null,
	});
	await run.end(CAUSES.swap(signer), domain);
	await run.save(doc, signsNoMore(doc.state, selector, at, result.oldProcessGone));
	run.done(doc, step);
}

/** Its lines are gone, whoever took them out: it is not known since when. */
export async function foundTakenOut(run: Run, { doc, step }: Job<"takeOut">): Promise<void> {
	await run.end(CAUSES.swap(doc.policy.signer), doc.policy.domain);
	await run.save(doc, signsNoMore(doc.state, step.selector, run.now(), false));
	run.done(doc, step);
}

/** The domain was kept while its key was on its way out, which came to nothing: it needs no first key, and owes nothing. */
export function goesOn(state: DomainState, selector: string): DomainState {
	const signs = editKey(state, selector, (key) => ({ ...key, owes: null }));
	return { ...signs, wants: { ...signs.wants, add: null } };
}

function signsNoMore(state: DomainState, selector: string, at: Date, oldProcessGone: boolean): DomainState {
	return moveKey(state, selector, "retiring", at, {
		uses: usesEnded(keyOf(state, selector)?.uses ?? [], at, oldProcessGone),
		reason: "its lines were taken out of the signer's tables",
	});
}

/** Those that a table still names. */
async function namedOnes(run: Run, jobs: readonly Job<"takeOut">[]): Promise<readonly Job<"takeOut">[]> {
	const answer = await inspect(run, []);
	const named: Job<"takeOut">[] = [];
	for (const job of jobs) {
		const { signer } = job.doc.policy;
		const found = answer.signers.find((one) => one.signer === signer);
		if (found === undefined || found.problem !== null)
			run.fail(
				job.doc,
				job.step,
				new KeyturnError(
					"signer.config",
					`signer ${signer}: ${found?.problem ?? "it is not known to the door"}`,
					{
						retry: true,
					},
				),
			);
		else if (isInTables(answer, job.doc.policy, job.step.selector)) named.push(job);
		else await foundTakenOut(run, job);
	}
	return named;
}

/** The intent: from here on a crash is settled by asking the door for this id. */
async function owe(run: Run, { doc, step }: Job<"takeOut">, id: string): Promise<void> {
	const askedAt = run.now().toISOString();
	await run.save(
		doc,
		editKey(doc.state, step.selector, (key) => ({
			...key,
			owes: { act: "takeOut", id, askedAt, tries: key.owes?.tries ?? 0, notBefore: null },
		})),
	);
}

/** Null once it is over; no server is asked, since no key begins to sign. */
async function stageAndCommit(
	run: Run,
	id: string,
	group: readonly Job<"takeOut">[],
	told: ToldEnds,
): Promise<RefusedAnswer | null> {
	const staged = await stage(run, id, group);
	if (staged.act === "refused") return staged;
	run.signal.throwIfAborted();
	const request: DoorRequest = { act: "commit", id, tableHashes: staged.tableHashes, evidence: [] };
	// Between stop and start a signal waits: only the answer says which key signs now.
	const answer = await run.ports.door.request(request, new AbortController().signal);
	forgetInspection(run);
	if (answer.act === "refused" && answer.why !== "unsettled") return answer;
	if (answer.act !== "commit") throw unexpectedAnswer(answer);
	// A clock that went back meanwhile is noted before what it dates.
	await watchClock(run, false);
	await tellUnstarted(run, answer.result);
	await tellResult(run, group, answer.result, told);
	for (const job of group) await takeOutResult(run, job, answer.result);
	return null;
}

async function stage(
	run: Run,
	id: string,
	group: readonly Job<"takeOut">[],
): Promise<StageAnswer | RefusedAnswer> {
	const changes = group.map(({ doc: { policy }, step }) => ({
		signer: policy.signer,
		domain: policy.domain,
		from: step.selector,
		to: null,
	}));
	const answer = await run.ports.door.request({ act: "stage", id, changes }, run.signal);
	if (answer.act !== "stage" && answer.act !== "refused") throw unexpectedAnswer(answer);
	return answer;
}

/** Nothing was changed. Named domains are left behind and the others go on; a refusal of all puts all off. */
async function leaveRefused(
	run: Run,
	group: readonly Job<"takeOut">[],
	refused: RefusedAnswer,
): Promise<readonly Job<"takeOut">[]> {
	const named = group.filter(({ doc }) => isConcerned(refused, doc.policy));
	const concerned = named.length === 0 ? group : named;
	const { why } = refused;
	const isSoon = why === "table_changed" || why === "unknown_id" || why === "not_now";
	const passes = isSoon || why === "packages";
	forgetInspection(run);
	for (const job of concerned) {
		const error = new KeyturnError("door.refused", refused.message, {
			retry: true,
			...(refused.hint === null ? {} : { hint: refused.hint }),
		});
		await leave(run, job, isSoon ? MINUTE_MS : 10 * MINUTE_MS, error.message, !passes);
		if (isAlong(job) || (passes && (why !== "not_now" || isNew(run, job)))) continue;
		job.doc.error = error;
		await notTakenOut(run, job, error);
	}
	return group.filter((job) => !concerned.includes(job));
}

/** Whether it was asked for within the hour. No other alarm tells of a host that starts or stops for longer. */
function isNew(run: Run, { doc, step }: Job<"takeOut">): boolean {
	const { remove, revoke } = doc.state.wants;
	const asked = remove ?? revoke.find(({ selector }) => selector === step.selector);
	return asked !== undefined && Date.parse(asked.askedAt) + HOUR_MS > run.now().getTime();
}

/** One that only goes along is put off, and told, with the one that it goes along with: of its own it owes nothing. */
function isAlong({ doc, step }: Job<"takeOut">): boolean {
	return !isToGo(doc.state.wants, step.selector);
}

/** After an automatic rollback the next attempt waits a day, doubling: the next tick must not stop the mail server again. */
async function putOff(run: Run, job: Job<"takeOut">, result: SwitchResult): Promise<void> {
	const { doc, step } = job;
	if (isAlong(job)) {
		const lines = linesInUse(await inspect(run, []), doc.policy);
		const isGone = lines?.every(({ selector }) => selector !== step.selector) === true;
		if (isGone) await foundTakenOut(run, job);
		else await run.save(doc, goesOn(doc.state, step.selector));
		return;
	}
	const tries = (keyOf(doc.state, step.selector)?.owes?.tries ?? 0) + 1;
	const waitMs =
		result.outcome === "undone" || result.outcome === "conflict"
			? 10 * MINUTE_MS * 2 ** Math.min(tries - 1, 6)
			: DAY_MS * 2 ** Math.min(tries - 1, 5);
	const error = new KeyturnError(
		"door.refused",
		`${doc.policy.domain}: taking ${step.selector} out of the signer's tables did not hold (${result.outcome}): ${result.reason ?? "no reason given"}`,
	);
	await leave(run, job, waitMs, error.message);
	doc.error = error;
	await notTakenOut(run, job, error);
}

async function leave(
	run: Run,
	job: Job<"takeOut">,
	waitMs: number,
	reason: string,
	isFailure = true,
): Promise<void> {
	const { doc, step } = job;
	if (isAlong(job)) {
		await run.save(doc, goesOn(doc.state, step.selector));
		return;
	}
	const now = run.now();
	const notBefore = new Date(now.getTime() + waitMs).toISOString();
	const owes = (key: KeyEntry) => ({
		act: "takeOut" as const,
		id: null,
		askedAt: now.toISOString(),
		tries: (key.owes?.tries ?? 0) + (isFailure ? 1 : 0),
		notBefore,
	});
	await run.save(
		doc,
		editKey(doc.state, step.selector, (key) => ({ ...key, owes: owes(key), reason })),
	);
}

async function notTakenOut(run: Run, { doc, step }: Job<"takeOut">, error: KeyturnError): Promise<void> {
	const { domain, signer } = doc.policy;
	await run.raise({
		cause: CAUSES.swap(signer),
		event: "swap_failed",
		severity: "critical",
		domains: [domain],
		selector: step.selector,
		summary: `${signer}: ${step.selector} of ${domain} was not taken out; it goes on signing`,
		detail: error.message,
		hint: error.hint,
	});
}
