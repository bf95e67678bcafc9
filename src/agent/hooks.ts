/** Asks the administrator's programs before a switch, and tells those that run after every one how it ended. */

import { KeyturnError } from "../errors.ts";
import type { SwitchResult } from "../ports/door.ts";
import { keyOf } from "../rotation/domain-state.ts";
import { CAUSES } from "./causes.ts";
import type { Job, Run } from "./run.ts";

type SwitchJob = Job<"switch"> | Job<"takeOut">;

/** Why a switch is not made now. */
export interface Held {
	readonly reason: string;
	/** Null where a program only put it off. */
	readonly error: KeyturnError | null;
}

/** Runs all programs of `pre` in their order, until one has something against the switch; null if none has. */
export async function askBefore(run: Run, jobs: readonly SwitchJob[]): Promise<Held | null> {
	for (const hook of run.ports.pre) {
		const outcome = await hook.run(switchingEvent(run, jobs), run.signal);
		run.signal.throwIfAborted();
		if (outcome.kind === "failed") return hold(run, jobs, hook.name, outcome.reason);
		await run.end(CAUSES.hook(hook.name), null);
		if (outcome.kind === "deferred") return { reason: `put off by ${outcome.reason}`, error: null };
	}
	return null;
}

/** Those whose end was told already, of a switch under way. */
export type ToldEnds = Set<SwitchJob>;

/**
 * For the programs of `post`: one event for all that the door switched together, by its result. Told before that is saved:
 * a crash between tells twice, and never leaves it untold.
 */
export async function tellResult(
	run: Run,
	jobs: readonly SwitchJob[],
	result: SwitchResult,
	told: ToldEnds = new Set(),
): Promise<void> {
	const whyNot = (job: SwitchJob): string | null => {
		const own = result.keys.find((key) => isOf(key, job));
		return own?.outcome === "done" ? null : `${WORDS[result.outcome]}: ${own?.reason ?? result.reason ?? ""}`;
	};
	const { owed = [] } = result;
	await tellPost(run, jobs, whyNot, owed.length === 0 ? [] : [`${owed.join(", ")} did not start again`]);
	for (const job of jobs) told.add(job);
}

/** The same for those that were left behind before the door had anything to switch. */
export async function tellLeft(run: Run, jobs: readonly SwitchJob[], told: ToldEnds): Promise<void> {
	const left = jobs.filter((job) => !told.has(job));
	if (left.length === 0) return;
	await tellPost(run, left, (job) => (isDone(job) ? null : (job.doc.error?.message ?? "")));
}

const WORDS = {
	done: "it was rolled back",
	undone: "it was undone",
	rolled_back: "it was rolled back",
	conflict: "somebody else changed the table meanwhile",
} as const satisfies Record<SwitchResult["outcome"], string>;

function isOf({ domain, from, selector }: SwitchResult["keys"][number], { doc, step }: SwitchJob): boolean {
	if (domain !== doc.policy.domain) return false;
	return step.kind === "takeOut" ? from === step.selector && selector === null : selector === step.selector;
}

/** `whyNot` is null for what was done; `besides` goes wrong whether it was or not. */
async function tellPost(
	run: Run,
	jobs: readonly SwitchJob[],
	whyNot: (job: SwitchJob) => string | null,
	besides: readonly string[] = [],
): Promise<void> {
	const failed = jobs.filter((job) => whyNot(job) !== null);
	await run.tellPost(failed.length === 0 ? "switched" : "swap_failed", {
		severity: failed.length === 0 ? "info" : "critical",
		domains: namesOf(jobs),
		selector: selectorOf(jobs),
		summary:
			failed.length === 0
				? `${listed(jobs)}: the switch was done`
				: `${listed(failed)}: the switch was not done; what signed before signs`,
		detail:
			[...failed.map((job) => whyNot(job) ?? ""), ...besides].filter((why) => why !== "").join("\n") || null,
		hint: null,
	});
}

async function hold(run: Run, jobs: readonly SwitchJob[], name: string, reason: string): Promise<Held> {
	const error = new KeyturnError("hook.failed", `hook ${name}: ${reason}`, {
		retry: true,
		hint: "mend the program, or take it out of hooks.pre; it is asked again by itself",
	});
	await run.raise({
		cause: CAUSES.hook(name),
		event: "hook_failed",
		severity: "warning",
		domains: namesOf(jobs),
		selector: selectorOf(jobs),
		summary: `hook ${name} failed: the switch is held, and what signed before signs`,
		detail: reason,
		hint: error.hint,
	});
	return { reason: error.message, error };
}

function switchingEvent(run: Run, jobs: readonly SwitchJob[]) {
	return {
		schema: 1 as const,
		id: run.ports.random.id(),
		at: run.now().toISOString(),
		host: run.settings.host,
		event: "switching" as const,
		severity: "info" as const,
		trouble: null,
		phase: null,
		domains: namesOf(jobs),
		selector: selectorOf(jobs),
		summary: `${listed(jobs)}: a switch is about to be made`,
		detail: jobs.map(({ doc, step }) => `${doc.policy.domain}: ${wordsOf(step)}`).join("\n"),
		hint: null,
		since: null,
		count: 1,
	};
}

function wordsOf(step: SwitchJob["step"]): string {
	if (step.kind === "takeOut") return `${step.selector} is taken out`;
	return `${step.from ?? "no key"} to ${step.selector}`;
}

function isDone({ doc, step }: SwitchJob): boolean {
	const key = keyOf(doc.state, step.selector);
	return step.kind === "switch" ? key?.state === "active" && key.owes === null : key?.state !== "active";
}

function namesOf(jobs: readonly SwitchJob[]): readonly string[] {
	return [...new Set(jobs.map(({ doc }) => doc.policy.domain))].toSorted();
}

/** Where all have the same. */
function selectorOf(jobs: readonly SwitchJob[]): string | null {
	const [first, ...others] = new Set(jobs.map(({ step }) => step.selector));
	return others.length === 0 ? (first ?? null) : null;
}

const LISTED = 5;

function listed(jobs: readonly SwitchJob[]): string {
	const names = namesOf(jobs);
	const more = names.length > LISTED ? ` and ${names.length - LISTED} more` : "";
	return `${names.slice(0, LISTED).join(", ")}${more}`;
}
