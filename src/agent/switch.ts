/** Has the door switch verified keys: staged, proven offline and in DNS, committed; then takes the result over. */

import { asKeyturnError, KeyturnError } from "../errors.ts";
import type { CommitAnswer, RefusedAnswer, StageAnswer, StageChange } from "../ports/door.ts";
import { editKey, keyOf } from "../rotation/domain-state.ts";
import { isCandidate } from "../rotation/life.ts";
import { watchClock } from "./clock-watch.ts";
import { type Groups, groupsOf, matesOf } from "./groups.ts";
import { askBefore, type Held, tellLeft, tellResult, type ToldEnds } from "./hooks.ts";
import { forgetInspection, giveUpStaged, isConcerned, unexpectedAnswer } from "./inspection.ts";
import { leave, type Switching } from "./left-behind.ts";
import { supersede } from "./make.ts";
import { evidenceOf, lookAfresh, proveOffline } from "./proof.ts";
import { giveUpWayBack } from "./restore.ts";
import { each, type Job, type Run, SIDE_BY_SIDE } from "./run.ts";
import { takeResult } from "./switch-result.ts";
import { tellBeside } from "./turn-away.ts";
import { tellUnstarted } from "./unstarted.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** All that is due goes through one stop, unless a hook holds it. */
export async function switchKeys(run: Run, jobs: readonly Job<"switch">[]): Promise<void> {
	for (const job of jobs) await tellBeside(run, job);
	const held = await askBefore(run, jobs);
	if (held !== null) return holdAll(run, jobs, held);
	const told: ToldEnds = new Set();
	// Of one whose answer is missing nothing is told before it is settled.
	await switchGroup(run, jobs, told);
	await tellLeft(run, jobs, told);
}

async function holdAll(run: Run, jobs: readonly Job<"switch">[], { reason, error }: Held): Promise<void> {
	for (const job of jobs) {
		const key = keyOf(job.doc.state, job.step.selector);
		const until = run.backoff(run.tries(job.doc, job.step));
		if (key === null) continue;
		await leave(run, { job, key, report: null }, until.getTime() - run.now().getTime(), null, reason);
		job.doc.error = error;
	}
}

/** What cannot go along is left behind, and the rest is staged anew. */
async function switchGroup(run: Run, jobs: readonly Job<"switch">[], told: ToldEnds): Promise<void> {
	let group: readonly Switching[] = jobs.flatMap((job) => {
		const key = keyOf(job.doc.state, job.step.selector);
		return key === null ? [] : [{ job, key, report: null }];
	});
	const groups = groupsOf(
		jobs.map(({ doc }) => doc),
		run.memory.inspection?.answer ?? null,
	);
	while (group.length > 0) {
		const id = run.ports.random.id();
		const rest = await attempt(run, id, group, { told, groups });
		if (rest === null) return;
		await giveUpStaged(run, id);
		group = await leaveMates(run, rest, groups);
	}
}

/** Who is left once others were left behind. */
interface Rest {
	readonly left: readonly Switching[];
	/** The signer that refused; null where that was not what kept them. */
	readonly refusedBy: string | null;
}

/**
 * Who turns together with one that was left behind stays, too: its key would be in no line of the other. A key with a signer of
 * its own goes alone where that of the other refused: it may take the place of a compromised one.
 */
async function leaveMates(
	run: Run,
	{ left, refusedBy }: Rest,
	groups: Groups,
): Promise<readonly Switching[]> {
	const going: Switching[] = [];
	for (const one of left) {
		const { doc } = one.job;
		const lost = matesOf(doc, groups).filter(
			(mate) =>
				!left.some(({ job }) => job.doc === mate) &&
				(mate.policy.lane?.hasOwnSigner !== true || mate.policy.signer !== refusedBy),
		);
		const names = lost.map(({ policy }) => policy.domain).join(", ");
		if (lost.length === 0) going.push(one);
		else
			await leave(
				run,
				one,
				MINUTE_MS,
				null,
				`${names} turns together with ${doc.policy.domain}, and cannot yet`,
			);
	}
	return going;
}

/** One attempt; null when it is over, else with whom to try again under a new id. */
async function attempt(
	run: Run,
	id: string,
	group: readonly Switching[],
	{ told, groups }: { readonly told: ToldEnds; readonly groups: Groups },
): Promise<Rest | null> {
	const copies = await readCopies(run, group);
	if (copies.size < group.length) return { left: [...copies.keys()], refusedBy: null };
	for (const one of group) await owe(run, one, id);
	const staged = await stage(run, id, copies);
	if (staged.act === "refused") return leaveRefused(run, copies, groups, staged);
	const proven = await proveOffline(run, group, staged);
	if (proven.length < group.length) return { left: proven, refusedBy: null };
	const seen = await lookAfresh(run, group);
	if (seen.length < group.length) return { left: seen, refusedBy: null };
	const answer = await commit(run, id, group, staged);
	if (answer.act === "refused") return leaveRefused(run, copies, groups, answer);
	// A clock that went back meanwhile is noted before what it dates.
	await watchClock(run, false);
	await tellUnstarted(run, answer.result);
	await tellResult(
		run,
		group.map(({ job }) => job),
		answer.result,
		told,
	);
	await each(group, SIDE_BY_SIDE, async ({ job, key }) =>
		takeResult(run, job.doc, job.step, key.selector, answer.result),
	);
	return null;
}

/** By key, its private half in PEM; null where the agent keeps none, as of one that has signed. */
type Copies = ReadonlyMap<Switching, string | null>;

/** A copy that cannot be read, or is damaged, keeps its own key from the switch, and no other. */
async function readCopies(run: Run, group: readonly Switching[]): Promise<Copies> {
	const copies = new Map<Switching, string | null>();
	for (const one of group)
		try {
			copies.set(one, await run.ports.keys.read(one.job.doc.policy.domain, one.key.selector));
		} catch (thrown) {
			await leave(run, one, 10 * MINUTE_MS, asKeyturnError(thrown));
		}
	return copies;
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

async function stage(run: Run, id: string, copies: Copies): Promise<StageAnswer | RefusedAnswer> {
	const changes = [...copies].map(
		([{ job, key }, pem]): StageChange => ({
			signer: job.doc.policy.signer,
			domain: job.doc.policy.domain,
			from: job.step.from,
			to: { selector: key.selector, record: key.record.value, key: pem },
		}),
	);
	const answer = await run.ports.door.request({ act: "stage", id, changes }, run.signal);
	if (answer.act !== "stage" && answer.act !== "refused") throw unexpectedAnswer(answer);
	return answer;
}

async function commit(
	run: Run,
	id: string,
	group: readonly Switching[],
	staged: StageAnswer,
): Promise<CommitAnswer | RefusedAnswer> {
	const { tableHashes } = staged;
	const evidence = group.map(evidenceOf);
	run.signal.throwIfAborted();
	// Between stop and start a signal waits: only the answer says which key signs now.
	const unhurried = new AbortController().signal;
	const answer = await run.ports.door.request({ act: "commit", id, tableHashes, evidence }, unhurried);
	forgetInspection(run);
	if (answer.act !== "commit" && (answer.act !== "refused" || answer.why === "unsettled"))
		throw unexpectedAnswer(answer);
	return answer;
}

/** Nothing was changed. Named domains are left behind and the others go on; a refusal of all puts all off. */
async function leaveRefused(run: Run, copies: Copies, groups: Groups, refused: RefusedAnswer): Promise<Rest> {
	const group = [...copies.keys()];
	const named = group.filter(({ job }) => isConcerned(refused, job.doc.policy));
	const concerned = named.length === 0 ? group : named;
	const { why } = refused;
	forgetInspection(run);
	for (const one of concerned) {
		if (isGivenUp(one)) continue;
		const soon =
			why === "table_changed" ||
			why === "stale_evidence" ||
			why === "unknown_id" ||
			(why === "not_now" && !isLate(run, one));
		const error = soon || why === "packages" ? null : refusal(refused);
		// Neither the agent nor the door has it: waiting would not bring it back.
		if (
			why === "invalid" &&
			copies.get(one) === null &&
			(await giveUpLost(run, one, { copies, groups, refused }))
		)
			continue;
		await leave(run, one, soon ? MINUTE_MS : 10 * MINUTE_MS, error, refused.message);
	}
	const left = group.filter((one) => !concerned.includes(one) && !isGivenUp(one));
	return { left, refusedBy: refused.signer ?? null };
}

/** Whether it could have been done for an hour: no other alarm may tell of a host that starts or stops for longer. */
function isLate(run: Run, { job: { doc }, key }: Switching): boolean {
	const { rotate, add } = doc.state.wants;
	const nowMs = run.now().getTime();
	const moments = [key.since, key.dueAt, rotate?.askedAt ?? key.since, add?.askedAt ?? key.since];
	const latestMs = Math.max(...moments.map((at) => Date.parse(at)).filter((ms) => ms <= nowMs));
	return latestMs + HOUR_MS <= nowMs;
}

/** A new key takes the place of one that never signed; a way back is given up. The key in use is left as it is: false. */
async function giveUpLost(
	run: Run,
	{ job: { doc, step }, key }: Switching,
	{ copies, groups, refused }: { copies: Copies; groups: Groups; refused: RefusedAnswer },
): Promise<boolean> {
	const { selector } = key;
	if (doc.state.wants.rollback?.selector === selector) {
		const mates = matesOf(doc, groups);
		for (const other of copies.keys())
			if (other.job.doc === doc || mates.includes(other.job.doc)) await disowe(run, other);
		await giveUpWayBack(run, doc, selector, { mates, error: refusal(refused) });
	} else if (isCandidate(key.state) && key.uses.length === 0)
		await supersede(run, doc, selector, "its private key is lost");
	else return false;
	run.done(doc, step);
	return true;
}

/** What the door refused is under way for nobody. */
async function disowe(run: Run, { job: { doc }, key }: Switching): Promise<void> {
	await run.save(
		doc,
		editKey(doc.state, key.selector, (one) => ({ ...one, owes: null })),
	);
}

function isGivenUp({ job: { doc }, key }: Switching): boolean {
	return keyOf(doc.state, key.selector)?.state === "retiring";
}

function refusal(refused: RefusedAnswer): KeyturnError {
	return new KeyturnError("door.refused", refused.message, {
		retry: true,
		...(refused.hint === null ? {} : { hint: refused.hint }),
	});
}
