/** Tells what happens and what lasts: an event once, a trouble at its start, again with growing intervals, and its end. */

import { cut, excerpt, inLines } from "../dkim/foreign-text.ts";
import type { AlertSink, EventName, KeyturnEvent, Severity, TroubleName } from "../ports/alert-sink.ts";
import type { HostState, Trouble, Undelivered } from "./host-state.ts";

export interface Telling {
	readonly severity: Severity;
	readonly domains: readonly string[];
	readonly selector: string | null;
	readonly summary: string;
	readonly detail: string | null;
	readonly hint: string | null;
}

export interface TroubleTelling extends Telling {
	/** Names the cause: the same cause for several domains is one trouble. */
	readonly cause: string;
	readonly event: TroubleName;
}

/** Whom to tell, and what is the same for all they are told. */
export interface Audience {
	readonly host: string;
	readonly sinks: readonly {
		readonly name: string;
		readonly on: readonly (EventName | TroubleName)[] | null;
		readonly repeatMs: number;
		/** A program after a switch; absent for an alert. */
		readonly hook?: AlertSink["hook"];
	}[];
	readonly newId: () => string;
}

/** What changed, and what goes into the history. */
export interface Told {
	readonly host: HostState;
	readonly history: readonly KeyturnEvent[];
}

const DAY_MS = 86_400_000;
/** Beyond this many undelivered events for one sink the oldest are given up: the newest tell how it stands. */
const OUTBOX_LIMIT = 500;
/** Of a sentence, and of what is told beside it: hundreds of events may wait, each with what hundreds of servers said. */
const SUMMARY_LENGTH = 2_000;
const DETAIL_LENGTH = 10_000;
/** A program after a switch has something to do for each: so many domains may switch at one time. */
const HOOK_LIMIT = 10_000;

/** A plain event. */
export function tell(
	host: HostState,
	now: Date,
	audience: Audience,
	event: EventName | TroubleName,
	telling: Telling,
): Told {
	const told = makeEvent(now, audience, event, fitToShow(telling), null);
	return { host: enqueue(host, now, audience, told), history: [told] };
}

/**
 * Starts a trouble, or adds to one that lasts: a start that nobody was given yet names the new domain too, else the next
 * repetition does. Where it has become critical, that comes at once.
 */
export function raise(host: HostState, now: Date, audience: Audience, telling: TroubleTelling): Told {
	const { cause, ...rest } = fitToShow(telling);
	const lasting = host.troubles.find((trouble) => trouble.id === cause);
	if (lasting !== undefined) {
		const domains = union(lasting.domains, telling.domains);
		const over = lasting.over?.filter((name) => !domains.includes(name)) ?? [];
		const isGraver = rest.severity === "critical" && lasting.severity !== "critical";
		const told = isGraver ? lasting.told.map((one) => ({ ...one, nextAt: now.toISOString() })) : lasting.told;
		const joined = replace(host, withOver({ ...lasting, ...rest, domains, told }, over));
		return { host: { ...joined, outbox: namingAll(host.outbox, cause, domains) }, history: [] };
	}
	const told = audience.sinks.map((sink) => ({
		sink: sink.name,
		count: 1,
		nextAt: new Date(now.getTime() + sink.repeatMs).toISOString(),
	}));
	const trouble: Trouble = { ...rest, id: cause, since: now.toISOString(), told };
	const event = makeEvent(now, audience, trouble.event, trouble, { trouble, phase: "start", count: 1 });
	const started = { ...host, troubles: [...host.troubles, trouble] };
	return { host: enqueue(started, now, audience, event), history: [event] };
}

/** Ends a trouble for one domain (null: for all); told when no domain is left. A trouble that is none is passed over. */
export function end(
	host: HostState,
	now: Date,
	audience: Audience,
	cause: string,
	domain: string | null,
): Told {
	const lasting = host.troubles.find((trouble) => trouble.id === cause);
	if (lasting === undefined || (domain !== null && !lasting.domains.includes(domain)))
		return { host, history: [] };
	const left = domain === null ? [] : lasting.domains.filter((name) => name !== domain);
	const concerned = union(lasting.over ?? [], lasting.domains);
	if (left.length > 0) {
		const over = concerned.filter((name) => !left.includes(name));
		return { host: replace(host, withOver({ ...lasting, domains: left }, over)), history: [] };
	}
	const event = makeEvent(
		now,
		audience,
		lasting.event,
		{ ...lasting, domains: concerned, severity: "info", summary: `over: ${lasting.summary}`, hint: null },
		{ trouble: lasting, phase: "end", count: Math.max(1, ...lasting.told.map((one) => one.count)) },
	);
	const ended = { ...host, troubles: host.troubles.filter((trouble) => trouble.id !== cause) };
	const told = audience.sinks.filter((sink) => lasting.told.some((one) => one.sink === sink.name));
	return { host: enqueue(ended, now, { ...audience, sinks: told }, event), history: [event] };
}

/** Tells lasting troubles again whose time has come; intervals double, up to a day. */
export function repeat(host: HostState, now: Date, audience: Audience): HostState {
	let next = host;
	for (const trouble of host.troubles)
		for (const sink of audience.sinks) {
			const told = trouble.told.find((one) => one.sink === sink.name);
			const longestMs = Math.max(DAY_MS, sink.repeatMs);
			if (told !== undefined && !isDue(told.nextAt, longestMs, now)) continue;
			const count = (told?.count ?? 0) + 1;
			const waitMs = Math.min(sink.repeatMs * 2 ** (count - 1), longestMs);
			const again = { sink: sink.name, count, nextAt: new Date(now.getTime() + waitMs).toISOString() };
			const current = next.troubles.find((one) => one.id === trouble.id) ?? trouble;
			const others = current.told.filter((one) => one.sink !== sink.name);
			const phase = count === 1 ? "start" : "repeat";
			const event = makeEvent(now, audience, trouble.event, trouble, { trouble, phase, count });
			next = enqueue(
				replace(next, { ...current, told: [...others, again] }),
				now,
				{ ...audience, sinks: [sink] },
				event,
			);
		}
	return next;
}

/** A moment further off than anything is ever put off was noted by a clock that was ahead: nobody waits for it. */
export function isDue(at: string, longestMs: number, now: Date): boolean {
	const leftMs = new Date(at).getTime() - now.getTime();
	return leftMs <= 0 || leftMs > longestMs;
}

/** Records, server names and programs' words come in here: whoever prints an alert or the history must not obey them. */
function fitToShow<Kind extends Telling>(telling: Kind): Kind {
	const { summary, detail, hint } = telling;
	return {
		...telling,
		summary: excerpt(summary, SUMMARY_LENGTH),
		detail: detail === null ? null : inLines(cut(detail, DETAIL_LENGTH)),
		hint: hint === null ? null : inLines(hint),
	};
}

function makeEvent(
	now: Date,
	audience: Audience,
	event: EventName | TroubleName,
	telling: Telling,
	lasting: {
		readonly trouble: Trouble;
		readonly phase: "start" | "repeat" | "end";
		readonly count: number;
	} | null,
): KeyturnEvent {
	return {
		schema: 1,
		id: audience.newId(),
		at: now.toISOString(),
		host: audience.host,
		event,
		severity: telling.severity,
		trouble: lasting?.trouble.id ?? null,
		phase: lasting?.phase ?? null,
		domains: telling.domains,
		selector: telling.selector,
		summary: telling.summary,
		detail: telling.detail,
		hint: telling.hint,
		since: lasting?.trouble.since ?? null,
		count: lasting?.count ?? 1,
	};
}

function enqueue(host: HostState, now: Date, audience: Audience, event: KeyturnEvent): HostState {
	const added = audience.sinks
		.filter((sink) => sink.on === null || sink.on.includes(event.event))
		.map((sink): Undelivered => ({ sink: sink.name, event, tries: 0, notBefore: now.toISOString() }));
	const outbox = [...host.outbox, ...added];
	const surplus = new Set(audience.sinks.flatMap((sink) => surplusOf(outbox, sink)));
	return { ...host, outbox: outbox.filter((entry) => !surplus.has(entry)) };
}

/** The oldest, and what only says that all went well before a trouble, which nobody would hear of for hours. */
function surplusOf(
	outbox: readonly Undelivered[],
	{ name, hook }: Audience["sinks"][number],
): readonly Undelivered[] {
	const waiting = outbox.filter(({ sink }) => sink === name);
	const surplus = waiting.length - (hook === undefined ? OUTBOX_LIMIT : HOOK_LIMIT);
	if (surplus <= 0) return [];
	const isNews = ({ event }: Undelivered): boolean => event.phase === null && event.severity === "info";
	return [...waiting.filter(isNews), ...waiting.filter((entry) => !isNews(entry))].slice(0, surplus);
}

function namingAll(
	outbox: readonly Undelivered[],
	cause: string,
	domains: readonly string[],
): readonly Undelivered[] {
	const isUntoldStart = ({ event, tries }: Undelivered): boolean =>
		event.trouble === cause && event.phase === "start" && tries === 0;
	return outbox.map((entry) =>
		isUntoldStart(entry) ? { ...entry, event: { ...entry.event, domains } } : entry,
	);
}

function replace(host: HostState, trouble: Trouble): HostState {
	return { ...host, troubles: host.troubles.map((one) => (one.id === trouble.id ? trouble : one)) };
}

function withOver(trouble: Trouble, over: readonly string[]): Trouble {
	const { over: before, ...rest } = trouble;
	if (over.length > 0) return { ...rest, over };
	return before === undefined ? trouble : rest;
}

function union(some: readonly string[], others: readonly string[]): readonly string[] {
	return [...new Set([...some, ...others])].toSorted();
}
