/** `keyturn rotate`: one tick, or with --now a turn of every domain named, watched until the new keys sign. */

import { KeyturnError } from "../errors.ts";
import { activeKey, type DomainState, type KeyEntry } from "../rotation/domain-state.ts";
import { isCandidate } from "../rotation/life.ts";
import type { Policy } from "../rotation/policy.ts";
import { isTurnedSince, whyNoTurn } from "../rotation/wishes.ts";
import { preview } from "./preview.ts";
import { previewText } from "./preview-text.ts";
import {
	type Asking,
	pursue,
	readableState,
	type Seen,
	type Standing,
	tickOnce,
	type Turning,
	type WaitOptions,
	withProgress,
} from "./pursuit.ts";
import { wordsOf } from "./turn-view.ts";
import { inLocalTime, localMinute } from "../report/words.ts";
import { choose, type CommandContext, EXIT, type Workbench } from "./workbench.ts";

export interface RotateOptions extends WaitOptions {
	readonly now: boolean;
	readonly dryRun: boolean;
}

export async function rotate(
	context: CommandContext,
	names: readonly string[],
	options: RotateOptions,
): Promise<number> {
	const bench = await context.open();
	const policies = choose(bench, names);
	const leaving = options.now ? await leavingOf(bench, policies) : [];
	if (names.length > 0) refuseLeaving(leaving);
	if (options.dryRun) {
		const printed = await preview(bench, policies, { ...options, stays: false, signal: context.signal });
		const { terminal } = context;
		terminal.result(
			options.json ? JSON.stringify(printed, null, 2) : previewText(terminal.isShown, printed.lines),
		);
		return EXIT.done;
	}
	return withProgress(context, bench, policies, options, async (turning) =>
		options.now ? turnNow(turning, leaving, options) : oneTick(turning),
	);
}

/** Those that get no new key; what is wrong with a state that cannot be read the tick says. */
async function leavingOf(bench: Workbench, policies: readonly Policy[]): Promise<readonly Standing[]> {
	const standings = await Promise.all(
		policies.map(async (policy) => {
			const state = await readableState(bench, policy);
			return state === null ? null : leavingStanding(policy.domain, state);
		}),
	);
	return standings.filter((standing) => standing !== null);
}

/** Nothing has failed: that is how it was asked for. Null for one that stays. */
function leavingStanding(domain: string, state: DomainState): Standing | null {
	const words = whyNoTurn(state);
	return words === null
		? null
		: { domain, code: EXIT.done, selector: activeKey(state)?.selector ?? null, words };
}

function refuseLeaving([leaving]: readonly Standing[]): void {
	if (leaving === undefined) return;
	const { domain, words } = leaving;
	throw new KeyturnError("usage", `${domain}: ${words}`, { hint: `keyturn add ${domain} keeps it` });
}

async function turnNow(
	turning: Turning,
	leaving: readonly Standing[],
	options: WaitOptions,
): Promise<readonly Standing[] | "held"> {
	const { bench, policies } = turning;
	const asked = policies.filter(({ domain }) => !leaving.some((one) => one.domain === domain));
	return asked.length === 0 ? leaving : pursue(turning, turnAsked(bench, asked, options), options);
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

function turnAsked(bench: Workbench, policies: readonly Policy[], options: WaitOptions): Asking {
	const askedAt = bench.clock.now();
	return {
		wish: {
			id: bench.random.id(),
			at: askedAt.toISOString(),
			kind: "rotate",
			domains: policies.map((policy) => policy.domain),
			noSoak: !options.soak,
		},
		standing: (policy, state, seen) =>
			leavingStanding(policy.domain, state) ?? standingOfTurn(policy, state, { ...seen, askedAt }),
	};
}

/**
 * Done when a key signs that was switched to after the wish; failed when the switch or the provider said no since the wish
 * was taken: what had failed before is what it was left for.
 */
export function standingOfTurn(
	policy: Policy,
	state: DomainState,
	{ askedAt, now, isTaken, waitingWords }: Seen & { readonly askedAt: Date },
): Standing {
	const { domain } = policy;
	const active = activeKey(state);
	// Several where each message is signed with keys of several algorithms.
	const signing = state.keys.filter((key) => key.state === "active");
	const isTurned = (key: KeyEntry): boolean => isTurnedSince(state, key, askedAt, now);
	if (active !== null && signing.every(isTurned) && !isFirstToCome(state))
		return {
			domain,
			code: EXIT.done,
			selector: active.selector,
			words: `signs with ${signing.map(({ selector }) => selector).join(" and ")} since ${localMinute(new Date(active.since), policy.timezone)}`,
		};
	const why = isTaken ? failure(state) : null;
	const selector = active?.selector ?? null;
	if (why !== null)
		return {
			domain,
			code: EXIT.failed,
			selector,
			words: inLocalTime(`${failedWords(signing, isTurned)}: ${why}`, policy.timezone),
		};
	return { domain, code: EXIT.waiting, selector, words: `waiting: ${waitingWords}` };
}

/** Whether the first key of an algorithm is on its way, beside a key of the other that signs. */
function isFirstToCome({ keys }: DomainState): boolean {
	return keys.some(
		({ state, algorithm }) =>
			isCandidate(state) && !keys.some((key) => key.state === "active" && key.algorithm === algorithm),
	);
}

function failedWords(signing: readonly KeyEntry[], isTurned: (key: KeyEntry) => boolean): string {
	const named = (isNew: boolean) =>
		signing.filter((key) => isTurned(key) === isNew).map(({ selector }) => selector);
	const [still, turned] = [named(false), named(true)];
	const beside = turned.length === 0 ? "" : ` beside the new ${turned.join(" and ")}`;
	if (still.length === 0) return beside === "" ? "failed, no key signs" : `failed${beside}`;
	return `failed, ${still.join(" and ")} still ${still.length > 1 ? "sign" : "signs"}${beside}`;
}

/** Attempts are counted anew from when the wish was taken: once it is, a failure that is counted is an answer to it. */
export function failure(state: DomainState): string | null {
	const candidate = state.keys.findLast((key) => isCandidate(key.state));
	if (candidate?.owes == null || candidate.owes.tries === 0) return null;
	if (candidate.owes.act === "switch") return candidate.reason ?? "the switch was not done";
	return candidate.owes.denied ?? null;
}
