/** Leaves a wish and watches it until it is done: by ticks of its own, or over the shoulder of a daemon. */

import type { DomainReport, TickReport } from "../agent/agent.ts";
import { excerpt } from "../dkim/foreign-text.ts";
import type { Wish } from "../ports/state-store.ts";
import { type DomainState, emptyDomainState } from "../rotation/domain-state.ts";
import { isCandidate } from "../rotation/life.ts";
import { divided } from "../rotation/lanes.ts";
import type { Policy } from "../rotation/policy.ts";
import { parseDomainState } from "../rotation/stored-state.ts";
import { soakMs } from "../rotation/timing.ts";
import { asKeyturnError, KeyturnError } from "../errors.ts";
import { hostOf, momentBy } from "./moment.ts";
import { outageOf, rejectionIn } from "./outage.ts";
import { createProgress, type Progress } from "./progress.ts";
import { sentence } from "./sentence.ts";
import { type TurnView, viewLines, wordsOf } from "./turn-view.ts";
import { type Moment, turnUnderWay } from "../report/outlook.ts";
import { localMinute, oneLine } from "../report/words.ts";
import { type CommandContext, EXIT, type Terminal, type Workbench, worst } from "./workbench.ts";

export interface WaitOptions {
	readonly wait: boolean;
	/** Milliseconds; null for the default. */
	readonly waitMaxMs: number | null;
	readonly soak: boolean;
	readonly json: boolean;
}

/** The lock is waited for this long; somebody at a terminal is told of it after the first second. */
const LOCK_WAITS_MS = [1000, 29_000] as const;
const MINUTE_MS = 60_000;
/** A daemon does the work: its state is read this often. */
const WATCH_MS = 500;
/** What is wrong with a configuration may take pages. */
const REASON_LENGTH = 300;
/** A live line counts down. */
const REDRAW_MS = 1000;

/** How one domain stands. */
export interface Standing {
	readonly domain: string;
	readonly code: number;
	readonly selector: string | null;
	readonly words: string;
}

/** What a command works with that does or watches turns. */
export interface Turning extends TurnView {
	readonly context: CommandContext;
	readonly progress: Progress;
}

/** What is asked for, and how it is seen that a domain has it. */
export interface Asking {
	readonly wish: Wish;
	readonly standing: (policy: Policy, state: DomainState, seen: Seen) => Standing | Promise<Standing>;
}

/** What is known besides the domain's state, which was read after it. */
export interface Seen extends Moment {
	/** The wish is in the domain's state, or cannot be had; a daemon that is alive needs a second and more to take it. */
	readonly isTaken: boolean;
	/** What is waited for, where it is neither done nor has failed. */
	readonly waitingWords: string;
}

/** Shows progress while `work` is done, then its result; ends with the worst exit status, of an outage too. */
export async function withProgress(
	context: CommandContext,
	bench: Workbench,
	policies: readonly Policy[],
	options: { readonly json: boolean },
	work: (turning: Turning) => Promise<readonly Standing[] | "held">,
): Promise<number> {
	const { terminal } = context;
	const progress = createProgress(terminal);
	const turning: Turning = { context, bench, policies, terminal, progress, agent: await bench.agent() };
	if (terminal.isLive) progress.show(["asking the signer and the name servers …"]);
	const standings = await work(turning).finally(() => {
		if (context.signal.aborted)
			progress.note("interrupted: what was begun is kept, and the next tick goes on with it");
		progress.end();
	});
	if (standings === "held") return EXIT.held;
	if (options.json) terminal.result(JSON.stringify({ schema: 1, domains: standings }, null, 2));
	else
		for (const { domain, words } of standings)
			terminal.result(sentence(terminal.isShown, `${domain}: ${oneLine(words)}`));
	const codes = standings.map((standing) => standing.code);
	const outage = await outageOf(bench);
	if (outage === null) return worst(codes);
	terminal.say(`critical: ${[outage.summary, outage.hint].filter((each) => each !== null).join("; ")}`);
	return worst([...codes, EXIT.failed]);
}

/** Until every domain has what was asked for, or failed, or the wait is over. */
export async function pursue(
	turning: Turning,
	{ wish, standing }: Asking,
	options: WaitOptions,
): Promise<readonly Standing[] | "held"> {
	const { context, bench, policies } = turning;
	const begun = bench.clock.uptimeMs();
	let ends = begun;
	await bench.store.leaveWish(wish);
	let isTold = false;
	for (;;) {
		const ticked = await tickOrWatch(turning);
		if (ticked === "held") return "held";
		const isTaken = !(await bench.store.wishes()).some(({ id }) => id === wish.id);
		const host = await hostOf(bench);
		const given = { isTaken, standing, moment: momentBy(bench, host), rejection: rejectionIn(host) };
		const found = await Promise.all(policies.map(async (policy) => foundOf(bench, policy)));
		const standings = await Promise.all(found.map((one) => standingOf(turning, one, ticked.reports, given)));
		ends = Math.max(ends, begun + waitMs(context.terminal, found, options));
		const isOver = standings.every((one) => one.code !== EXIT.waiting);
		const mayWait = options.wait && bench.clock.uptimeMs() < ends && !context.signal.aborted;
		if (isOver || !mayWait) {
			if (!isOver && !context.signal.aborted) turning.progress.note(await whatGoesOn(bench));
			return standings;
		}
		if (ticked.reports === null && !isTold) {
			turning.progress.note("the daemon has been asked; watching it");
			isTold = true;
		}
		if (ticked.reports === null)
			turning.progress.show(standings.map(({ domain, words }) => `${domain}: ${words}`));
		await pause(turning, ticked, ends);
	}
}

interface Found {
	readonly policy: Policy;
	/** Why it cannot be read, where that is so. */
	readonly state: DomainState | KeyturnError;
}

async function foundOf(bench: Workbench, policy: Policy): Promise<Found> {
	const state = await stateOf(bench, policy).catch((thrown: unknown) => asKeyturnError(thrown));
	return { policy, state };
}

/** What is known of all domains, and how each is judged. */
interface Given extends Pick<Seen, "isTaken">, Pick<Asking, "standing"> {
	readonly moment: Moment;
	/** Why a daemon goes by a configuration before the one in the file; null where it does not. */
	readonly rejection: string | null;
}

async function standingOf(
	turning: Turning,
	{ policy, state }: Found,
	reports: readonly DomainReport[] | null,
	{ isTaken, standing, moment, rejection }: Given,
): Promise<Standing> {
	const { domain } = policy;
	if (state instanceof KeyturnError)
		return {
			domain,
			code: EXIT.failed,
			selector: null,
			words: `failed: its state cannot be read (${state.message}); the wish is kept until it can be`,
		};
	const report = reports?.find((one) => one.domain === domain);
	const waitingWords =
		report === undefined
			? watchedWords(state, policy, { isTaken, rejection })
			: wordsOf(turning, report, false);
	return standing(policy, state, { ...moment, isTaken, waitingWords });
}

/** In a pipe each change is a line, so a moment is told and no time that is left. */
function watchedWords(
	state: DomainState,
	policy: Policy,
	{ isTaken, rejection }: Pick<Given, "isTaken" | "rejection">,
): string {
	// It may never have read of the domain, and drops its wish after a while.
	if (rejection !== null && state.keys.length === 0)
		return `the daemon has rejected the new configuration and goes by the one before: ${excerpt(rejection, REASON_LENGTH)}`;
	if (!isTaken) return "it is to be taken up";
	const { reason, until } = turnUnderWay(state, policy);
	return until === null ? reason : `${reason} (until ${localMinute(until, policy.timezone)})`;
}

async function whatGoesOn(bench: Workbench): Promise<string> {
	return (await bench.daemonAlive())
		? "the daemon goes on with it: keyturn status"
		: `the next tick goes on with it: keyturn rotate, or start the daemon (${await bench.daemonStart()})`;
}

interface Ticked {
	/** Null where a daemon does the work. */
	readonly reports: readonly DomainReport[] | null;
	readonly nextAt: Date | null;
}

/** With a daemon alive the wish is its work; without one we do it ourselves. */
async function tickOrWatch(turning: Turning): Promise<Ticked | "held"> {
	const { bench, progress } = turning;
	const watching: Ticked = { reports: null, nextAt: null };
	if (await bench.daemonAlive()) return watching;
	const report = await tickOnce(turning);
	if (report !== "held") {
		progress.show(viewLines(turning, report.domains));
		return { reports: report.domains, nextAt: report.nextAt };
	}
	if (await bench.daemonAlive()) return watching;
	turning.terminal.say("another keyturn holds the lock; the wish is kept and done by the next tick");
	return "held";
}

/** One tick under the lock, which is waited for; "held" if it was not to be had. */
export async function tickOnce(turning: Turning): Promise<TickReport | "held"> {
	const { context, agent, bench, progress } = turning;
	// A daemon goes on by the configuration before until it has read this one, too.
	if (!(await bench.daemonAlive())) agent.note("config", null);
	for (const lockWaitMs of LOCK_WAITS_MS) {
		const report = await agent.tick(context.signal, {
			lockWaitMs,
			onProgress: (domains) => progress.show(viewLines(turning, domains)),
		});
		if (report !== "held") return report;
		if (lockWaitMs === LOCK_WAITS_MS[0]) progress.note("another keyturn is at work; waiting for it");
	}
	return "held";
}

/** Until the next thing is due, drawing the count-down meanwhile. */
async function pause(turning: Turning, { reports, nextAt }: Ticked, ends: number): Promise<void> {
	const { context, bench, progress } = turning;
	const { clock } = bench;
	const untilNext = nextAt === null ? MINUTE_MS : nextAt.getTime() - clock.now().getTime();
	const wanted = reports === null ? WATCH_MS : Math.max(untilNext, 250);
	const until = Math.min(clock.uptimeMs() + wanted, ends);
	for (;;) {
		const left = until - clock.uptimeMs();
		if (left <= 0 || context.signal.aborted) return;
		if (reports !== null) progress.show(viewLines(turning, reports));
		await clock.sleep(turning.terminal.isLive ? Math.min(left, REDRAW_MS) : left, context.signal);
	}
}

/**
 * RULES.md "Telling": half an hour at a terminal but never less than the soak plus ten minutes; else `verify.timeout`. A key that
 * is not made yet has no soak: asked for anew as the wait goes on.
 */
function waitMs({ isLive }: Terminal, found: readonly Found[], options: WaitOptions): number {
	if (options.waitMaxMs !== null) return options.waitMaxMs;
	if (!isLive) return Math.max(...found.map(({ policy }) => policy.verify.timeoutMs));
	const soaks = found.map((one) => (options.soak ? soakOf(one) : 0));
	return Math.max(30 * MINUTE_MS, ...soaks.map((soak) => soak + 10 * MINUTE_MS));
}

function soakOf({ policy, state }: Found): number {
	if (state instanceof KeyturnError) return 0;
	const candidate = state.keys.findLast((key) => isCandidate(key.state));
	return candidate === undefined ? 0 : soakMs(candidate, state, policy);
}

/**
 * What is remembered of a domain, as its next tick divides it; nothing is an empty state. Fails with `state.corrupt`, or as the
 * reader of the document does.
 */
export async function stateOf(
	bench: Workbench,
	policy: Pick<Policy, "domain" | "keys">,
): Promise<DomainState> {
	const { domain } = policy;
	const stored = await bench.store.load(`domains/${domain}`);
	return stored === null ? emptyDomainState(domain) : divided(parseDomainState(stored.state), policy);
}

/** As `stateOf`; null where it cannot be read: the standing of that domain says why. */
export async function readableState(bench: Workbench, policy: Policy): Promise<DomainState | null> {
	return stateOf(bench, policy).catch(() => null);
}
