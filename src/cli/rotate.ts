/** `keyturn rotate`: one tick, or with --now a turn of every domain named, watched until the new keys sign. */

import type { DomainReport } from "../agent/agent.ts";
import { parseHostState } from "../agent/host-state.ts";
import { KeyturnError } from "../errors.ts";
import { activeKey, type DomainState, emptyDomainState, parseDomainState } from "../rotation/domain-state.ts";
import { isCandidate } from "../rotation/life.ts";
import type { Policy } from "../rotation/policy.ts";
import { turnInWords } from "../report/outlook.ts";
import { soakMs } from "../rotation/timing.ts";
import { createProgress, type Progress } from "./progress.ts";
import { preview } from "./preview.ts";
import { localMinute } from "./words.ts";
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

const LOCK_WAIT_MS = 30_000;
const MINUTE_MS = 60_000;
/** A daemon does the work: its state is read this often. */
const WATCH_MS = 500;

/** How one domain of a `rotate` stands. */
interface Standing {
	readonly domain: string;
	readonly code: number;
	readonly selector: string | null;
	readonly words: string;
}

export async function rotate(
	context: CommandContext,
	names: readonly string[],
	options: RotateOptions,
): Promise<number> {
	const bench = await context.open();
	const policies = choose(bench, names);
	if (options.dryRun) {
		const printed = await preview(bench, policies, { ...options, signal: context.signal });
		context.terminal.result(options.json ? JSON.stringify(printed, null, 2) : printed.lines.join("\n"));
		return EXIT.done;
	}
	const progress = createProgress(context.terminal);
	const standings = options.now
		? await turnNow(context, bench, policies, options, progress)
		: await oneTick(context, bench, policies, progress);
	progress.end();
	if (standings === "held") return EXIT.held;
	if (options.json) context.terminal.result(JSON.stringify({ schema: 1, domains: standings }, null, 2));
	else for (const { domain, words } of standings) context.terminal.result(`${domain}: ${words}`);
	return worst(standings.map((standing) => standing.code));
}

/** Plain `rotate` waits for nothing: 0 if all is done or planned. */
async function oneTick(
	context: CommandContext,
	bench: Workbench,
	policies: readonly Policy[],
	progress: Progress,
): Promise<readonly Standing[] | "held"> {
	const report = await (await bench.agent()).tick(context.signal, {
		lockWaitMs: LOCK_WAIT_MS,
		onProgress: (domains) => progress.show(lines(domains, bench)),
	});
	if (report === "held") {
		context.terminal.say("another keyturn holds the lock; nothing was done");
		return "held";
	}
	return report.domains
		.filter((one) => policies.some((policy) => policy.domain === one.domain))
		.map((one) => ({
			domain: one.domain,
			code: one.error === null ? EXIT.done : EXIT.failed,
			selector: one.state === null ? null : (activeKey(one.state)?.selector ?? null),
			words: wordsOf(one, bench),
		}));
}

async function turnNow(
	context: CommandContext,
	bench: Workbench,
	policies: readonly Policy[],
	options: RotateOptions,
	progress: Progress,
): Promise<readonly Standing[] | "held"> {
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
	for (let round = 0; ; round += 1) {
		const ticked = await tickOrWatch(context, bench, progress);
		if (ticked === "held") return "held";
		const standings = await Promise.all(policies.map((policy) => standing(bench, policy, askedAt)));
		const isOver = standings.every((one) => one.code !== EXIT.waiting);
		const mayWait = options.wait && bench.clock.uptimeMs() < ends && !context.signal.aborted;
		if (isOver || !mayWait) return standings;
		if (round === 0 && ticked.daemon) context.terminal.say("the daemon has been asked; watching it");
		const untilNext =
			ticked.nextAt === null ? MINUTE_MS : ticked.nextAt.getTime() - bench.clock.now().getTime();
		const waitMs = ticked.daemon
			? WATCH_MS
			: Math.min(Math.max(untilNext, 250), ends - bench.clock.uptimeMs());
		await bench.clock.sleep(waitMs, context.signal);
	}
}

interface Ticked {
	readonly daemon: boolean;
	readonly nextAt: Date | null;
}

/** With a daemon alive the wish is its work; without one we do it ourselves. */
async function tickOrWatch(
	context: CommandContext,
	bench: Workbench,
	progress: Progress,
): Promise<Ticked | "held"> {
	if (await bench.daemonAlive()) return { daemon: true, nextAt: null };
	const report = await (await bench.agent()).tick(context.signal, {
		lockWaitMs: LOCK_WAIT_MS,
		onProgress: (domains) => progress.show(lines(domains, bench)),
	});
	if (report !== "held") {
		progress.show(lines(report.domains, bench));
		return { daemon: false, nextAt: report.nextAt };
	}
	if (await bench.daemonAlive()) return { daemon: true, nextAt: null };
	context.terminal.say("another keyturn holds the lock; the wish is kept and done by whoever has it");
	return "held";
}

/** Done when a key signs that was switched to after the wish; failed when the switch or the provider said no. */
async function standing(bench: Workbench, policy: Policy, askedAt: Date): Promise<Standing> {
	const { domain } = policy;
	const stored = await bench.store.load(`domains/${domain}`);
	const state = stored === null ? emptyDomainState(domain) : parseDomainState(stored.state);
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
			words: `failed, ${selector ?? "no key"} still signs: ${why}`,
		};
	return { domain, code: EXIT.waiting, selector, words: `waiting: ${turnInWords(state)}` };
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
		const stored = await bench.store.load(`domains/${policy.domain}`);
		const state = stored === null ? emptyDomainState(policy.domain) : parseDomainState(stored.state);
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

function lines(domains: readonly DomainReport[], bench: Workbench): readonly string[] {
	return domains.map((one) => `${one.domain}: ${wordsOf(one, bench)}`);
}

function wordsOf(report: DomainReport, bench: Workbench): string {
	if (report.error !== null) return `failed: ${report.error.message}`;
	const timezone = bench.settings.policies.find((one) => one.domain === report.domain)?.timezone ?? "UTC";
	const [wait] = report.waits;
	if (wait === undefined)
		return report.did.length === 0 ? "nothing due" : `did ${report.did.map((step) => step.kind).join(", ")}`;
	const until = wait.until === null ? "" : `, until ${localMinute(wait.until, timezone)}`;
	return `${wait.selector === null ? "" : `${wait.selector}: `}${wait.reason}${until}`;
}
