/** Writes down how a switch ended, and clears what stood beside it; the result first, so that no crash can lose it. */

import { hashOfFile } from "../durable.ts";
import { asKeyturnError } from "../errors.ts";
import type { SwitchedKey, SwitchResult } from "../ports/door.ts";
import { signerNamed, type SwapContext, timestamp } from "./context.ts";
import type { Ended } from "./ending.ts";
import { type JournalSigner, removeJournal, writeJournal } from "./journal.ts";
import { writeLeft, writeResult } from "./results.ts";
import { removeStaged } from "./staged-switch.ts";
import { entryOf, type SwitchRun } from "./switch-run.ts";
import { tidy } from "./table-files.ts";

export async function conclude(run: SwitchRun, ended: readonly Ended[]): Promise<SwitchResult> {
	const { context } = run;
	// A signer that ran and does not come up is owed like a mail server: later requests go on trying.
	run.owed.unshift(...ended.filter((end) => !end.isUp).map((end) => entryOf(run, end.signer).ran));
	const result = describe(run, ended);
	await writeLeft(context, {
		files: await hashesLeft(run, ended),
		pausedAt: run.stoppedAtMs === null ? null : run.journal.startedAt,
	});
	if (run.owed.length > 0) {
		run.journal = { ...run.journal, owed: [...run.owed] };
		await writeJournal(context, run.journal);
	}
	await writeResult(context, result);
	await clear(context, run.journal.signers, run.journal.id);
	// While something is owed the dead man's switch tries again: the agent may be dead, or nobody's daemon run.
	if (run.owed.length === 0) {
		await removeJournal(context);
		await disarm(context);
	}
	context.log.info("a switch has ended", { id: result.id, outcome: result.outcome, reason: result.reason });
	return result;
}

/** Repeatable: recovery does it again after a crash. */
export async function clear(
	context: SwapContext,
	signers: readonly JournalSigner[],
	id: string,
): Promise<void> {
	for (const entry of signers) await tidy(context.disk, entry);
	await removeStaged(context, id);
}

export async function disarm({ services, log }: SwapContext): Promise<void> {
	try {
		await services.disarmDeadMan();
	} catch (error) {
		// It would find nothing to do.
		log.warn("the dead man's switch was not disarmed", { error: asKeyturnError(error).message });
	}
}

function describe(run: SwitchRun, ended: readonly Ended[]): SwitchResult {
	const { context } = run;
	const keys = ended.flatMap((end) => keysOf(entryOf(run, end.signer), end));
	const reasons = [
		...ended.flatMap((end) => (end.reason === null ? [] : [`${end.signer}: ${end.reason}`])),
		...ended.filter((end) => !end.isUp).map((end) => `${end.signer}: it does not come up`),
		...run.owed.map(({ service }) => `${service} did not start again`),
	];
	return {
		id: run.journal.id,
		outcome: outcomeOf(run, ended, keys),
		at: timestamp(run.context),
		keys,
		oldProcessGone: run.journal.signers.every((entry) => isOldProcessGone(context, entry)),
		reason: reasons.length === 0 ? null : reasons.join("; "),
		pauseMs: run.pauseMs,
		...(run.owed.length === 0 ? {} : { owed: run.owed.map(({ service }) => service) }),
	};
}

/** What a program applies may sign in a process that no service here stands for. */
function isOldProcessGone(context: SwapContext, { signer, swap, ran }: JournalSigner): boolean {
	if (ran.units.length > 0) return swap === "restart";
	return signerNamed(context, signer).signer.apply === undefined;
}

function keysOf(entry: JournalSigner, end: Ended): readonly SwitchedKey[] {
	return entry.changes.map(({ domain, from, selector }) => {
		const isIt = (key: { readonly domain: string; readonly selector: string }) =>
			key.domain === domain && key.selector === (selector ?? from);
		const leftOut = end.leftOut.find(isIt);
		const outcome = end.standing === "after" && leftOut === undefined ? "done" : "rolled_back";
		const unproven = end.unproven.find(isIt);
		const reason =
			leftOut?.reason ?? (unproven === undefined ? end.reason : `not proven: ${unproven.reason}`);
		return { signer: end.signer, domain, from, selector, outcome, reason };
	});
}

function outcomeOf(
	run: SwitchRun,
	ended: readonly Ended[],
	keys: readonly SwitchedKey[],
): SwitchResult["outcome"] {
	if (ended.some((end) => end.standing === "conflict")) return "conflict";
	if (keys.some((key) => key.outcome === "done")) return "done";
	const isRolledBack = run.journal.signers.some((entry) => entry.rollBack !== null || entry.partial !== null);
	return isRolledBack ? "rolled_back" : "undone";
}

/** By these the next preflight knows that a newer table is ours; what somebody changed meanwhile is not. */
async function hashesLeft(
	run: SwitchRun,
	ended: readonly Ended[],
): Promise<Readonly<Record<string, string>>> {
	const files: [string, string][] = [];
	for (const end of ended) {
		if (end.standing === "conflict") continue;
		const { files: own, partial } = entryOf(run, end.signer);
		for (const [index, { path, hashBefore, hashAfter }] of own.entries()) {
			const hash = end.standing === "before" ? hashBefore : (partial?.hashes[index] ?? hashAfter);
			if ((await hashOfFile(run.context.disk, path)) === hash) files.push([path, hash]);
		}
	}
	return Object.fromEntries(files);
}
