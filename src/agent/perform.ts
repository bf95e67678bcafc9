/** Does the steps that are due, in their order: equal ones together, and one domain's failure is its own. */

import type { StepKind } from "../rotation/step.ts";
import { keyOf } from "../rotation/domain-state.ts";
import { adopt, takeOver } from "./adopt.ts";
import { CAUSES } from "./causes.ts";
import { disclose } from "./disclose.ts";
import type { Loaded } from "./documents.ts";
import { watchEmptied } from "./emptied.ts";
import { type Groups, matesOf } from "./groups.ts";
import { look, watch } from "./look.ts";
import { giveUp, make } from "./make.ts";
import { publish } from "./publish.ts";
import { restore, stay } from "./restore.ts";
import { drop, retire } from "./retire.ts";
import { revive } from "./revive.ts";
import { revoke } from "./revoke.ts";
import { each, type Job, type Run } from "./run.ts";
import { settle } from "./settle.ts";
import { switchKeys } from "./switch.ts";
import { takeOut } from "./take-out.ts";
import { noteUse, turnAway } from "./turn-away.ts";

/** What an earlier run still owes comes first; what removes comes last. */
export const ORDER = [
	"settle",
	"adopt",
	"takeOver",
	"revive",
	"turnAway",
	"noteUse",
	"giveUp",
	"make",
	"publish",
	"look",
	"takeOut",
	"restore",
	"switch",
	"revoke",
	"watch",
	"retire",
	"disclose",
	"drop",
] as const satisfies readonly StepKind[];

/** The other domains, as far as a step has to know them. */
interface Others {
	readonly groups: Groups;
	readonly loaded: Loaded;
}

/** Equal steps go together; one domain's failure is its own. */
export async function perform(run: Run, kind: StepKind, all: readonly Job[], others: Others): Promise<void> {
	const jobs = all.filter((job) => job.step.kind === kind);
	if (jobs.length === 0) return;
	if (kind === "publish") await publish(run, jobs as readonly Job<"publish">[]);
	else if (kind === "switch") await switchTogether(run, jobs as readonly Job<"switch">[]);
	else if (kind === "takeOut") await takeOutTogether(run, jobs as readonly Job<"takeOut">[]);
	else
		await each(inTurn(jobs, others.groups), WIDTH[kind] ?? 1, async (turn) => {
			for (const job of turn)
				try {
					await performOne(run, job, others);
				} catch (thrown) {
					run.fail(job.doc, job.step, thrown);
				}
		});
}

/** Of those that turn together one after the other: what the first has made is for the next. */
function inTurn(jobs: readonly Job[], groups: Groups): readonly (readonly Job[])[] {
	const turns = new Map<unknown, Job[]>();
	for (const job of jobs) {
		const group = groups.get(job.doc.policy.domain) ?? job;
		const turn = turns.get(group);
		if (turn === undefined) turns.set(group, [job]);
		else turn.push(job);
	}
	return [...turns.values()];
}

/** How many of a kind run side by side: a look may ask the provider, keys are made by two threads. */
const WIDTH: Partial<Record<StepKind, number>> = { look: 8, make: 2 };

async function performOne(run: Run, job: Job, { groups, loaded }: Others): Promise<void> {
	const { step, doc } = job;
	switch (step.kind) {
		case "settle":
			return settle(run, { doc, step });
		case "adopt":
			return adopt(run, { doc, step });
		case "takeOver":
			return takeOver(run, { doc, step });
		case "revive":
			return revive(run, { doc, step });
		case "turnAway":
			return turnAway(run, { doc, step }, matesOf(doc, groups));
		case "noteUse":
			return noteUse(run, { doc, step });
		case "giveUp":
			return doc.state.wants.rollback?.selector === step.selector
				? stay(run, { doc, step })
				: giveUp(run, { doc, step });
		case "make":
			return make(run, { doc, step }, groups.get(doc.policy.domain));
		case "look":
			return look(run, { doc, step });
		case "restore":
			return restore(run, { doc, step }, matesOf(doc, groups));
		case "revoke":
			return revoke(run, { doc, step }, loaded);
		case "watch":
			return keyOf(doc.state, step.selector)?.state === "revoked"
				? watchEmptied(run, { doc, step })
				: watch(run, { doc, step });
		case "retire":
			return retire(run, { doc, step }, loaded);
		case "disclose":
			return disclose(run, { doc, step }, loaded);
		case "drop":
			return drop(run, { doc, step });
		case "publish":
		case "switch":
		case "takeOut":
			throw new Error(`${step.kind} is done in groups`);
	}
}

async function switchTogether(run: Run, jobs: readonly Job<"switch">[]): Promise<void> {
	await together(run, jobs, async () => switchKeys(run, jobs));
}

async function takeOutTogether(run: Run, jobs: readonly Job<"takeOut">[]): Promise<void> {
	await together(run, jobs, async () => takeOut(run, jobs));
}

/** A switch whose door did not answer may have happened: it stays owed, and is settled in the next round. */
async function together(
	run: Run,
	jobs: readonly (Job<"switch"> | Job<"takeOut">)[],
	act: () => Promise<void>,
): Promise<void> {
	try {
		await act();
	} catch (thrown) {
		for (const { doc, step } of jobs) {
			const key = keyOf(doc.state, step.selector);
			const isDone =
				step.kind === "switch" ? key?.state === "active" && key.owes === null : key?.state !== "active";
			if (key === null || isDone) continue;
			const error = run.fail(doc, step, thrown);
			run.delay(doc, { kind: "settle", selector: step.selector }, run.backoff(0), error.message);
			await run.raise({
				cause: CAUSES.swap(doc.policy.signer),
				event: "swap_failed",
				severity: "critical",
				domains: [doc.policy.domain],
				selector: step.selector,
				summary: `${doc.policy.signer}: how a change of its tables ended is not known yet`,
				detail: error.message,
				hint: error.hint ?? "keyturn recover has the door finish or undo it",
			});
		}
	}
}
