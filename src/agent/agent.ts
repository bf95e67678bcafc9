/**
 * One tick: takes the lock, settles what is owed, does every step that is due, and says what waits for what. While DNS is
 * asked it has no lock: whoever wants it gets it, and the state is read again afterwards.
 */

import { asKeyturnError, type KeyturnError } from "../errors.ts";
import type { InspectAnswer } from "../ports/door.ts";
import type { LookReport } from "../ports/propagation.ts";
import type { Lease } from "../ports/state-store.ts";
import { activeKey, type DomainState, emptyDomainState, keyOf } from "../rotation/domain-state.ts";
import { parseDomainState } from "../rotation/stored-state.ts";
import { isCandidate } from "../rotation/life.ts";
import { type Plan, plan } from "../rotation/plan.ts";
import type { Delay, Step, StepKind, Wait } from "../rotation/step.ts";
import type { Policy } from "../rotation/policy.ts";
import { missedSlot, soakMs } from "../rotation/timing.ts";
import { adopt, takeOver } from "./adopt.ts";
import { CAUSES, endMoot } from "./causes.ts";
import { watchClock } from "./clock-watch.ts";
import { tellDrift } from "./drift.ts";
import { type Distress, endDistress, tellDistress } from "./distress.ts";
import { newHostState, parseHostState } from "./host-state.ts";
import { Inquiries } from "./inquiries.ts";
import { dropStaged, firstKeyFault, forgetInspection, inspection, isBusy, linesInUse } from "./inspection.ts";
import { look, watch } from "./look.ts";
import { giveUp, make } from "./make.ts";
import { removeCopies } from "./copies.ts";
import { deliver, nextDeliveries } from "./outbox.ts";
import { publish } from "./publish.ts";
import { drop, retire } from "./retire.ts";
import {
	type AgentPorts,
	type AgentSettings,
	type Doc,
	each,
	type Job,
	type Memory,
	newMemory,
	Run,
} from "./run.ts";
import { restore } from "./restore.ts";
import { revive } from "./revive.ts";
import { revoke } from "./revoke.ts";
import { settle } from "./settle.ts";
import { switchKeys } from "./switch.ts";
import { takeOut } from "./take-out.ts";
import type { TroubleTelling } from "./troubles.ts";
import { takeWishes } from "./wishes.ts";

export type { AgentPorts, AgentSettings } from "./run.ts";

export interface DomainReport {
	readonly domain: string;
	readonly state: DomainState | null;
	readonly did: readonly Step[];
	readonly waits: readonly Wait[];
	readonly error: KeyturnError | null;
}

export interface TickReport {
	readonly domains: readonly DomainReport[];
	/** When the next thing is due; null if nothing is. */
	readonly nextAt: Date | null;
}

export interface TickOptions {
	/** How long to wait for the lock, in milliseconds. */
	readonly lockWaitMs: number;
	/** Called after every step and look, for live progress. */
	readonly onProgress?: (report: readonly DomainReport[]) => void;
}

export interface Agent {
	/** Safe to repeat: a tick with nothing due changes nothing. "held" if another has the lock from the beginning. */
	tick(signal: AbortSignal, options: TickOptions): Promise<TickReport | "held">;
	/** The last look at a key by this process. */
	lastLook(domain: string, selector: string): LookReport | null;
	/** What kept the agent before this one from its work; told at once, since a tick may end the same way, and over with the next tick that goes through. */
	distress(distress: Distress, signal: AbortSignal): Promise<void>;
	/** A trouble of the process around the agent (a bad configuration), told at the next tick; null ends it. */
	note(cause: string, telling: Omit<TroubleTelling, "cause"> | null): void;
	/** Takes a new configuration over at the next tick. */
	configure(settings: AgentSettings, ports: Pick<AgentPorts, "providers" | "sinks">): void;
}

/** Others hold the lock for one step at a time. */
const LOCK_AGAIN_MS = 30_000;
/** More rounds than a turn has steps: beyond that something is undone as soon as it is done. */
const ROUNDS = 24;
/** How long a switch that stops services waits for others. */
const GATHER_MS = 2 * 60_000;
const GATHER_STEP_MS = 2000;
const OVERDUE_MS = 24 * 3_600_000;

export function createAgent(given: AgentPorts, settings: AgentSettings): Agent {
	const memory = newMemory();
	/** Whoever makes an agent has just read a configuration that is good. */
	const notes = new Map<string, Omit<TroubleTelling, "cause"> | null>([["config", null]]);
	let ports = given;
	let current = settings;
	return {
		async tick(signal, options) {
			const given = { ports, settings: current, memory, signal };
			try {
				return await inTurns(given, notes, options);
			} catch (thrown) {
				const { code, message, hint } = asKeyturnError(thrown);
				if (!signal.aborted && !PASSING.has(code))
					await tellDistress(given, { summary: CANNOT_WORK, detail: message, hint });
				throw thrown;
			}
		},
		distress: async (distress, signal) =>
			tellDistress({ ports, settings: current, memory, signal }, distress),
		lastLook: (domain, selector) => memory.looks.get(`${domain} ${selector}`) ?? null,
		note: (cause, telling) => void notes.set(cause, telling),
		configure(nextSettings, nextPorts) {
			current = nextSettings;
			ports = { ...ports, ...nextPorts };
			memory.delays.clear();
			memory.inspection = null;
		},
	};
}

const CANNOT_WORK = "keyturn cannot work on this host: nothing is turned, looked at or removed";

/** Another keyturn got in between: the next tick finds what it left. */
const PASSING: ReadonlySet<string> = new Set(["lease.lost", "state.conflict"]);

type Notes = Map<string, Omit<TroubleTelling, "cause"> | null>;

/** With the lock, without it while DNS is asked, and with it again, until nothing is left to ask. */
async function inTurns(
	given: Pick<TickGiven, "ports" | "settings" | "memory" | "signal">,
	notes: Notes,
	options: TickOptions,
): Promise<TickReport | "held"> {
	const { ports, signal } = given;
	const inquiries = new Inquiries(ports.propagation, ports.clock);
	let report: TickReport | null = null;
	for (;;) {
		const lease = await ports.store.lock(report === null ? options.lockWaitMs : LOCK_AGAIN_MS, signal);
		if (lease === "held") return report ?? "held";
		try {
			report = await tick({ ...given, lease, inquiries, before: report }, notes, options);
		} finally {
			await lease.release();
		}
		if (!inquiries.areOpen) return report;
		await inquiries.ask(signal);
	}
}

interface TickGiven {
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
async function tick(given: TickGiven, notes: Notes, options: TickOptions): Promise<TickReport> {
	given.inquiries.begin();
	const { run, isNew, isFirst } = await begin(given);
	if (isFirst) await tellLostState(run);
	const freeze = await watchClock(run, isNew);
	await takeNotes(run, notes);
	const { docs, lost } = await load(run, given.before);
	await takeWishes(run, docs);
	await work(run, docs, freeze, options);
	if (lost.length === 0) await dropUnowed(run, docs);
	await removeCopies(run, docs);
	await endDistress(run);
	for (const doc of docs) {
		await tellOverdue(run, doc);
		await tellDrift(run, doc);
	}
	await endMoot(run, docs);
	await deliver(run);
	const domains = [...docs.map(reportOf), ...lost];
	const untils = docs.flatMap((doc) =>
		doc.waits.flatMap((wait) => (wait.until === null ? [] : [wait.until])),
	);
	const unasked = run.inquiries.areWaiting ? [run.now()] : [];
	const next = [...unasked, ...untils, ...nextDeliveries(run.host, run.ports.sinks)].map((until) =>
		until.getTime(),
	);
	return { domains, nextAt: next.length === 0 ? null : new Date(Math.min(...next)) };
}

/** Rounds of plan and perform, until every domain waits, be it for an answer of DNS. */
async function work(
	run: Run,
	docs: readonly Doc[],
	freeze: Delay | null,
	options: TickOptions,
): Promise<void> {
	let open = docs;
	let inspected: InspectAnswer | null = null;
	for (let round = 0; round < ROUNDS && open.length > 0; round += 1) {
		run.signal.throwIfAborted();
		if (round === 0 || inspected !== null) inspected = await askDoor(run);
		const jobs = open.flatMap((doc) => planOne(run, doc, inspected, freeze));
		const ready = join(run, docs, gather(run, docs, jobs), inspected, freeze);
		if (ready.length === 0) return;
		for (const kind of ORDER) await perform(run, kind, ready);
		options.onProgress?.(docs.map(reportOf));
		open = docs.filter(
			(doc) =>
				[...jobs, ...ready].some((job) => job.doc === doc) && !run.inquiries.isWaiting(doc.policy.domain),
		);
	}
}

function planOne(run: Run, doc: Doc, answer: InspectAnswer | null, freeze: Delay | null): readonly Job[] {
	const lastPause = answer?.lastPauseAt ?? null;
	const planned = planFor(run, doc, answer, freeze, lastPause === null ? null : new Date(lastPause));
	doc.waits = planned.kind === "wait" ? planned.waits : [];
	return planned.kind === "step" ? [{ doc, step: planned.step }] : [];
}

function planFor(
	run: Run,
	{ policy, state }: Doc,
	answer: InspectAnswer | null,
	freeze: Delay | null,
	lastPauseAt: Date | null,
): Plan {
	const seen = {
		inUse: answer === null ? null : linesInUse(answer, policy),
		unread: answer?.signers.find((one) => one.signer === policy.signer)?.problem ?? null,
		firstKeyFault: answer === null ? null : firstKeyFault(answer, policy),
		lastPauseAt,
		delays: run.memory.delays.get(policy.domain) ?? new Map<string, Delay>(),
		freeze,
	};
	return plan(state, seen, policy, run.now());
}

/**
 * Who waits only because there was a pause lately goes along with the next one: otherwise domains whose windows bring
 * a pause every night would keep those without a window waiting for ever.
 */
function join(
	run: Run,
	docs: readonly Doc[],
	jobs: readonly Job[],
	answer: InspectAnswer | null,
	freeze: Delay | null,
): readonly Job[] {
	const stopped = jobs
		.filter(({ doc, step }) => step.kind === "switch" && doc.policy.swap === "restart")
		.map(({ doc }) => doc.policy.signer);
	const joining: Job[] = [];
	for (const doc of docs) {
		if (!stopped.includes(doc.policy.signer) || jobs.some((job) => job.doc === doc)) continue;
		const planned = planFor(run, doc, answer, freeze, null);
		if (planned.kind !== "step" || planned.step.kind !== "switch") continue;
		doc.waits = [];
		joining.push({ doc, step: planned.step });
	}
	return [...jobs, ...joining];
}

/**
 * One pause, not one a domain: a switch that stops services waits a little for the other keys that are due and on their
 * way, so that all go through the same stop.
 */
function gather(run: Run, docs: readonly Doc[], jobs: readonly Job[]): readonly Job[] {
	const stragglers = docs.filter((doc) => isStraggling(doc, run.now()));
	return jobs.filter(({ doc, step }) => {
		if (step.kind !== "switch" || doc.policy.swap !== "restart" || stragglers.length === 0) return true;
		const since = new Date(keyOf(doc.state, step.selector)?.since ?? 0).getTime();
		if (Math.abs(run.now().getTime() - since) >= GATHER_MS) return true;
		const names = stragglers.map((one) => one.policy.domain).join(", ");
		const until = new Date(Math.min(since + GATHER_MS, run.now().getTime() + GATHER_STEP_MS));
		doc.waits = [{ selector: step.selector, until, reason: `${names} will soon be ready for the same stop` }];
		return false;
	});
}

/** A turn that is due, whose key is not verified yet and has not failed. */
function isStraggling({ policy, state, error }: Doc, now: Date): boolean {
	if (policy.swap !== "restart" || error !== null) return false;
	const candidate = state.keys.findLast((key) => isCandidate(key.state));
	if (candidate === undefined) return state.wants.rotate !== null && activeKey(state) !== null;
	if (candidate.state === "verified" || (candidate.owes?.tries ?? 0) > 0) return false;
	const isDue = state.wants.rotate !== null || new Date(candidate.dueAt) <= now;
	const from =
		candidate.rightSince === null
			? new Date(candidate.since).getTime()
			: new Date(candidate.rightSince).getTime() + soakMs(candidate, state, policy);
	return isDue && Math.abs(from - now.getTime()) < GATHER_MS;
}

/** What an earlier run still owes comes first; what removes comes last. */
const ORDER = [
	"settle",
	"adopt",
	"takeOver",
	"revive",
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
	"drop",
] as const satisfies readonly StepKind[];

/** Equal steps go together; one domain's failure is its own. */
async function perform(run: Run, kind: StepKind, all: readonly Job[]): Promise<void> {
	const jobs = all.filter((job) => job.step.kind === kind);
	if (jobs.length === 0) return;
	if (kind === "publish") await publish(run, jobs as readonly Job<"publish">[]);
	else if (kind === "switch") await switchTogether(run, jobs as readonly Job<"switch">[]);
	else if (kind === "takeOut") await takeOutTogether(run, jobs as readonly Job<"takeOut">[]);
	else
		await each(jobs, WIDTH[kind] ?? 1, async (job) => {
			try {
				await performOne(run, job);
			} catch (thrown) {
				run.fail(job.doc, job.step, thrown);
			}
		});
}

/** How many of a kind run side by side: a look may ask the provider, keys are made by two threads. */
const WIDTH: Partial<Record<StepKind, number>> = { look: 8, make: 2 };

async function performOne(run: Run, job: Job): Promise<void> {
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
		case "giveUp":
			return giveUp(run, { doc, step });
		case "make":
			return make(run, { doc, step });
		case "look":
			return look(run, { doc, step });
		case "restore":
			return restore(run, { doc, step });
		case "revoke":
			return revoke(run, { doc, step });
		case "watch":
			return watch(run, { doc, step });
		case "retire":
			return retire(run, { doc, step });
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
			const before = step.kind === "switch" ? "verified" : "active";
			if (keyOf(doc.state, step.selector)?.state !== before) continue;
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

interface Begun {
	readonly run: Run;
	/** Nothing is remembered of the clock. */
	readonly isNew: boolean;
	/** There was no document at all. */
	readonly isFirst: boolean;
}

/** A damaged host document holds nothing that a turn needs: it is kept aside, told, and begun anew. */
async function begin(given: TickGiven): Promise<Begun> {
	const { store, clock } = given.ports;
	const fresh = newHostState(clock.now());
	try {
		const stored = await store.load("host");
		const host = stored === null ? fresh : parseHostState(stored.state);
		const run = new Run({ ...given, host, hostRevision: stored?.revision ?? 0 });
		if (given.before === null) await run.end(CAUSES.state("host"), null);
		return { run, isNew: stored === null, isFirst: stored === null };
	} catch (thrown) {
		const error = asKeyturnError(thrown);
		if (error.code === "disk.failed") throw error;
		const kept = await store.setAside(given.lease, "host");
		const run = new Run({ ...given, host: fresh, hostRevision: 0 });
		await run.raise({
			cause: CAUSES.state("host"),
			event: "state_damaged",
			severity: "warning",
			domains: [],
			selector: null,
			summary: "host.json could not be read; it was begun anew",
			detail: `${error.message}; kept as ${kept}`,
			hint: "troubles and alerts not yet delivered before this are in the damaged file only",
		});
		return { run, isNew: true, isFirst: false };
	}
}

/** The door has its own memory: where it has switched keys before, an agent without one has lost it. */
async function tellLostState(run: Run): Promise<void> {
	const lastPauseAt = (await askDoor(run))?.lastPauseAt ?? null;
	if (lastPauseAt === null) return;
	await run.raise({
		cause: CAUSES.state("host"),
		event: "state_damaged",
		severity: "critical",
		domains: [],
		selector: null,
		summary: "the state directory is empty, though keys were switched on this host before",
		detail: `services were last stopped for a switch on ${lastPauseAt}; keys in use are adopted as they are found, and no record or key file from before is removed`,
		hint: "restore the directory from a backup, or remove old records by hand",
	});
}

async function load(
	run: Run,
	before: TickReport | null,
): Promise<{ docs: readonly Doc[]; lost: readonly DomainReport[] }> {
	const docs: Doc[] = [];
	const lost: DomainReport[] = [];
	for (const policy of run.settings.policies) {
		try {
			docs.push(
				await loadOne(
					run,
					policy,
					before?.domains.find((one) => one.domain === policy.domain),
				),
			);
			// What this tick found damaged and began anew is over at the next.
			if (before === null) await run.end(CAUSES.state(policy.domain), policy.domain);
		} catch (thrown) {
			const error = asKeyturnError(thrown);
			if (error.code === "state.corrupt") {
				docs.push(await beginAnew(run, policy, error));
				continue;
			}
			await stateDamaged(run, policy.domain, error);
			lost.push({ domain: policy.domain, state: null, did: [], waits: [], error });
		}
	}
	return { docs, lost };
}

async function loadOne(run: Run, policy: Policy, before: DomainReport | undefined): Promise<Doc> {
	const stored = await run.ports.store.load(`domains/${policy.domain}`);
	const state = stored === null ? emptyDomainState(policy.domain) : parseDomainState(stored.state);
	if (state.domain !== policy.domain)
		throw new Error(`domain: expected ${policy.domain}, got ${state.domain}`);
	const did = [...(before?.did ?? [])];
	return { policy, state, revision: stored?.revision ?? 0, did, waits: [], error: before?.error ?? null };
}

/** Broken bytes say nothing any more: they are kept aside, and what signs is adopted. What is only not understood stays. */
async function beginAnew(run: Run, policy: Policy, error: KeyturnError): Promise<Doc> {
	const { domain } = policy;
	// Told first: after a crash in between nothing would show any more that there was a state.
	await run.raise({
		cause: CAUSES.state(domain),
		event: "state_damaged",
		severity: "critical",
		domains: [domain],
		selector: null,
		summary: `the state of ${domain} was damaged; what signs is adopted as it is found`,
		detail: `${error.message}; it is kept beside, with .damaged and the time at its end`,
		hint: "older records of this domain are removed no more: restore the file from a backup, or remove them by hand",
	});
	await run.setAside(`domains/${domain}`);
	return { policy, state: emptyDomainState(domain), revision: 0, did: [], waits: [], error: null };
}

async function stateDamaged(run: Run, domain: string, error: KeyturnError): Promise<void> {
	await run.raise({
		cause: CAUSES.state(domain),
		event: "state_damaged",
		severity: "critical",
		domains: [domain],
		selector: null,
		summary: `the state of ${domain} cannot be read; nothing is done with it`,
		detail: error.message,
		hint: "restore the file from a backup; removing it makes keyturn adopt what is in use",
	});
}

async function takeNotes(run: Run, notes: Map<string, Omit<TroubleTelling, "cause"> | null>): Promise<void> {
	for (const [cause, telling] of notes) {
		if (telling === null) await run.end(cause, null);
		else await run.raise({ ...telling, cause });
		notes.delete(cause);
	}
}

/** Null when the door did not answer: then nothing is adopted, switched or removed, and the rest goes on. */
async function askDoor(run: Run): Promise<InspectAnswer | null> {
	try {
		const answer = await inspection(run);
		await run.end(CAUSES.door(), null);
		return answer;
	} catch (thrown) {
		run.signal.throwIfAborted();
		const error = asKeyturnError(thrown);
		run.ports.log.warn("the door could not be asked", { error });
		if (!isBusy(error)) await doorFailed(run, error);
		return null;
	}
}

async function doorFailed(run: Run, error: KeyturnError): Promise<void> {
	await run.raise({
		cause: CAUSES.door(),
		event: "swap_failed",
		severity: "critical",
		domains: [],
		selector: null,
		summary: "the door gives no answer: no new key can be put to use",
		detail: error.message,
		hint: error.hint ?? "the keys in use go on signing; check keyturn-apply.socket",
	});
}

/** What was staged by a run that died, or for a domain that is configured no more, keeps its key files for nobody. */
async function dropUnowed(run: Run, docs: readonly Doc[]): Promise<void> {
	const owed = docs.flatMap((doc) => doc.state.keys.map((key) => key.owes?.id));
	const unowed = run.memory.inspection?.answer.staged.filter((id) => !owed.includes(id)) ?? [];
	if (unowed.length === 0) return;
	try {
		await dropStaged(run, unowed);
		forgetInspection(run);
	} catch (thrown) {
		run.signal.throwIfAborted();
		run.ports.log.warn("staged switches were not dropped", { ids: unowed, error: asKeyturnError(thrown) });
	}
}

async function tellOverdue(run: Run, doc: Doc): Promise<void> {
	const { policy, state } = doc;
	const due = missedSlot(state, policy, run.now());
	const active = activeKey(state);
	if (active === null || due === null || due.getTime() + OVERDUE_MS > run.now().getTime()) {
		await run.end(CAUSES.overdue(policy.domain), policy.domain);
		return;
	}
	await run.raise({
		cause: CAUSES.overdue(policy.domain),
		event: "key_overdue",
		severity: "warning",
		domains: [policy.domain],
		selector: active.selector,
		summary: `${policy.domain}: a new key was due on ${due.toISOString()}; ${active.selector} still signs`,
		detail: doc.waits.map((wait) => wait.reason).join("\n") || doc.error?.message || null,
		hint: `keyturn status says what it waits for`,
	});
}

function reportOf(doc: Doc): DomainReport {
	return { domain: doc.policy.domain, state: doc.state, did: doc.did, waits: doc.waits, error: doc.error };
}
