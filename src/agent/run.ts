/** A tick's hold on the world while it has the lock: the ports, the lease, the documents it has loaded, and what it tells. */

import { asKeyturnError, KeyturnError } from "../errors.ts";
import type { AlertSink, EventName, KeyturnEvent } from "../ports/alert-sink.ts";
import type { Clock } from "../ports/clock.ts";
import type { DnsProvider } from "../ports/dns-provider.ts";
import type { Door, InspectAnswer, ProbeTold } from "../ports/door.ts";
import type { PreHook } from "../ports/hook.ts";
import type { KeyStore } from "../ports/key-store.ts";
import type { Log } from "../ports/log.ts";
import type { MailVerifier } from "../ports/mail-verifier.ts";
import type { PrivateShelf } from "../ports/private-shelf.ts";
import type { LookReport, Propagation } from "../ports/propagation.ts";
import type { Random } from "../ports/random.ts";
import type { Lease, StateStore } from "../ports/state-store.ts";
import type { DomainState } from "../rotation/domain-state.ts";
import { type Delay, delayKey, type Step, type StepKind, type Wait } from "../rotation/step.ts";
import { laneState, withLane } from "../rotation/lanes.ts";
import type { Policy } from "../rotation/policy.ts";
import type { HostState } from "./host-state.ts";
import type { Inquiries } from "./inquiries.ts";
import {
	type Audience,
	end,
	raise,
	repeat,
	type Telling,
	tell,
	type Told,
	type TroubleTelling,
} from "./troubles.ts";

export interface AgentPorts {
	readonly clock: Clock;
	readonly random: Random;
	readonly store: StateStore;
	readonly keys: KeyStore;
	readonly shelf: PrivateShelf;
	readonly propagation: Propagation;
	/** By name in keyturn.yaml; each already safe to repeat (`publishing/`). */
	readonly providers: ReadonlyMap<string, DnsProvider>;
	readonly door: Door;
	readonly verifier: MailVerifier;
	/** Alerts, and the hooks that run after a switch. */
	readonly sinks: readonly AlertSink[];
	/** In this order, before a switch. */
	readonly pre: readonly PreHook[];
	readonly log: Log;
}

export interface AgentSettings {
	/** What events call this host. */
	readonly host: string;
	readonly policies: readonly Policy[];
	/** What a service has commands for, by its name; systemd has all others. */
	readonly signers: readonly {
		readonly services: { readonly commands: Readonly<Record<string, unknown>> };
	}[];
	/** Proven: the adapter was tried on the real thing by those who wrote it. */
	readonly providers: readonly { readonly name: string; readonly isProven: boolean }[];
}

/** What a process remembers between ticks; losing it costs a few extra looks and nothing else. */
export interface Memory {
	/** Steps put off, by domain and `delayKey`. */
	readonly delays: Map<string, Map<string, Delay & { readonly tries: number }>>;
	/** The last look at each key, by `domain selector`. */
	readonly looks: Map<string, LookReport>;
	/** The providers that were last found to write a pending record, by `domain selector`. */
	readonly writers: Map<string, readonly string[]>;
	/**
	 * What was told without the outbox, while no tick went through; null if nothing was. `failedMs`, of uptime: the last time;
	 * `isBack`: it had just been over.
	 */
	distress: { readonly told: HostState; readonly failedMs: number; readonly isBack: boolean } | null;
	/** When it was over last, in milliseconds of uptime; null where it never was. */
	distressOverMs: number | null;
	/** Since when every tick found the lock held, in milliseconds of uptime; null where the last one did not. */
	heldSinceMs: number | null;
	/** By signer: when its running process is probed next, in milliseconds of uptime, and what it did not sign with. */
	readonly probes: Map<string, { readonly nextAtMs: number; readonly faults: readonly ProbeTold[] }>;
	inspection: { readonly uptimeMs: number; readonly answer: InspectAnswer } | null;
	/** Of each domain's document as this process read or saved it last: another one shows that another keyturn was at work. */
	readonly revisions: Map<string, number>;
	lastTick: { readonly bootMs: number; readonly at: Date } | null;
	/** The domains of which the agent was seen to keep no private key, and whose state has not changed since. */
	readonly withoutCopies: Set<string>;
}

/** A domain's document as this tick knows it. */
export interface Stored {
	state: DomainState;
	revision: number;
	/** The save under way: where several keys sign each message, two may come at once, and none may undo the other's. */
	saving?: Promise<void>;
}

/** A domain, or, where several keys sign each of its messages, the keys of one algorithm, with the same document for all. */
export interface Doc {
	readonly policy: Policy;
	readonly stored: Stored;
	/** What of the document it is about. */
	readonly state: DomainState;
	/** Steps done in this tick, for the report. */
	readonly did: Step[];
	waits: readonly Wait[];
	/** The last failure of this tick. */
	error: KeyturnError | null;
}

export function newDoc(policy: Policy, stored: Stored, before: Pick<Doc, "did" | "error">): Doc {
	return {
		policy,
		stored,
		get state() {
			return laneState(stored.state, policy.lane);
		},
		did: before.did,
		waits: [],
		error: before.error,
	};
}

export interface Job<Kind extends StepKind = StepKind> {
	readonly doc: Doc;
	readonly step: Extract<Step, { kind: Kind }>;
}

/** Waits between attempts of a step that failed, by the number of failures: soon at first, hourly in the end. */
const BACKOFF_MINUTES = [1, 2, 5, 10, 20, 30, 60] as const;

export interface RunGiven {
	readonly ports: AgentPorts;
	readonly settings: AgentSettings;
	readonly memory: Memory;
	readonly lease: Lease;
	readonly inquiries: Inquiries;
	readonly signal: AbortSignal;
	readonly host: HostState;
	readonly hostRevision: number;
}

type HostEdit = (host: HostState) => Told;

export class Run {
	readonly ports: AgentPorts;
	readonly settings: AgentSettings;
	readonly memory: Memory;
	readonly inquiries: Inquiries;
	/** Aborts with the tick, or when the lease is lost. */
	readonly signal: AbortSignal;
	readonly #lease: Lease;
	readonly #audience: Audience;
	#host: HostState;
	/** As it is compared; null until something is. */
	#hostText: string | null = null;
	#hostRevision: number;
	/** Steps run side by side; the host's document is written by one at a time. */
	#writing: Promise<unknown> = Promise.resolve();
	/** What the next save of it takes along; null while nothing waits for it. */
	#gathered: { readonly edits: HostEdit[]; readonly saved: Promise<void> } | null = null;

	constructor(given: RunGiven) {
		this.ports = given.ports;
		this.settings = given.settings;
		this.memory = given.memory;
		this.inquiries = given.inquiries;
		this.signal = AbortSignal.any([given.signal, given.lease.lost]);
		this.#lease = given.lease;
		this.#audience = {
			host: given.settings.host,
			sinks: given.ports.sinks,
			newId: () => given.ports.random.id(),
		};
		this.#host = given.host;
		this.#hostRevision = given.hostRevision;
	}

	get host(): HostState {
		return this.#host;
	}

	now(): Date {
		return this.ports.clock.now();
	}

	/** Durable when it resolves; the document is unchanged if it fails. */
	async save(doc: Doc, state: DomainState): Promise<void> {
		if (state === doc.state) return;
		this.memory.withoutCopies.delete(doc.policy.domain);
		const name = `domains/${doc.policy.domain}`;
		const { stored } = doc;
		const turn = (stored.saving ?? Promise.resolve()).then(async () => {
			const whole = withLane(stored.state, doc.policy.lane, state);
			stored.revision = await this.ports.store.save(this.#lease, name, whole, stored.revision);
			this.memory.revisions.set(doc.policy.domain, stored.revision);
			stored.state = whole;
		});
		stored.saving = turn.catch(() => undefined);
		await turn;
	}

	async setAside(name: string): Promise<void> {
		await this.ports.store.setAside(this.#lease, name);
	}

	async dropWish(id: string): Promise<void> {
		await this.ports.store.dropWish(this.#lease, id);
	}

	/** Told before it is saved: the world is already so, and a crash between tells twice but never leaves it untold. */
	async tell(event: EventName, telling: Telling): Promise<void> {
		await this.editHost((host) => tell(host, this.now(), this.#audience, event, telling));
	}

	/** For the hooks that run after every switch, and for nobody else. */
	async tellPost(event: "switched" | "swap_failed", telling: Telling): Promise<void> {
		const after = this.ports.sinks.filter(({ hook }) => hook === "post");
		const audience = { ...this.#audience, sinks: after.map((sink) => ({ ...sink, on: null })) };
		if (after.length === 0) return;
		await this.editHost((host) => ({
			host: tell(host, this.now(), audience, event, telling).host,
			history: [],
		}));
	}

	async raise(telling: TroubleTelling): Promise<void> {
		await this.editHost((host) => raise(host, this.now(), this.#audience, telling));
	}

	async end(cause: string, domain: string | null): Promise<void> {
		await this.editHost((host) => end(host, this.now(), this.#audience, cause, domain));
	}

	async repeatTroubles(): Promise<void> {
		await this.editHost((host) => ({ host: repeat(host, this.now(), this.#audience), history: [] }));
	}

	/** Durable when it resolves; what is asked for while a save is under way is saved together by the next. */
	async editHost(edit: HostEdit): Promise<void> {
		if (this.#gathered === null) {
			const edits: HostEdit[] = [];
			const saved = this.#writing.then(async () => {
				this.#gathered = null;
				await this.#saveHost(edits);
			});
			this.#writing = saved.catch(() => undefined);
			this.#gathered = { edits, saved };
		}
		this.#gathered.edits.push(edit);
		await this.#gathered.saved;
	}

	async #saveHost(edits: readonly HostEdit[]): Promise<void> {
		let host = this.#host;
		const history: KeyturnEvent[] = [];
		for (const edit of edits) {
			const told = edit(host);
			host = told.host;
			history.push(...told.history);
		}
		// What is told is new: of the thousands of events of a large host none is compared.
		const isTold = history.length > 0;
		const text = isTold ? null : this.#changedText(host);
		if (isTold || text !== null) {
			this.#hostRevision = await this.ports.store.save(this.#lease, "host", host, this.#hostRevision);
			this.#host = host;
			this.#hostText = text;
		}
		for (const event of history) await this.#record(event);
	}

	/** Null where there is nothing to save: most edits find nothing to do and give back what they got. */
	#changedText(host: HostState): string | null {
		// A host document that is not there yet has to be: only against one that is can a jump of the clock be seen.
		if (host === this.#host && this.#hostRevision > 0) return null;
		this.#hostText ??= JSON.stringify(this.#host);
		const text = JSON.stringify(host);
		return text === this.#hostText && this.#hostRevision > 0 ? null : text;
	}

	/** The history is derived: a full disk must not keep an act from being saved. */
	async #record(event: KeyturnEvent): Promise<void> {
		try {
			await this.ports.store.recordHistory(this.#lease, event);
		} catch (thrown) {
			this.ports.log.warn("history not written", { error: asKeyturnError(thrown) });
		}
	}

	/** Puts a step off until a moment, for a reason that `status` shows. */
	delay(doc: Doc, step: Step, until: Date, reason: string): void {
		this.#delaysOf(doc).set(keyOfStep(step), { until, reason, tries: this.tries(doc, step) + 1 });
	}

	/** How often a step was put off in a row. */
	tries(doc: Doc, step: Step): number {
		return this.#delaysOf(doc).get(keyOfStep(step))?.tries ?? 0;
	}

	/** One domain's step failed: it is put off, the others go on. A lost lease, or a tick told to stop, ends the tick. */
	fail(doc: Doc, step: Step, thrown: unknown): KeyturnError {
		const error = asKeyturnError(thrown);
		if (this.signal.aborted) throw error;
		if (error.code === "lease.lost" || error.code === "state.conflict") throw error;
		doc.error = error;
		this.delay(doc, step, this.backoff(this.tries(doc, step)), error.message);
		this.ports.log.warn("step failed", { ...fieldsOf(doc, step), error });
		return error;
	}

	/** The moment of the next attempt after `tries` failures. */
	backoff(tries: number): Date {
		const minutes = BACKOFF_MINUTES[Math.min(tries, BACKOFF_MINUTES.length - 1)] ?? 60;
		return new Date(this.now().getTime() + minutes * 60_000);
	}

	/** A step has made progress: its next wait begins short again. */
	done(doc: Doc, step: Step): void {
		doc.did.push(step);
		this.#delaysOf(doc).delete(keyOfStep(step));
		this.ports.log.info("step done", fieldsOf(doc, step));
	}

	#delaysOf(doc: Doc): Map<string, Delay & { readonly tries: number }> {
		const { domain } = doc.policy;
		const delays = this.memory.delays.get(domain) ?? new Map<string, Delay & { readonly tries: number }>();
		this.memory.delays.set(domain, delays);
		return delays;
	}
}

export function newMemory(): Memory {
	return {
		delays: new Map(),
		looks: new Map(),
		writers: new Map(),
		probes: new Map(),
		distress: null,
		distressOverMs: null,
		heldSinceMs: null,
		inspection: null,
		revisions: new Map(),
		lastTick: null,
		withoutCopies: new Set(),
	};
}

/** What tells and saves, and waits for nothing else: what is told by several goes to the disk together. */
export const SIDE_BY_SIDE = 8;

/**
 * Runs `work` over all items, at most `width` at a time. Fails with the first failure, but only once nothing is under way
 * any more, and begins nothing after it: whoever asked lets go of the lock then.
 */
export async function each<Item>(
	items: readonly Item[],
	width: number,
	work: (item: Item) => Promise<void>,
): Promise<void> {
	const queue = [...items];
	const worker = async (): Promise<void> => {
		try {
			for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
		} catch (error) {
			queue.length = 0;
			throw error;
		}
	};
	const workers = Array.from({ length: Math.min(width, items.length) }, worker);
	await Promise.allSettled(workers);
	await Promise.all(workers);
}

function keyOfStep(step: Step): string {
	return delayKey(step.kind, step.kind === "adopt" ? null : step.selector);
}

function fieldsOf(doc: Doc, step: Step) {
	return {
		domain: doc.policy.domain,
		step: step.kind,
		selector: step.kind === "adopt" ? step.selectors.join(" ") : step.selector,
	};
}
