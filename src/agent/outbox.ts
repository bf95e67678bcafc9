/** Delivers what is to be told; what cannot be delivered is kept across restarts and tried again. */

import { asKeyturnError } from "../errors.ts";
import type { AlertSink } from "../ports/alert-sink.ts";
import { CAUSES } from "./causes.ts";
import type { HostState, Undelivered } from "./host-state.ts";
import type { Run } from "./run.ts";
import { isDue } from "./troubles.ts";

const DELIVERY_MS = 15_000;
/** The lock is held meanwhile: after this long the rest is left for the next tick, which comes at once. */
const BUDGET_MS = 10_000;
/** What was delivered is noted together: a turn of many domains tells thousands of events, and a note is a synced write. */
const NOTED_EVERY_MS = 1_000;
/** A sink that failed so often in a row is a trouble of its own, told to the others and shown by `status`. */
const FAILURES_TOLD = 3;
const LONGEST_BACKOFF_MS = 3_600_000;

export async function deliver(run: Run): Promise<void> {
	await run.repeatTroubles();
	const ends = run.ports.clock.uptimeMs() + BUDGET_MS;
	for (const sink of inOrderOfWaiting(run)) {
		const waiting = run.host.outbox.filter((entry) => entry.sink === sink.name);
		const [first] = waiting;
		if (first === undefined || !isDue(first.notBefore, LONGEST_BACKOFF_MS, run.now())) continue;
		await deliverTo(run, sink, waiting, ends);
	}
	const names = new Set(run.ports.sinks.map((sink) => sink.name));
	if (run.host.outbox.some((entry) => !names.has(entry.sink)))
		await keep(run, (entry) => (names.has(entry.sink) ? entry : null));
}

/** When each sink is tried again: what stands behind its first event waits with that, whatever its own moment was. */
export function nextDeliveries(
	{ outbox }: Pick<HostState, "outbox">,
	sinks: readonly Pick<AlertSink, "name">[],
): readonly Date[] {
	return sinks.flatMap(({ name }) => {
		const first = outbox.find((entry) => entry.sink === name);
		return first === undefined ? [] : [new Date(first.notBefore)];
	});
}

/** Whose first event has waited longest comes first: a slow sink does not keep the others waiting at every tick. */
function inOrderOfWaiting(run: Run): readonly AlertSink[] {
	const since = ({ name }: AlertSink): string =>
		run.host.outbox.find((entry) => entry.sink === name)?.notBefore ?? "";
	return run.ports.sinks.toSorted((one, other) => since(one).localeCompare(since(other)));
}

/** In order; the first failure puts the rest off with it. Whoever dies before the note delivers again what it did not note. */
async function deliverTo(
	run: Run,
	sink: AlertSink,
	waiting: readonly Undelivered[],
	ends: number,
): Promise<void> {
	const { clock } = run.ports;
	const unnoted = new Set<string>();
	// The first at once: where it cannot be noted, no more than it is delivered again.
	let noteAt = clock.uptimeMs();
	let reachesAll = true;
	for (const entry of waiting) {
		if (clock.uptimeMs() >= ends) return note(run, sink, unnoted);
		let shortfall: string | undefined;
		try {
			shortfall = await sink.deliver(entry.event, deadline(run, sink));
		} catch (thrown) {
			await note(run, sink, unnoted);
			run.signal.throwIfAborted();
			await putOff(run, sink, entry, asKeyturnError(thrown).message);
			return;
		}
		unnoted.add(entry.event.id);
		reachesAll &&= shortfall === undefined;
		if (shortfall !== undefined) await tellShortfall(run, sink, shortfall);
		// What a program does twice may be worse than what is told twice.
		if (sink.hook === undefined && clock.uptimeMs() < noteAt) continue;
		await note(run, sink, unnoted);
		noteAt = clock.uptimeMs() + NOTED_EVERY_MS;
	}
	await note(run, sink, unnoted);
	if (reachesAll) await run.end(causeOf(sink), null);
}

async function note(run: Run, sink: AlertSink, delivered: Set<string>): Promise<void> {
	if (delivered.size === 0) return;
	await keep(run, (one) => (one.sink === sink.name && delivered.has(one.event.id) ? null : one));
	delivered.clear();
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
	const notBefore = run.backoff(entry.tries).toISOString();
	await keep(run, (one) => (isSame(one, entry) ? { ...one, tries, notBefore } : one));
	const isHook = sink.hook !== undefined;
	if (tries < FAILURES_TOLD && !isHook) return;
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
