/** Whether mail signed with a key may still wait in the queue of this host: its record has to stand until that is delivered. */

import type { InspectAnswer, InspectedQueue } from "../ports/door.ts";
import { editKey, type KeyEntry } from "../rotation/domain-state.ts";
import type { Policy } from "../rotation/policy.ts";
import { graceEnds, lastUse } from "../rotation/timing.ts";
import type { Doc, Run } from "./run.ts";

const HOUR_MS = 3_600_000;
const IDS_TOLD = 10;

/** "held" where the queue keeps the record for now: the next look at it, and the reason, are saved for `status`. */
export async function waitForQueue(
	run: Run,
	doc: Doc,
	key: KeyEntry,
	answer: InspectAnswer,
): Promise<"held" | "free"> {
	const hold = answer.queue === null ? null : holdOf(answer.queue, key, doc.policy, run.now());
	if (hold === null) return "free";
	const owes = {
		act: "retire" as const,
		id: null,
		askedAt: run.now().toISOString(),
		tries: 0,
		notBefore: hold.until.toISOString(),
	};
	await run.save(
		doc,
		editKey(doc.state, key.selector, (one) => ({ ...one, owes, reason: hold.reason })),
	);
	return "held";
}

/** The messages that would fail once the record is gone; only those that were waited for long enough are left. */
export function leftInQueue(queue: InspectedQueue | null, key: KeyEntry, now: Date): readonly string[] {
	return queue === null ? [] : olderThan(queue, lastUse(key, now) ?? now).map(({ id }) => id);
}

interface Hold {
	readonly until: Date;
	readonly reason: string;
}

function holdOf(queue: InspectedQueue, key: KeyEntry, policy: Policy, now: Date): Hold | null {
	const last = lastUse(key, now);
	const ends = graceEnds(key, policy, now);
	if (last === null || ends === null || key.uses.length === 0) return null;
	const lifetimeMs = queue.lifetimeSeconds * 1000;
	const least = new Date(last.getTime() + lifetimeMs + key.record.ttlSeconds * 1000);
	if (least > now)
		return { until: least, reason: "grace is never shorter than mail may wait in the queue, and the TTL" };
	// One lifetime more at most: what is still there then would be returned to its sender soon anyway.
	const latest = new Date(Math.max(ends.getTime(), least.getTime()) + lifetimeMs);
	const older = olderThan(queue, last);
	if (latest <= now || (older.length === 0 && queue.isComplete)) return null;
	return {
		until: new Date(Math.min(now.getTime() + HOUR_MS, latest.getTime())),
		reason: `${whatWaits(older)}; the record goes on ${latest.toISOString()} at the latest`,
	};
}

function whatWaits(older: InspectedQueue["waiting"]): string {
	if (older.length === 0) return "the queue cannot be read whole: mail signed with it may still wait";
	const ids = older.slice(0, IDS_TOLD).map(({ id }) => id);
	const more = older.length > ids.length ? " and more" : "";
	return `mail that may be signed with it still waits in the queue (${ids.join(", ")}${more})`;
}

function olderThan({ waiting }: InspectedQueue, last: Date): InspectedQueue["waiting"] {
	return waiting.filter(({ arrivedAt }) => new Date(arrivedAt) <= last);
}
