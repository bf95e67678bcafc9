/** `keyturn rotate`: one tick, or with --now a turn of every domain named, watched until the new keys sign. */

import type { DomainReport, TickReport } from "../agent/agent.ts";
import { parseHostState } from "../agent/host-state.ts";
import { asKeyturnError, KeyturnError } from "../errors.ts";
import { activeKey, type DomainState, emptyDomainState } from "../rotation/domain-state.ts";
import { parseDomainState } from "../rotation/stored-state.ts";
import { isCandidate } from "../rotation/life.ts";
import type { Policy } from "../rotation/policy.ts";
import { turnInWords } from "../report/outlook.ts";
import { soakMs } from "../rotation/timing.ts";
import { createProgress, type Progress } from "./progress.ts";
import { preview } from "./preview.ts";
import { type TurnView, viewLines, wordsOf } from "./turn-view.ts";
import { inLocalTime, localMinute, oneLine } from "./words.ts";
import { type CommandContext, EXIT, type Workbench, worst } from "./workbench.ts";

export interface RotateOptions {
	readonly now: boolean;
	readonly dryRun: boolean;
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
/** A live line counts down. */
const REDRAW_MS = 1000;

/** How one domain of a `rotate` stands. */
interface Standing {
	readonly domain: string;
	readonly code: number;
	readonly selector: string | null;
	readonly words: string;
}

/** What both kinds of `rotate` work with. */
interface Turning extends TurnView {
	readonly context: CommandContext;
	readonly progress: Progress;
}

export async function rotate(
	context: CommandContext,
	names: readonly string[],
	options: RotateOptions,
): Promise<number> {
	const bench = await context.open();
	const policies = choose(bench, names);
	const { terminal } = context;
	if (options.dryRun) {
		const printed = await preview(bench, policies, { ...options, signal: context.signal });
		terminal.result(options.json ? JSON.stringify(printed, null, 2) : printed.lines.join("\n"));
		return EXIT.done;
	}
	const progress = createProgress(terminal);
	const turning: Turning = { context, bench, policies, terminal, progress, agent: await bench.agent() };
	if (terminal.isLive) progress.show(["asking the signer and the name servers …"]);
	const standings = await (options.now ? turnNow(turning, options) : oneTick(turning)).finally(() => {
		if (context.signal.aborted)
			progress.note("interrupted: what was begun is kept, and the next tick goes on with it");
		progress.end();
	});
	if (standings === "held") return EXIT.held;
	if (options.json) terminal.result(JSON.stringify({ schema: 1, domains: standings }, null, 2));
	else for (const { domain, words } of standings) terminal.result(`${domain}: ${oneLine(words)}`);
	return worst(standings.map((standing) => standing.code));
}

/** Plain `rotate` waits for nothing: 0 if all is done or planned. */
async function oneTick(turning: Turning): Promise<readonly Standing[] | "held"> {
	const report = await tickOnce(turning);
	if (report === "held") {
		turning.terminal.say("another keyturn holds the lock; nothing was done");
		return "held";
	}
	return report.domains
		.filter((one) => turning.policies.some((policy) => policy.domain === one.domain))
		.map((one) => ({
			domain: one.domain,
			code: one.error === null ? EXIT.done : EXIT.failed,
			selector: one.state === null ? null : (activeKey(one.state)?.selector ?? null),
			words: wordsOf(turning, one, false),
		}));
}

async function turnNow(turning: Turning, options: RotateOptions): Promise<readonly Standing[] | "held"> {
	const { context, bench, policies } = turning;
	const askedAt = bench.clock.now();
	const ends =
		bench.clock.uptimeMs() + (options.waitMaxMs ?? (await defaultWait(context, bench, policies, options)));
	await bench.store.leaveWish({
		id: bench.random.id(),
		at: askedAt.toISOString(),
		kind: "rotate",
		domains: policies.map((policy) => policy.domain),
		noSoak: !options.soak,
	});
	let isTold = false;
	for (;;) {
		const ticked = await tickOrWatch(turning);
		if (ticked === "held") return "held";
		const standings = await Promise.all(
			policies.map((policy) => standing(turning, policy, askedAt, ticked.reports)),
		);
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

async function whatGoesOn(bench: Workbench): Promise<string> {
	return (await bench.daemonAlive())
		? "the daemon goes on with it: keyturn status"
		: "the next tick goes on with it: keyturn rotate, or start the daemon (systemctl start keyturn)";
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

async function tickOnce(turning: Turning): Promise<TickReport | "held"> {
	const { context, agent, progress } = turning;
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

/** Done when a key signs that was switched to after the wish; failed when the switch or the provider said no. */
async function standing(
	turning: Turning,
	policy: Policy,
	askedAt: Date,
	reports: readonly DomainReport[] | null,
): Promise<Standing> {
	const { bench } = turning;
	const { domain } = policy;
	const state = await stateOf(bench, domain).catch((thrown: unknown) => asKeyturnError(thrown));
	if (state instanceof KeyturnError)
		return {
			domain,
			code: EXIT.failed,
			selector: null,
			words: `failed: its state cannot be read (${state.message}); the wish is kept until it can be`,
		};
	const active = activeKey(state);
	if (active?.origin === "made" && new Date(active.since) >= askedAt)
		return {
			domain,
			code: EXIT.done,
			selector: active.selector,
			words: `signs with ${active.selector} since ${localMinute(new Date(active.since), policy.timezone)}`,
		};
	const why = await failure(bench, state);
	const selector = active?.selector ?? null;
	if (why !== null)
		return {
			domain,
			code: EXIT.failed,
			selector,
			words: inLocalTime(`failed, ${selector ?? "no key"} still signs: ${why}`, policy.timezone),
		};
	const report = reports?.find((one) => one.domain === domain);
	const words = report === undefined ? turnInWords(state) : wordsOf(turning, report, false);
	return { domain, code: EXIT.waiting, selector, words: `waiting: ${words}` };
}

/** Attempts are counted anew from the wish on: a failure counted now is an answer to it. */
async function failure(bench: Workbench, state: DomainState): Promise<string | null> {
	const candidate = state.keys.findLast((key) => isCandidate(key.state));
	if (candidate?.owes == null || candidate.owes.tries === 0) return null;
	if (candidate.owes.act === "switch") return candidate.reason ?? "the switch was not done";
	const stored = await bench.store.load("host");
	const denied = (stored === null ? [] : parseHostState(stored.state).troubles).find(
		(trouble) => trouble.event === "provider_denied" && trouble.domains.includes(state.domain),
	);
	return denied === undefined ? null : (denied.detail ?? denied.summary);
}

/** RULES.md "Telling": half an hour at a terminal but never less than the soak plus ten minutes; else `verify.timeout`. */
async function defaultWait(
	context: CommandContext,
	bench: Workbench,
	policies: readonly Policy[],
	options: RotateOptions,
): Promise<number> {
	if (!context.terminal.isLive) return Math.max(...policies.map((policy) => policy.verify.timeoutMs));
	let longest = 30 * MINUTE_MS;
	for (const policy of policies) {
		const state = await stateOf(bench, policy.domain);
		const candidate = state.keys.findLast((key) => isCandidate(key.state));
		const soak = candidate === undefined || !options.soak ? 0 : soakMs(candidate, state, policy);
		longest = Math.max(longest, soak + 10 * MINUTE_MS);
	}
	return longest;
}

/** The policies of the domains named, or all. */
export function choose(bench: Workbench, names: readonly string[]): readonly Policy[] {
	if (names.length === 0) return bench.settings.policies;
	return names.map((name) => {
		const policy = bench.settings.policies.find((one) => one.domain === name.toLowerCase());
		if (policy === undefined)
			throw new KeyturnError("usage", `${name} is not configured in ${bench.settings.path}`, {
				hint: `configured: ${bench.settings.policies.map((one) => one.domain).join(", ")}`,
			});
		return policy;
	});
}

async function stateOf(bench: Workbench, domain: string): Promise<DomainState> {
	const stored = await bench.store.load(`domains/${domain}`);
	return stored === null ? emptyDomainState(domain) : parseDomainState(stored.state);
}
