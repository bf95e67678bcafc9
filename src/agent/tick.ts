/**
 * One tick: takes the lock, settles what is owed, does every step that is due, and says what waits for what. While DNS is
 * asked it has no lock: whoever wants it gets it, and the state is read again afterwards.
 */

import type { InspectAnswer } from "../ports/door.ts";
import type { Lease } from "../ports/state-store.ts";
import { askDoor, dropUnowed } from "./ask-door.ts";
import { endMoot } from "./causes.ts";
import { watchClock } from "./clock-watch.ts";
import { removeCopies } from "./copies.ts";
import { endDistress } from "./distress.ts";
import { begin, load, type Loaded, tellLostState } from "./documents.ts";
import { tellDrift } from "./drift.ts";
import { forgetGone } from "./forgetting.ts";
import { gather, holdForMates, join } from "./grouping.ts";
import { type Groups, groupsOf, matesOf, NO_GROUPS } from "./groups.ts";
import type { Inquiries } from "./inquiries.ts";
import { nextInspection } from "./inspection.ts";
import { deliver } from "./outbox.ts";
import { nextDeliveries } from "./outbox-order.ts";
import { tellOverdue } from "./overdue.ts";
import { ORDER, perform } from "./perform.ts";
import { probeSigners } from "./probing.ts";
import { planOne } from "./planning.ts";
import { noteReaders } from "./readers.ts";
import type { AgentPorts, AgentSettings, Memory, Run } from "./run.ts";
import { type DomainReport, reportsOf, type TickReport } from "./tick-report.ts";
import type { TroubleTelling } from "./troubles.ts";
import { takeWishes } from "./wishes.ts";

export interface TickOptions {
	/** How long to wait for the lock, in milliseconds. */
	readonly lockWaitMs: number;
	/** Called after every step and look, for live progress. */
	readonly onProgress?: (report: readonly DomainReport[]) => void;
}

/** Troubles of the process around the agent, by cause; null ends one. */
export type Notes = Map<string, Omit<TroubleTelling, "cause"> | null>;

/** More rounds than a turn has steps: beyond that something is undone as soon as it is done. */
const ROUNDS = 24;

export interface TickGiven {
	readonly ports: AgentPorts;
	readonly settings: AgentSettings;
	readonly memory: Memory;
	readonly lease: Lease;
	readonly inquiries: Inquiries;
	readonly signal: AbortSignal;
	/** What this tick did when it had the lock before. */
	readonly before: TickReport | null;
}

/** As far as it goes without asking DNS. */
export async function tick(given: TickGiven, notes: Notes, options: TickOptions): Promise<TickReport> {
	given.inquiries.begin();
	const { run, isNew, isFirst } = await begin(given);
	if (isFirst) await tellLostState(run);
	await watchClock(run, isNew);
	await takeNotes(run, notes);
	const loaded = await load(run, given.before);
	const { docs, lost } = loaded;
	await takeWishes(run, docs);
	const groups = await work(run, loaded, options);
	if (lost.length === 0) await dropUnowed(run, docs);
	await removeCopies(run, docs);
	await endDistress(run);
	await probeSigners(run, docs);
	await noteReaders(run, loaded);
	for (const doc of docs) {
		if (doc.policy.lane?.isFirst === false) continue;
		const all = docs.filter(({ stored }) => stored === doc.stored);
		await tellOverdue(run, all, groups);
		await tellDrift(run, all);
	}
	await endMoot(run, docs);
	await deliver(run);
	forgetGone(run, docs);
	const domains = [...reportsOf(docs), ...lost];
	const untils = docs.flatMap((doc) =>
		doc.waits.flatMap((wait) => (wait.until === null ? [] : [wait.until])),
	);
	const unasked = run.inquiries.areWaiting ? [run.now()] : [];
	const deliveries = nextDeliveries(run.host, run.ports.sinks);
	const next = [...unasked, ...untils, ...nextInspection(run), ...deliveries].map((until) => until.getTime());
	return { domains, nextAt: next.length === 0 ? null : new Date(Math.min(...next)) };
}

/** Rounds of plan and perform, until every domain waits, be it for an answer of DNS; which turned together. */
async function work(run: Run, loaded: Loaded, options: TickOptions): Promise<Groups> {
	const { docs } = loaded;
	let open = docs;
	let groups = NO_GROUPS;
	let inspected: InspectAnswer | null = null;
	for (let round = 0; round < ROUNDS && open.length > 0; round += 1) {
		run.signal.throwIfAborted();
		if (round === 0 || inspected !== null) inspected = await askDoor(run, docs);
		groups = groupsOf(docs, inspected);
		const sight = { answer: inspected, ...(await watchClock(run, false)), groups };
		const jobs = open.flatMap((doc) => planOne(run, doc, sight));
		const going = join(run, docs, holdForMates(gather(run, docs, jobs), sight), sight);
		const ready = holdForMates(going, sight);
		if (ready.length === 0) break;
		for (const kind of ORDER) await perform(run, kind, ready, { groups, loaded });
		options.onProgress?.(reportsOf(docs));
		const busy = new Set([...jobs, ...ready].flatMap(({ doc }) => [doc, ...matesOf(doc, groups)]));
		open = docs.filter((doc) => busy.has(doc) && !run.inquiries.isWaiting(doc.policy.domain));
	}
	return groups;
}

async function takeNotes(run: Run, notes: Notes): Promise<void> {
	for (const [cause, telling] of notes) {
		if (telling === null) await run.end(cause, null);
		else await run.raise({ ...telling, cause });
		notes.delete(cause);
	}
}
