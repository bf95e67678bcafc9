/** Delivers what is to be told; what cannot be delivered is kept across restarts and tried again. */

import { asKeyturnError } from "../errors.ts";
import type { AlertSink } from "../ports/alert-sink.ts";
import { CAUSES } from "./causes.ts";
import type { Undelivered } from "./host-state.ts";
import { FAILURES_OF_ONE, isStuck, momentsOf, type Waiting, waitingFor } from "./outbox-order.ts";
import type { Run } from "./run.ts";
import { isDue } from "./troubles.ts";

const DELIVERY_MS = 15_000;
/** The lock is held meanwhile: after this long the rest is left for the next tick, which comes at once. */
const BUDGET_MS = 10_000;
/** What was delivered is noted together: a turn of many domains tells thousands of events, and a note is a synced write. */
const NOTED_EVERY_MS = 1_000;
const LONGEST_BACKOFF_MS = 3_600_000;

export async function deliver(run: Run): Promise<void> {
	await run.repeatTroubles();
	const ends = run.ports.clock.uptimeMs() + BUDGET_MS;
	for (const sink of inOrderOfWaiting(run)) {
		const due = dueOf(run, waitingFor(sink, run.host.outbox));
		if (due.stuck.length + due.live.length > 0) await deliverTo(run, sink, due, ends);
	}
	const names = new Set(run.ports.sinks.map((sink) => sink.name));
	if (run.host.outbox.some((entry) => !names.has(entry.sink)))
		await keep(run, (entry) => (names.has(entry.sink) ? entry : null));
}

/** Whose event has waited longest comes first: a slow sink does not keep the others waiting at every tick. */
function inOrderOfWaiting(run: Run): readonly AlertSink[] {
	const since = (sink: AlertSink): string =>
		[...momentsOf(waitingFor(sink, run.host.outbox))].toSorted()[0] ?? "";
	return run.ports.sinks.toSorted((one, other) => since(one).localeCompare(since(other)));
}

function dueOf(run: Run, { stuck, live }: Waiting): Waiting {
	const isNow = (entry: Undelivered | undefined): boolean =>
		entry !== undefined && isDue(entry.notBefore, LONGEST_BACKOFF_MS, run.now());
	return { stuck: stuck.filter(isNow), live: isNow(live[0]) ? live : [] };
}

interface Pass {
	readonly run: Run;
	readonly sink: AlertSink;
	/** Ids of what was delivered and is not noted yet. Whoever dies before the note delivers it again. */
	readonly unnoted: Set<string>;
	noteAt: number;
	reachesAll: boolean;
}

/**
 * One of those that failed often says whether the sink takes anything, each in its turn; where it does not, the first behind
 * them does. Where that fails as well, it is the sink, and all wait with it.
 */
async function deliverTo(run: Run, sink: AlertSink, due: Waiting, ends: number): Promise<void> {
	const { clock } = run.ports;
	// The first is noted at once: where it cannot be noted, no more than it is delivered again.
	const pass: Pass = { run, sink, unnoted: new Set(), noteAt: clock.uptimeMs(), reachesAll: true };
	const [probe, ...others] = due.stuck.toSorted((one, other) => one.tries - other.tries);
	let takes = probe !== undefined && (await tryOne(pass, probe));
	for (const entry of takes ? [...others, ...due.live] : [...due.live, ...others]) {
		if (clock.uptimeMs() >= ends) return note(pass);
		const isTaken = await tryOne(pass, entry);
		takes ||= isTaken;
		if (isTaken || (takes && isStuck(entry))) continue;
		// What is behind one that has only now failed often is tried at the next tick, which comes at once.
		if (entry.tries + 1 !== FAILURES_OF_ONE) await waitWith(run, entry);
		return;
	}
	await note(pass);
	if (pass.reachesAll && waitingFor(sink, run.host.outbox).stuck.length === 0)
		await run.end(causeOf(sink), null);
}

/** Resolves to whether it was taken; what was not is put off. */
async function tryOne(pass: Pass, entry: Undelivered): Promise<boolean> {
	const { run, sink } = pass;
	let shortfall: string | undefined;
	try {
		shortfall = await sink.deliver(entry.event, deadline(run, sink));
	} catch (thrown) {
		await note(pass);
		run.signal.throwIfAborted();
		await putOff(run, sink, entry, asKeyturnError(thrown).message);
		return false;
	}
	pass.unnoted.add(entry.event.id);
	pass.reachesAll &&= shortfall === undefined;
	if (shortfall !== undefined) await tellShortfall(run, sink, shortfall);
	const { clock } = run.ports;
	// What a program does twice may be worse than what is told twice.
	if (sink.hook === undefined && clock.uptimeMs() < pass.noteAt) return true;
	await note(pass);
	pass.noteAt = clock.uptimeMs() + NOTED_EVERY_MS;
	return true;
}

async function note({ run, sink, unnoted }: Pass): Promise<void> {
	if (unnoted.size === 0) return;
	await keep(run, (one) => (one.sink === sink.name && unnoted.has(one.event.id) ? null : one));
	unnoted.clear();
}

/** Nothing of the sink's is tried before the moment to which this one was put off. */
async function waitWith(run: Run, entry: Undelivered): Promise<void> {
	const until = run.host.outbox.find((one) => isSame(one, entry))?.notBefore ?? "";
	await keep(run, (one) =>
		one.sink === entry.sink && one.notBefore < until ? { ...one, notBefore: until } : one,
	);
}

/** A hook has a timeout of its own. */
function deadline({ ports, signal }: Run, { hook }: AlertSink): AbortSignal {
	return hook === undefined ? ports.clock.deadline(DELIVERY_MS, signal) : signal;
}

function causeOf({ name, hook }: AlertSink): string {
	return hook === undefined ? CAUSES.alert(name) : CAUSES.hook(name);
}

async function putOff(run: Run, sink: AlertSink, entry: Undelivered, why: string): Promise<void> {
	run.ports.log.warn("alert not delivered", { sink: sink.name, event: entry.event.event, reason: why });
	const tries = entry.tries + 1;
	const others = waitingFor(sink, run.host.outbox).stuck.filter((one) => !isSame(one, entry));
	// As often as the sink failed, whichever event it was: one that is gone is left alone longer and longer.
	const notBefore = run.backoff(entry.tries + FAILURES_OF_ONE * others.length).toISOString();
	await keep(run, (one) => (isSame(one, entry) ? { ...one, tries, notBefore } : one));
	const isHook = sink.hook !== undefined;
	if (tries < FAILURES_OF_ONE && !isHook) return;
	await run.raise({
		cause: causeOf(sink),
		event: isHook ? "hook_failed" : "alert_undelivered",
		severity: "warning",
		domains: [],
		selector: null,
		summary: isHook ? `hook ${sink.name} failed` : `alerts to ${sink.name} are not delivered`,
		detail: why,
		hint: isHook
			? "it is run again by itself; the switch stands"
			: "what is to be told is kept and tried again",
	});
}

/** Whoever it does reach is not told the same again: what is behind it would wait for somebody who is gone. */
async function tellShortfall(run: Run, { name }: AlertSink, detail: string): Promise<void> {
	run.ports.log.warn("alert not delivered to everybody", { sink: name, reason: detail });
	await run.raise({
		cause: CAUSES.alert(name),
		event: "alert_undelivered",
		severity: "warning",
		domains: [],
		selector: null,
		summary: `alerts to ${name} do not reach everybody`,
		detail,
		hint: "the others get them; see that these are taken, or take them out of `alerts`",
	});
}

async function keep(run: Run, choose: (entry: Undelivered) => Undelivered | null): Promise<void> {
	await run.editHost((host) => ({
		host: { ...host, outbox: host.outbox.flatMap((entry) => choose(entry) ?? []) },
		history: [],
	}));
}

function isSame(one: Undelivered, other: Undelivered): boolean {
	return one.sink === other.sink && one.event.id === other.event.id;
}
