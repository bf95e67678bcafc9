/** A world for one agent: a real state store on a simulated disk, and answers of door, DNS and provider that tests set. */

import { generateKeyPairSync } from "node:crypto";
import { type Agent, type AgentPorts, createAgent, type TickReport } from "../../src/agent/agent.ts";
import { type KeySpec, publicHalf, publicHalfOf } from "../../src/dkim/key-material.ts";
import { KeyturnError } from "../../src/errors.ts";
import type { AlertSink, KeyturnEvent } from "../../src/ports/alert-sink.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { HookOutcome, PreHook, SwitchingEvent } from "../../src/ports/hook.ts";
import type { ChangeResult, DnsProvider, ZoneChange } from "../../src/ports/dns-provider.ts";
import type {
	CommitAnswer,
	DoorAnswer,
	DoorRequest,
	ForetellAsked,
	Foretold,
	InspectAnswer,
	InspectedLine,
	InspectedQueue,
	OtherReader,
	Pending,
	ProbeAsked,
	SwitchResult,
} from "../../src/ports/door.ts";
import type { MailVerifier } from "../../src/ports/mail-verifier.ts";
import type { LookReport, Vacancy } from "../../src/ports/propagation.ts";
import type { StateStore, Wish } from "../../src/ports/state-store.ts";
import { type DomainState, emptyDomainState } from "../../src/rotation/domain-state.ts";
import { parseDomainState } from "../../src/rotation/stored-state.ts";
import type { Policy } from "../../src/rotation/policy.ts";
import { createFileStateStore } from "../../src/state/files.ts";
import { newHalf, policyOf } from "./policies.ts";
import { SimDisk } from "./sim-disk.ts";
import { createSimProcess } from "./sim-process.ts";

const OUTCOMES = { right: "right", wrong: "wrong_key", absent: "absent_name", unknown: "timeout" } as const;
/** A provider whose adapter was never tried on the real thing. */
export const UNPROVEN = "untried";

export class AgentWorld {
	/** What the clock says; moves only when told. */
	at = new Date("2026-11-22T12:00:00.000Z");
	uptimeMs = 0;
	suspendedMs = 0;
	readonly policies: readonly Policy[];
	/** Of the state directory. */
	readonly disk = new SimDisk(() => this.at);
	/** Called whenever something in the state directory has changed. */
	onStateChange: () => void = ignore;
	lastPauseAt: string | null = null;
	/** What the last switch still owes. */
	pending: Pending | null = null;
	readonly store: StateStore;
	agent: Agent;
	readonly #ports: AgentPorts;
	readonly #known = [{ name: UNPROVEN, isProven: false }];
	/** What the live tables name. */
	/** Whose services keyturn.yaml has commands for. */
	readonly signers: { services: { commands: Record<string, object> } }[] = [];
	readonly lines: InspectedLine[] = [];
	readonly doorRequests: DoorRequest[] = [];
	readonly changes: ZoneChange[] = [];
	/** The selectors looked at. */
	readonly looks: string[] = [];
	/** Whether the lock was held whenever DNS was asked, looks and vacancies alike. */
	readonly asked: { readonly selector: string; readonly isLocked: boolean }[] = [];
	/** While DNS is asked. */
	whileAsked: (selector: string) => Promise<void> = async () => {};
	/** Another process has the lock. */
	isHeldByAnother = false;
	#isLocked = false;
	#locks = 0;
	readonly events: KeyturnEvent[] = [];
	/** How often the lock had been taken when each event was delivered. */
	readonly deliveredUnder: number[] = [];
	/** By record name. */
	readonly zone = new Map<string, readonly string[]>();
	readonly taken = new Set<string>();
	/** Selectors at whose names nobody says what stands. */
	readonly unknown = new Set<string>();
	/** Of the zones. */
	negativeTtlSeconds = 60;
	/** Of what a wildcard answers for every free name; null: there is none. */
	wildcardTtlSeconds: number | null = null;
	verdict: (selector: string) => LookReport["verdict"] = () => "right";
	/** What a look finds instead; null: what `verdict` says, of one server. */
	report:
		| ((selector: string, domain: string) => Pick<LookReport, "verdict" | "servers" | "resolvers">)
		| null = null;
	change: ((change: ZoneChange, provider: string) => ChangeResult) | null = null;
	commit: (id: string, result: SwitchResult) => DoorAnswer = (_id, result) => ({ act: "commit", result });
	refuse: ((request: DoorRequest) => DoorAnswer | null) | null = null;
	/** Whether messages signed offline bear a signature. */
	signs = true;
	/** What the verifier says of one: its signature is that of the key it was staged for, and passes where its record is found. */
	verify: MailVerifier["verify"] = async (message, lookup) => {
		const [domain = "", selector = ""] = message.split(" ");
		const values = await lookup(`${selector}._domainkey.${domain}`.toLowerCase());
		return [{ domain, selector, outcome: values?.length === 1 ? "pass" : "fail", reason: null }];
	};
	sinkFails = false;
	/** What an event says when it was delivered, but not to everybody. */
	sinkMisses: string | undefined;
	/** What a program before a switch says; null: there is none. */
	pre: ((event: SwitchingEvent) => HookOutcome) | null = null;
	/** What the programs after a switch got, by phase; they fail as `hookFails` says. */
	readonly ran: { readonly hook: "deploy" | "post"; readonly event: KeyturnEvent }[] = [];
	hookFails = false;
	/** How long the sink takes for one event. */
	deliveryMs = 0;
	/** What is done before an event is delivered. */
	beforeDelivery: (event: KeyturnEvent) => void = ignore;
	/** Saves of the host's document. */
	hostSaves = 0;
	/** Which of them fails. */
	failHostSave: number | null = null;
	/** Why a provider cannot name the zone of a record, by its name. */
	readonly zoneFaults = new Map<string, KeyturnError>();
	/** The zone that the world looks into; null: the one that the providers write. */
	worldZone: string | null = null;
	/** Where names lead: a key record's name to the name that has it. */
	readonly aliases = new Map<string, string>();
	/** The zones that a provider has; one that is not named here has every zone. */
	readonly zonesOf = new Map<string, readonly string[]>();
	/** What every provider of this world says of itself besides. */
	traits: Pick<DnsProvider, "readsBack" | "byHand"> = {};
	/** The records whose zone the provider was asked for. */
	readonly zonesAsked: string[] = [];
	/** Zones of their own below a domain, which a provider finds. */
	readonly cuts = new Set<string>();
	/** What stands in the zone that they were cut out of; null where the provider has that no more. */
	hidden: Map<string, readonly string[]> | null = new Map();
	/** The zone that each of `changes` was made in. */
	readonly zonesChanged: string[] = [];
	signerProblem: string | null = null;
	/** A second signer, which has the lines of Ed25519 keys; null where one has all. */
	ed25519Signer: string | null = null;
	/** Why that one cannot be read. */
	ed25519Problem: string | null = null;
	/** Signers that no domain of these has. */
	readonly otherSigners: InspectAnswer["signers"][number][] = [];
	queue: InspectedQueue | null = null;
	otherReaders: readonly OtherReader[] = [];
	/** Why the running signer does not sign with a key; null if it does. */
	probeFault: (key: ProbeAsked) => string | null = () => null;
	/** What the running signer was asked to sign with. */
	readonly probed: ProbeAsked[] = [];
	/** Why the door gives no key back; null if it does. */
	revealRefused: string | null = null;
	/** What is laid out for everybody: the PEM by its path. */
	readonly shelf = new Map<string, string>();
	shelfFails = false;
	firstKeyFaults: { readonly domain: string; readonly reason: string }[] = [];
	/** The domain of which no copy of a key can be read. */
	failCopy: string | null = null;
	/** The domain whose document cannot be saved. */
	failSave: string | null = null;
	/** The agent's copies of keys cannot be removed. */
	failRemove = false;
	/** Not even the lock can be taken. */
	diskIsFull = false;
	/** The agent's copies of private keys, by domain and selector. */
	get copies(): readonly string[] {
		return [...this.#keys.keys()];
	}
	/** What the door says is staged. */
	readonly stagedIds: string[] = [];
	#staged: Extract<DoorRequest, { act: "stage" }> | null = null;
	readonly #results = new Map<string, SwitchResult>();
	readonly #keys = new Map<string, string>();
	/** The public halves of the signer's key files, by domain and selector. */
	readonly #files = new Map<string, string>();
	#together: readonly string[] = [];
	#ids = 0;
	#boots = 0;

	constructor(
		policies: readonly Policy[] = [
			policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 } }),
		],
	) {
		this.policies = policies;
		const store = createFileStateStore({
			directory: "/state",
			disk: this.disk.open({ process: createSimProcess(), onChange: () => this.onStateChange() }),
			clock: this.clock,
			takeLock: async () => {
				if (this.isHeldByAnother) return "held";
				this.#isLocked = true;
				this.#locks += 1;
				return { release: async () => void (this.#isLocked = false) };
			},
		});
		this.store = {
			...store,
			lock: async (waitMs, signal) => {
				if (this.diskIsFull) throw new KeyturnError("disk.failed", "epoch: no space", { errno: "ENOSPC" });
				return store.lock(waitMs, signal);
			},
			save: async (lease, name, state, revision) => {
				if (name === "host") {
					this.hostSaves += 1;
					if (this.hostSaves === this.failHostSave) throw new KeyturnError("disk.failed", "host: no space");
				}
				if (name === `domains/${this.failSave}`) throw new KeyturnError("disk.failed", `${name}: no space`);
				return store.save(lease, name, state, revision);
			},
		};
		this.#ports = {
			clock: this.clock,
			random: {
				bytes: (count) => new Uint8Array(count),
				id: () => (this.#ids += 1).toString(16).padStart(32, "0"),
			},
			store: this.store,
			keys: {
				make: async (domain, selector, spec) =>
					Promise.resolve({ publicKey: this.#makeKey(domain, selector, spec) }),
				read: async (domain, selector) => {
					if (this.failCopy === domain) throw new KeyturnError("disk.failed", "the copy: no permission");
					return Promise.resolve(this.#keys.get(`${domain} ${selector}`) ?? null);
				},
				keep: async (domain, selector, pem) => {
					this.#keys.set(`${domain} ${selector}`, pem);
					return Promise.resolve();
				},
				list: async (domain) => {
					const names = [...this.#keys.keys()].map((name) => name.split(" "));
					return Promise.resolve(names.flatMap(([of, selector = ""]) => (of === domain ? [selector] : [])));
				},
				remove: async (domain, selector) => {
					if (this.failRemove) throw new KeyturnError("disk.failed", "the key: no permission");
					this.#keys.delete(`${domain} ${selector}`);
					return Promise.resolve();
				},
			},
			shelf: {
				layOut: async (directory, { domain, selector }, pem) => {
					if (this.shelfFails) throw new KeyturnError("disk.failed", `${directory}: no permission`);
					this.shelf.set(`${directory}/${domain}/${selector}`, pem);
					return Promise.resolve();
				},
			},
			propagation: {
				look: async ({ domain, selector }) => {
					await this.#ask(selector);
					return this.#look(domain, selector);
				},
				vacancy: async (domain, selector) => {
					await this.#ask(selector);
					return this.#vacancy(domain, selector);
				},
			},
			providers: new Map([["home", this.#provider("home", this.zone)]]),
			door: {
				request: async (request, signal) => {
					const answer = this.#door(request);
					// Whoever stops waiting gets no answer, whatever was done.
					if (signal.aborted) throw new KeyturnError("door.unreachable", "it gave no answer in time");
					return Promise.resolve(answer);
				},
			},
			verifier: {
				verify: async (message, lookup) => (this.signs ? this.verify(message, lookup) : []),
			},
			sinks: [this.#sink(), this.#hook("deploy"), this.#hook("post")],
			pre: [this.#pre()],
			log: { debug: ignore, info: ignore, warn: ignore, error: ignore },
		};
		this.agent = createAgent(this.#ports, {
			host: "mx1",
			policies,
			signers: this.signers,
			providers: this.#known,
		});
		for (const { domain } of policies) this.signWith(domain, "202610");
	}

	/** A new process: what the old one remembered is gone. */
	restart(policies = this.policies): void {
		this.agent = createAgent(this.#ports, {
			host: "mx1",
			policies,
			signers: this.signers,
			providers: this.#known,
		});
	}

	/** What another configuration gives, with one provider under this name. */
	reconfigure(policies: readonly Policy[], provider = "home"): void {
		this.reconfigureWith(policies, new Map([[provider, this.zone]]));
	}

	/** What another configuration gives, with these providers, each writing records of its own. */
	reconfigureWith(
		policies: readonly Policy[],
		zones: ReadonlyMap<string, Map<string, readonly string[]>>,
	): void {
		const providers = new Map([...zones].map(([name, zone]) => [name, this.#provider(name, zone)] as const));
		this.agent.configure(
			{ host: "mx1", policies, signers: this.signers, providers: this.#known },
			{ providers, sinks: this.#ports.sinks, pre: this.#ports.pre },
		);
	}

	async tick(signal = new AbortController().signal): Promise<TickReport> {
		const report = await this.agent.tick(signal, { lockWaitMs: 0 });
		if (report === "held") throw new Error("nobody else holds the lock");
		return report;
	}

	/** Ticks until nothing is due within `ms`, moving the clock to what is due next. */
	async advance(ms: number): Promise<void> {
		const end = this.at.getTime() + ms;
		for (let ticks = 0; ticks < 2000; ticks += 1) {
			const { nextAt } = await this.tick();
			if (this.at.getTime() >= end) return;
			const next = nextAt === null ? end : Math.max(nextAt.getTime(), this.at.getTime() + 1000);
			this.pass(Math.min(next, end, this.at.getTime() + 6 * 3_600_000) - this.at.getTime());
		}
		throw new Error("ticks without end");
	}

	/** Time passes, and the host does nothing meanwhile. */
	suspend(ms: number): void {
		this.at = new Date(this.at.getTime() + ms);
		this.suspendedMs += ms;
	}

	pass(ms: number): void {
		this.at = new Date(this.at.getTime() + ms);
		this.uptimeMs += ms;
	}

	async state(domain = "example.com"): Promise<DomainState> {
		const stored = await this.store.load(`domains/${domain}`);
		return stored === null ? emptyDomainState(domain) : parseDomainState(stored.state);
	}

	async states(domain = "example.com"): Promise<Record<string, string>> {
		return Object.fromEntries((await this.state(domain)).keys.map((key) => [key.selector, key.state]));
	}

	async wish(domains: readonly string[], id = "w1"): Promise<void> {
		await this.ask({ kind: "rotate", domains, noSoak: false }, id);
	}

	/** An operator asks for something. */
	async ask(wish: DistributiveOmit<Wish, "id" | "at">, id = "w1"): Promise<void> {
		await this.store.leaveWish({ ...wish, id, at: this.at.toISOString() });
	}

	/** One key file signs for all of these, now and after each switch. */
	shareKey(domains: readonly string[], selector = "202610"): void {
		this.#together = domains;
		const { publicKey } = newHalf();
		for (const domain of domains) this.signWith(domain, selector, publicKey);
	}

	/** Each message of a domain is signed with each of these, selector and public half. */
	signWithBoth(domain: string, keys: readonly (readonly [string, string])[]): void {
		for (const [selector, publicKey] of keys) {
			this.#files.set(`${domain} ${selector}`, publicKey);
			this.lines.push(lineOf(domain, selector, publicKey));
		}
	}

	/** Nothing signs. */
	signNothing(): void {
		this.lines.splice(0);
	}

	/** Somebody writes what cannot be understood. */
	async damage(name: string): Promise<void> {
		await this.#write(name, { surprise: true });
	}

	/** What another keyturn has left of a domain. */
	async put(state: DomainState): Promise<void> {
		await this.#write(`domains/${state.domain}`, state);
	}

	async #write(name: string, document: object): Promise<void> {
		const lease = await this.store.lock(0, new AbortController().signal);
		if (lease === "held") throw new Error("nobody else holds the lock");
		const stored = await this.store.load(name);
		await this.store.save(lease, name, document, stored?.revision ?? 0);
		await lease.release();
	}

	/** Every file of the state directory, by its path. */
	stateFiles(): ReadonlyMap<string, string> {
		const files = this.disk.all().filter(({ path }) => /^\/state\/.*\.|^\/state\/epoch$/.test(path));
		return new Map(files.flatMap(({ path }) => [[path, this.disk.text(path)] as const]).filter(isText));
	}

	/** The host is off for a while. */
	boot(offMs: number): void {
		this.at = new Date(this.at.getTime() + offMs);
		this.uptimeMs = 0;
		this.suspendedMs = 0;
		this.#boots += 1;
		this.restart();
	}

	/** Puts the state directory back as it was, or empties it; the process starts anew. */
	async restoreState(files: ReadonlyMap<string, string>): Promise<void> {
		const disk = this.disk.open({ process: createSimProcess() });
		for (const path of this.stateFiles().keys()) await disk.unlink(path);
		for (const [path, text] of files) this.disk.put(path, text, 0o600);
		this.restart();
	}

	requested(act: DoorRequest["act"]): number {
		return this.doorRequests.filter((request) => request.act === act).length;
	}

	told(event: string): readonly (string | null)[] {
		return this.events.filter((one) => one.event === event).map((one) => one.phase);
	}

	/** Puts a line into the live table. */
	signWith(domain: string, selector: string, publicKey = newHalf().publicKey): void {
		this.#sign(domain, selector, publicKey, (line) => line.domain === domain);
	}

	/** Puts a line in place of those that `goes` says. */
	#sign(domain: string, selector: string, publicKey: string, goes: (line: InspectedLine) => boolean): void {
		const others = this.lines.filter((line) => !goes(line));
		const isShared = this.#together.includes(domain);
		this.#files.set(`${domain} ${selector}`, publicKey);
		this.lines.splice(0, this.lines.length, ...others, {
			...lineOf(domain, selector, publicKey),
			...(isShared
				? { keyPath: `/keys/${this.#together[0] ?? ""}/${selector}.private`, group: "shared" }
				: {}),
		});
	}

	get ports(): AgentPorts {
		return this.#ports;
	}

	get clock(): Clock {
		return {
			now: () => this.at,
			uptimeMs: () => this.uptimeMs,
			bootMs: () => this.uptimeMs + this.suspendedMs,
			bootId: () => String(this.#boots),
			sleep: async () => Promise.resolve(),
			deadline: (_ms, signal) => signal,
		};
	}

	#makeKey(domain: string, selector: string, spec: KeySpec): string {
		const name = `${domain} ${selector}`;
		const pem =
			this.#keys.get(name) ?? newPair(spec).privateKey.export({ format: "pem", type: "pkcs8" }).toString();
		this.#keys.set(name, pem);
		return publicHalf(pem)?.publicKey ?? "";
	}

	#pre(): PreHook {
		return { name: "pre 1", run: async (event) => Promise.resolve(this.pre?.(event) ?? { kind: "done" }) };
	}

	#hook(hook: "deploy" | "post"): AlertSink {
		return {
			name: `${hook} 1`,
			hook,
			on: hook === "deploy" ? ["switched"] : [],
			repeatMs: 6 * 3_600_000,
			deliver: async (event) => {
				if (this.hookFails) throw new KeyturnError("hook.failed", "status 1");
				this.ran.push({ hook, event });
				return Promise.resolve(undefined);
			},
		};
	}

	async #ask(selector: string): Promise<void> {
		this.asked.push({ selector, isLocked: this.#isLocked });
		await this.whileAsked(selector);
	}

	#look(domain: string, selector: string): LookReport {
		const verdict = this.verdict(selector);
		this.looks.push(selector);
		const name = `${selector}._domainkey.${domain}`;
		const owner = this.aliases.get(name) ?? name;
		return {
			at: this.at.toISOString(),
			owner,
			zone: this.worldZone ?? owner.split(".").slice(-2).join("."),
			verdict,
			summary: `${owner} is ${verdict}`,
			servers: [
				{
					server: "ns1",
					address: "192.0.2.1",
					outcome: OUTCOMES[verdict],
					sentence: `ns1: ${verdict}`,
					at: this.at.toISOString(),
					serial: 1,
					ttlSeconds: 60,
					txtRecords: 1,
					chunks: [],
					signed: null,
				},
			],
			resolvers: [],
			warnings: [],
			negativeTtlSeconds: this.negativeTtlSeconds,
			dnssec: false,
			...this.report?.(selector, domain),
		};
	}

	#vacancy(domain: string, selector: string): Vacancy {
		const name = `${selector}._domainkey.${domain}`;
		const owner = this.aliases.get(name) ?? name;
		const values = this.zone.get(owner) ?? [];
		const isTaken = this.taken.has(selector) || values.length > 0;
		const kind = this.unknown.has(selector) ? "unknown" : isTaken ? "taken" : "free";
		return {
			kind,
			values,
			owner,
			zone: owner.split(".").slice(-2).join("."),
			negativeTtlSeconds: this.negativeTtlSeconds,
			wildcardTtlSeconds: this.wildcardTtlSeconds,
			summary: `${owner} is ${kind}`,
		};
	}

	#provider(name: string, zone: Map<string, readonly string[]>): DnsProvider {
		const held = (zoneName: string): Map<string, readonly string[]> => {
			if (this.cuts.size === 0 || this.cuts.has(zoneName)) return zone;
			if (this.hidden !== null) return this.hidden;
			throw new KeyturnError("provider.zone", `${name}: no zone ${zoneName}`);
		};
		return {
			name,
			account: name,
			...this.traits,
			limits: { valueOctets: 4096, minTtlSeconds: 1, batch: 50 },
			findZone: async (at) => {
				this.zonesAsked.push(at);
				const fault = this.zoneFaults.get(name);
				if (fault !== undefined) throw fault;
				const zone = at.split(".").slice(-2).join(".");
				if (this.zonesOf.get(name)?.includes(zone) === false) return { kind: "none", why: "not here" };
				const cut = [...this.cuts].find((one) => at.endsWith(`.${one}`));
				return { kind: "zone", zone: cut ?? zone };
			},
			list: async (zoneName, at) => Promise.resolve(held(zoneName).get(at) ?? []),
			change: async (zoneName, changes) => {
				this.zonesChanged.push(...changes.map(() => zoneName));
				return Promise.resolve(changes.map((change) => this.#apply(change, name, held(zoneName))));
			},
		};
	}

	#apply(change: ZoneChange, provider: string, zone: Map<string, readonly string[]>): ChangeResult {
		this.changes.push(change);
		const told = this.change?.(change, provider);
		if (told !== undefined && told.kind !== "done") return told;
		if (this.traits.byHand !== undefined && change.kind === "add") return { kind: "done" };
		const values = zone.get(change.name) ?? [];
		if (change.kind === "add" && !values.includes(change.value))
			zone.set(change.name, [...values, change.value]);
		if (change.kind === "replace")
			zone.set(change.name, [
				...values.filter((value) => value !== change.from && value !== change.to),
				change.to,
			]);
		if (change.kind === "remove")
			zone.set(
				change.name,
				values.filter((value) => value !== change.value),
			);
		return { kind: "done" };
	}

	#door(request: DoorRequest): DoorAnswer {
		this.doorRequests.push(request);
		const refused = this.refuse?.(request) ?? null;
		if (refused !== null) return refused;
		switch (request.act) {
			case "inspect":
				return this.#inspect(request);
			case "stage":
				this.#staged = request;
				return {
					act: "stage",
					id: request.id,
					tableHashes: Object.fromEntries(request.changes.map(({ signer }) => [signer, "h"])),
					messages: request.changes.map(({ signer, domain, to }) => ({
						signer,
						domain,
						selector: to?.selector ?? "",
						message: `${domain} ${to?.selector ?? ""}`,
					})),
				};
			case "commit":
				return this.#commit(request.id);
			case "drop":
				this.stagedIds.splice(0, Infinity, ...this.stagedIds.filter((id) => !request.staged.includes(id)));
				return {
					act: "drop",
					keys: request.keys.map((key) => ({ ...key, gone: true, reason: null })),
					...(request.reveal === undefined
						? {}
						: { revealed: request.reveal.map((key) => this.#reveal(key)) }),
				};
			case "recover":
				return { act: "recover", results: [], did: [] };
		}
	}

	#reveal({ domain, selector }: { readonly domain: string; readonly selector: string }) {
		const reason = this.revealRefused;
		return { domain, selector, key: reason === null ? `PEM of ${selector}` : null, reason };
	}

	/** In the form of OpenDKIM's key table. */
	#foretell({ domain, from, selector }: ForetellAsked): Foretold {
		const line = (name: string) => `${domain} ${domain}:${name}:/keys/${domain}/${name}.private`;
		const removed = from === null ? [] : [line(from)];
		const files = [{ path: "/key.table", removed, added: selector === null ? [] : [line(selector)] }];
		return { domain, files, problem: null };
	}

	#inspect({ ids, probe, foretell }: Extract<DoorRequest, { act: "inspect" }>): DoorAnswer {
		this.probed.push(...(probe ?? []));
		return {
			act: "inspect",
			at: this.at.toISOString(),
			signers: [...this.#inspectSigners(), ...this.otherSigners],
			// A switch that waits for its services has no result yet.
			results: this.pending?.services.length === 0 ? [] : ids.flatMap((id) => this.#results.get(id) ?? []),
			staged: [...this.stagedIds],
			queue: this.queue,
			otherReaders: this.otherReaders,
			lastPauseAt: this.lastPauseAt,
			...(this.pending === null ? {} : { pending: this.pending }),
			...(foretell === undefined ? {} : { foretold: foretell.map((turn) => this.#foretell(turn)) }),
			...(probe === undefined
				? {}
				: {
						probed: probe.map((key) => ({
							domain: key.domain,
							selector: key.selector,
							fault: this.probeFault(key),
						})),
					}),
		};
	}

	#inspectSigners(): InspectAnswer["signers"] {
		const { ed25519Signer, signerProblem: problem } = this;
		const isEd25519 = ({ publicKey }: InspectedLine) =>
			publicHalfOf(publicKey ?? "")?.algorithm === "ed25519";
		const main = {
			signer: "main",
			swap: "restart",
			tableHash: "h",
			lines: this.lines.filter((line) => ed25519Signer === null || !isEd25519(line)),
			firstKeyFaults: [...this.firstKeyFaults],
			notes: [],
			problem,
			service: "opendkim",
			running: true,
		} as const;
		if (ed25519Signer === null) return [main];
		const second = { ...main, signer: ed25519Signer, service: `opendkim-${ed25519Signer}` };
		if (this.ed25519Problem !== null) return [main, { ...second, lines: [], problem: this.ed25519Problem }];
		return [main, { ...second, lines: this.lines.filter(isEd25519) }];
	}

	#commit(id: string): DoorAnswer {
		const changes = this.#staged?.changes ?? [];
		const result: SwitchResult = {
			id,
			outcome: "done",
			at: this.at.toISOString(),
			keys: changes.map(({ signer, domain, from, to }) => ({
				signer,
				domain,
				from,
				selector: to?.selector ?? null,
				outcome: "done",
				reason: null,
			})),
			oldProcessGone: true,
			reason: null,
			pauseMs: 800,
		};
		const answer = this.commit(id, result);
		if (answer.act === "commit") this.#take(answer, changes);
		return answer;
	}

	#take({ result }: CommitAnswer, changes: Extract<DoorRequest, { act: "stage" }>["changes"]): void {
		this.#results.set(result.id, result);
		for (const key of result.keys)
			if (key.outcome === "done" && result.outcome === "done") {
				const own = changes.filter((change) => change.domain === key.domain);
				const pem = own.find((change) => change.to?.selector === key.selector)?.to?.key ?? "";
				const known = this.#files.get(`${key.domain} ${key.selector ?? ""}`) ?? "";
				const kinds = this.lines.flatMap((line) =>
					line.domain === key.domain ? [publicHalfOf(line.publicKey ?? "")?.algorithm] : [],
				);
				const isOfSeveral = own.length > 1 || new Set(kinds).size > 1 || this.ed25519Signer !== null;
				const goes = (line: InspectedLine): boolean =>
					line.domain === key.domain && (!isOfSeveral || line.selector === key.from);
				if (key.selector === null)
					this.lines.splice(0, Infinity, ...this.lines.filter((line) => !goes(line)));
				else this.#sign(key.domain, key.selector, publicHalf(pem)?.publicKey ?? known, goes);
			}
	}

	/** The switch is done, and the answer to it is lost. */
	loseAnswer(id: string, result: SwitchResult): never {
		this.#take({ act: "commit", result }, this.#staged?.changes ?? []);
		throw new KeyturnError("door.unreachable", `no answer for ${id}`, { retry: true });
	}

	#sink(): AlertSink {
		return {
			name: "test",
			on: null,
			repeatMs: 6 * 3_600_000,
			deliver: async (event) => {
				if (this.sinkFails) throw new KeyturnError("alert.undelivered", "the pager is down", { retry: true });
				this.beforeDelivery(event);
				this.pass(this.deliveryMs);
				this.events.push(event);
				this.deliveredUnder.push(this.#locks);
				return this.sinkMisses;
			},
		};
	}
}

/** A switch that the door took back, of every key; `reason` is told of the whole and of each. */
export function rolledBack(result: SwitchResult, reason: string | null = result.reason): SwitchResult {
	const keys = result.keys.map((key) => ({
		...key,
		outcome: "rolled_back" as const,
		reason: reason ?? key.reason,
	}));
	return { ...result, outcome: "rolled_back", keys, reason };
}

function lineOf(domain: string, selector: string, publicKey: string): InspectedLine {
	const keyPath = `/keys/${domain}/${selector}.private`;
	return { domain, selector, entry: domain, keyPath, publicKey, signs: true, problem: null, unsafe: null };
}

function isText(entry: readonly [string, string | null]): entry is readonly [string, string] {
	return entry[1] !== null;
}

function newPair(spec: KeySpec) {
	return spec.algorithm === "rsa"
		? generateKeyPairSync("rsa", { modulusLength: spec.bits })
		: generateKeyPairSync("ed25519");
}

function ignore(): void {
	// Tests look at events and state, not at the log.
}

/** `Omit` of each kind of a union by itself. */
type DistributiveOmit<Union, Key extends PropertyKey> = Union extends unknown ? Omit<Union, Key> : never;
