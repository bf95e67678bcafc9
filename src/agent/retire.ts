/** Removes the record of a key whose grace is over, and much later its key files. */

import { KeyturnError } from "../errors.ts";
import type { InspectAnswer } from "../ports/door.ts";
import {
	activeKey,
	type DomainState,
	editKey,
	type KeyEntry,
	keyOf,
	moveKey,
} from "../rotation/domain-state.ts";
import { CAUSES } from "./causes.ts";
import type { Loaded } from "./documents.ts";
import { dropFile, inspect, isNamed, linesInUse } from "./inspection.ts";
import { seen } from "./look.ts";
import { expected } from "./probing.ts";
import { changeRecord, type Leftover, leftSentences } from "./change-record.ts";
import { endNotRemoved, isAwaited, notRemoved, retireFailed } from "./not-removed.ts";
import { leftInQueue, waitForQueue } from "./queue.ts";
import { type Sources, waitForReaders } from "./readers.ts";
import type { Doc, Job, Run } from "./run.ts";
import { keepersOf, strangersOf } from "./same-record.ts";

const HOUR_MS = 3_600_000;
/** A restored backup may name a retired key: its private half is kept this long to publish it again. */
const KEEP_FILE_MS = 90 * 24 * HOUR_MS;

export async function retire(run: Run, job: Job<"retire">, loaded: Loaded): Promise<void> {
	const { doc, step } = job;
	const key = keyOf(doc.state, step.selector);
	if (key === null) return;
	let waited: readonly string[] = [];
	let left: readonly Leftover[] = [];
	try {
		const answer = await mustBeUnused(run, doc, key);
		if ((await mayRemove(run, doc, key, { answer, strangers: strangersOf(answer, loaded) })) === "later")
			return;
		const keepers = keepersOf(run, job, key, loaded);
		if (keepers === "later") return;
		if (keepers.length > 0) {
			await leaveRecord(run, job, key, keepers);
			return;
		}
		waited = leftInQueue(answer.queue, key, run.now());
		const changed = await changeRecord(run, doc, key, () => ({
			kind: "remove",
			name: key.record.owner,
			value: key.record.value,
		}));
		if (changed.failed !== null) {
			if (await isAwaited(run, job, changed.failed)) return;
			await notRemoved(run, job, changed.failed);
			return;
		}
		await endNotRemoved(run, doc.policy.domain, changed.asked);
		({ left } = changed);
	} catch (thrown) {
		await retireFailed(run, job, run.fail(doc, step, thrown));
		return;
	}
	const { domain } = doc.policy;
	await tellRetired(run, doc, key, {
		summary: `${domain}: the record of ${key.selector} is removed`,
		detail:
			[
				...leftSentences(
					key,
					left.filter(({ error }) => error !== null),
				),
				...hurt(key, waited),
			].join("\n") || null,
	});
	await noteRetired(run, job, key);
}

/** Several names lead to one record: it goes with the last who needs it. */
export async function leaveRecord(
	run: Run,
	job: Job<"retire"> | Job<"revoke">,
	key: KeyEntry,
	keepers: readonly string[],
): Promise<void> {
	const { doc } = job;
	const { domain } = doc.policy;
	await tellRetired(run, doc, key, {
		summary: `${domain}: ${key.selector} is retired; its record stays for ${keepers.join(", ")}`,
		detail: `${key.record.name} and a name of ${keepers.join(", ")} lead to one record, ${key.record.owner}`,
	});
	await noteRetired(run, job, key, `its record was left to ${keepers.join(", ")}`);
}

async function tellRetired(
	run: Run,
	{ policy }: Doc,
	{ selector }: KeyEntry,
	told: { readonly summary: string; readonly detail: string | null },
): Promise<void> {
	await run.tell("retired", { severity: "info", domains: [policy.domain], selector, ...told, hint: null });
}

async function noteRetired(
	run: Run,
	{ doc, step }: Job<"retire"> | Job<"revoke">,
	key: KeyEntry,
	reason: string | null = null,
): Promise<void> {
	const now = run.now();
	const { domain } = doc.policy;
	const drop = {
		act: "drop" as const,
		id: null,
		askedAt: now.toISOString(),
		tries: 0,
		notBefore: new Date(now.getTime() + KEEP_FILE_MS).toISOString(),
	};
	// Before it is saved, as with `tell`: after a crash in between no step would come back to it.
	await run.end(CAUSES.retire(domain, key.selector), domain);
	await run.save(
		doc,
		withoutWishesFor(
			key.selector,
			moveKey(doc.state, key.selector, "retired", now, {
				owes: key.origin === "made" ? drop : null,
				// A key that was revoked is told from one that may be published again.
				reason: key.state === "revoked" ? key.reason : reason,
			}),
		),
	);
	await run.ports.keys.remove(domain, key.selector);
	run.done(doc, step);
}

function hurt({ uses }: KeyEntry, waited: readonly string[]): readonly string[] {
	if (uses.length === 0 || waited.length === 0) return [];
	return [`these messages waited in the queue all the time, and may fail now: ${waited.join(", ")}`];
}

/** Deletes the key files of one key; what the door still finds in use stays, and is asked for again a day later. */
export async function drop(run: Run, { doc, step }: Job<"drop">): Promise<void> {
	const key = keyOf(doc.state, step.selector);
	if (key === null) return;
	const why = await dropFile(run, doc.policy, key);
	if (why !== null) {
		run.delay(doc, step, new Date(run.now().getTime() + 24 * HOUR_MS), why);
		return;
	}
	await run.save(
		doc,
		editKey(doc.state, step.selector, (key) => ({ ...key, owes: null })),
	);
	run.done(doc, step);
}

/**
 * Promise 3: nobody else uses it, nothing signed with it under way, and the successor verified again. "later" while one of
 * them is not so, or while the look at the successor is still to be made.
 */
export async function mayRemove(
	run: Run,
	doc: Doc,
	key: KeyEntry,
	sources: Sources,
): Promise<"now" | "later"> {
	const { answer } = sources;
	const { domain } = doc.policy;
	// With an empty record nothing verified any more: nobody depends on a successor.
	if (key.state === "revoked") return "now";
	if ((await waitForReaders(run, doc, key, sources)) === "held") return "later";
	if (key.uses.length === 0) return "now";
	if ((await waitForQueue(run, doc, key, answer)) === "held") return "later";
	const successor = activeKey(doc.state) ?? putBack(doc, answer);
	// A domain that is leaving has none, once no key of it signs.
	if (successor === null && doc.state.wants.remove !== null) return "now";
	if (successor === null)
		throw new KeyturnError("dns.failed", `${domain}: ${key.selector} has no successor in use`, {
			retry: true,
		});
	// A line with a problem is left alone: a second key beside it, or another's.
	const others = linesInUse(answer, doc.policy)?.filter(
		({ selector, problem }) => selector !== successor.selector && problem === null,
	);
	if (others === undefined || others.length > 0)
		throw new KeyturnError(
			"signer.config",
			`${domain}: the signer uses another key than ${successor.selector}, whose record would be looked at`,
			{ retry: true, hint: "a switch whose end is not known yet is settled first" },
		);
	const report = seen(run, doc.policy, successor, false);
	if (report === null) return "later";
	if (report.verdict !== "right")
		throw new KeyturnError(
			"dns.failed",
			`${domain}: the record of ${successor.selector}, which took over, does not verify: ${report.summary}`,
			{ retry: true },
		);
	const fault = answer.probed?.find(({ selector }) => selector === successor.selector)?.fault ?? null;
	if (fault !== null)
		throw new KeyturnError(
			"signer.probe",
			`${domain}: the tables name ${successor.selector}, but the running signer does not sign with it: ${fault}`,
			{
				retry: true,
				hint: `reload the signer, or restart it, and see its log: mail may need the record of ${key.selector} still`,
			},
		);
	return "now";
}

/** A key that was to sign no more, and whose lines somebody has put back. */
function putBack({ policy, state }: Doc, answer: InspectAnswer): KeyEntry | null {
	const lines = linesInUse(answer, policy) ?? [];
	const isNamed = (key: KeyEntry): boolean =>
		lines.some(({ selector, publicKey }) => selector === key.selector && publicKey === key.publicKey);
	return state.keys.find(isNamed) ?? null;
}

/**
 * Fails where a live table names the key, or where that cannot be told. Its successor is probed as well: tables that were
 * edited by hand say nothing of a process that has not read them.
 */
export async function mustBeUnused(run: Run, doc: Doc, key: KeyEntry): Promise<InspectAnswer> {
	const { domain } = doc.policy;
	const answer = await inspect(run, [], expected(run, doc));
	const named = isNamed(answer, domain, key);
	if (named === null)
		throw new KeyturnError(
			"signer.config",
			`${domain}: whether ${key.selector} is still in use cannot be told`,
			{
				retry: true,
				hint: "keyturn status says what is wrong with the signer's configuration",
			},
		);
	if (named)
		throw new KeyturnError(
			"signer.config",
			`${domain}: ${key.selector} is still named by the signer's tables`,
			{
				retry: true,
				hint: "take its lines out of the tables, or let it go on signing",
			},
		);
	return answer;
}

/** What was asked about a key is done. */
export function withoutWishesFor(selector: string, state: DomainState): DomainState {
	const { revoke, retire } = state.wants;
	const isOther = (wish: { readonly selector: string }): boolean => wish.selector !== selector;
	return {
		...state,
		wants: { ...state.wants, revoke: revoke.filter(isOther), retire: retire.filter(isOther) },
	};
}
