/** A small mail host for tests of the door: postfix, one or two signers, their tables and keys, and a watch over what must never be. */

import type { Clock } from "../../src/ports/clock.ts";
import type { Disk } from "../../src/ports/disk.ts";
import type {
	InspectedQueue,
	DoorRequest,
	MailWiring,
	OtherReader,
	Evidence,
	StageAnswer,
	StageChange,
} from "../../src/ports/door.ts";
import type { LogFields } from "../../src/ports/log.ts";
import { createSwap, type Swap, type SwapOptions } from "../../src/swap/swap.ts";
import { type DiskCall, SimDisk } from "./sim-disk.ts";
import { createSimProcess, type SimProcess } from "./sim-process.ts";
import { SimServices } from "./sim-services.ts";
import { createSimSigner, judge, publicKeyOf, simKey, SimSignerProgram } from "./sim-signer.ts";

export const DOOR_DIRECTORY = "/var/lib/keyturn-door";
export const SIGNER_OWNER = { uid: 110, gid: 110 };

export interface SwapHostOptions {
	readonly swap: "restart" | "reload";
	/** One by default. */
	readonly signers?: readonly string[];
	readonly defersMail?: boolean;
	readonly queue?: InspectedQueue;
	readonly wiring?: MailWiring;
	readonly otherReaders?: readonly OtherReader[];
	readonly mayReveal?: boolean;
	readonly probe?: boolean;
	/** Of keyturn.yaml, by service. */
	readonly commands?: Readonly<Record<string, object>>;
	/** A sleep of the door takes at least this long, as on a machine with much to do: fewer rounds of what waits by polling. */
	readonly leastSleepMs?: number;
}

export interface DoorOptions {
	readonly process?: SimProcess;
	readonly fault?: (call: DiskCall, path: string) => string | null;
	readonly onChange?: (call: DiskCall, path: string) => void;
	/** A planted fault between the door and the disk. */
	readonly wrapDisk?: (disk: Disk) => Disk;
}

export class SwapHost {
	disk: SimDisk;
	readonly services: SimServices;
	readonly programs = new Map<string, SimSignerProgram>();
	/** What must never be, as it was seen. */
	readonly violations = new Set<string>();
	readonly records = new Map<string, string>();
	nowMs = new Date("2026-11-01T03:00:00Z").getTime();
	/** What the doors said of their work. */
	readonly said: { readonly level: string; readonly message: string; readonly fields: LogFields }[] = [];
	readonly #log = {
		debug: (message: string, fields: LogFields = {}) => this.#say("debug", message, fields),
		info: (message: string, fields: LogFields = {}) => this.#say("info", message, fields),
		warn: (message: string, fields: LogFields = {}) => this.#say("warn", message, fields),
		error: (message: string, fields: LogFields = {}) => this.#say("error", message, fields),
	};
	readonly #options: SwapHostOptions;
	readonly #firstContent = new Map<string, string>();
	/** Signers that did not come up when the host booted, until something has started them. */
	readonly #downSinceBoot = new Set<string>();

	constructor(options: SwapHostOptions) {
		this.#options = options;
		const now = () => new Date(this.nowMs);
		this.disk = new SimDisk(now);
		this.disk.putDirectory("/var/lib");
		this.services = new SimServices(now);
		for (const name of this.signerNames) this.#addSigner(name);
		this.services.add("postfix");
		this.nowMs += 60_000;
		this.startAll();
	}

	get signerNames(): readonly string[] {
		return this.#options.signers ?? ["main"];
	}

	/** a.example and b.example belong to the first signer, c.example to the second. */
	domainsOf(signer: string): readonly string[] {
		return signer === this.signerNames[0] ? ["a.example", "b.example"] : ["c.example"];
	}

	program(signer = "main"): SimSignerProgram {
		const found = this.programs.get(signer);
		if (found === undefined) throw new Error(`no signer ${signer}`);
		return found;
	}

	keyPath(domain: string, selector: string, signer = "main"): string {
		return `/etc/${signer}/keys/${domain}/${selector}.private`;
	}

	startAll(): void {
		for (const name of [...this.signerNames, "postfix"]) this.services.start(name);
	}

	/** A door in a process of its own. */
	door(options: DoorOptions = {}): Swap {
		return createSwap(this.context(options));
	}

	/** What such a door is given. */
	context(options: DoorOptions = {}): SwapOptions {
		const process = options.process ?? createSimProcess();
		const view = this.disk.open({
			process,
			...(options.fault === undefined ? {} : { fault: options.fault }),
			onChange: (call, path) => {
				this.look();
				this.#lookAtMode(path);
				options.onChange?.(call, path);
			},
		});
		const disk = options.wrapDisk?.(view) ?? view;
		const signers = this.signerNames.map((name) => {
			const signer = createSimSigner({
				name,
				service: name,
				swap: this.#options.swap,
				program: this.program(name),
				disk,
				rawDisk: () => this.disk,
				process,
			});
			const services = {
				stop: ["postfix", name],
				start: [name, "postfix"],
				holdMs: 300_000,
				commands: this.#options.commands ?? {},
			};
			return [name, { signer, services, probe: this.#options.probe ?? true }] as const;
		});
		return {
			disk,
			services: this.services.open(process),
			signers: new Map(signers),
			clock: this.clock(process),
			log: this.#log,
			directory: DOOR_DIRECTORY,
			domains: new Map(
				this.signerNames.flatMap((name) =>
					[...this.domainsOf(name), `new.${name}.example`].map((domain) => [domain, [name]] as const),
				),
			),
			defersMail: async () => this.#options.defersMail ?? false,
			queue: async () => this.#options.queue ?? null,
			wiring: async () => this.#options.wiring ?? null,
			mayReveal: this.#options.mayReveal ?? false,
			several: new Set(),
			otherReaders: async () => this.#options.otherReaders ?? [],
			takeLock: async () => ({ release: async () => {} }),
		};
	}

	clock(process: SimProcess): Clock {
		return {
			now: () => new Date(this.nowMs),
			uptimeMs: () => this.nowMs,
			bootMs: () => this.nowMs,
			bootId: () => null,
			sleep: async (ms) => {
				await process.before("clock.sleep");
				this.nowMs += Math.max(ms, this.#options.leastSleepMs ?? 0);
			},
			deadline: () => new AbortController().signal,
		};
	}

	change(domain: string, from: string | null, selector: string | null, signer = "main"): StageChange {
		if (selector === null) return { signer, domain, from, to: null };
		const { key, record } = simKey(`${domain} ${selector}`);
		this.records.set(`${selector} ${domain}`, record);
		return { signer, domain, from, to: { selector, record, key } };
	}

	evidence(changes: readonly StageChange[], ageMs = 0): readonly Evidence[] {
		const at = new Date(this.nowMs - ageMs).toISOString();
		return changes.flatMap(({ domain, to }) =>
			to === null
				? []
				: [
						{
							domain,
							selector: to.selector,
							record: to.record,
							answers: [{ server: "ns1.example", address: "192.0.2.1", at }],
						},
					],
		);
	}

	commitRequest(id: string, staged: StageAnswer, changes: readonly StageChange[]): DoorRequest {
		return { act: "commit", id, tableHashes: staged.tableHashes, evidence: this.evidence(changes) };
	}

	/** Stages and commits in one process; the answers, or null where the process died. */
	async switchKeys(swap: Swap, id: string, changes: readonly StageChange[]) {
		const staged = await swap.handle({ act: "stage", id, changes });
		if (staged.act !== "stage") return staged;
		return swap.handle(this.commitRequest(id, staged, changes));
	}

	/** The selector of each domain in the tables on disk. */
	selectors(signer = "main"): Readonly<Record<string, string>> {
		const tables = this.program(signer).tables();
		if (typeof tables === "string") throw new Error(tables);
		return Object.fromEntries([...tables].map(([domain, line]) => [domain, line.selector]));
	}

	/** Why mail of a domain that the tables name would not verify; null if it does. */
	mailFault(domain: string, signer = "main"): string | null {
		const message = this.program(signer).signNow(domain);
		const selector = /s=([^;]*)/.exec(message ?? "")?.[1] ?? "none";
		const record = this.records.get(`${selector} ${domain}`) ?? "";
		return judge(message, { domain, selector, record }).reason;
	}

	/** Everything lost with the power, then the host comes up again as Debian does. */
	async losePower(choose: (count: number) => number): Promise<void> {
		this.disk = this.disk.powerLoss(choose);
		this.services.powerOff();
		this.services.phase = "starting";
		this.nowMs += 120_000;
		await this.door().handle({ act: "recover", filesOnly: true });
		this.look();
		this.#boot();
		this.services.phase = "running";
		this.look();
	}

	/** The mail server starts whatever became of its signers: whoever settles the journal has to bring those up. */
	#boot(): void {
		for (const name of this.signerNames)
			try {
				this.services.start(name);
			} catch {
				this.#downSinceBoot.add(name);
			}
		this.services.start("postfix");
	}

	leftovers(): readonly string[] {
		return this.disk
			.all()
			.map(({ path }) => path)
			.filter((path) => /keyturn-(new|before|staged)$|journal\.json$/.test(path));
	}

	/** Looks for what must never be; called at every change of the disk and by tests between calls. */
	look(): void {
		for (const [name, program] of this.programs) {
			if (program.loaded !== null) this.#downSinceBoot.delete(name);
			if (this.services.runs("postfix") && program.loaded === null && !this.#downSinceBoot.has(name))
				this.violations.add(`postfix runs without ${name}`);
			const tables = program.tables();
			if (typeof tables === "string") {
				this.violations.add(`${name}: ${tables}`);
				continue;
			}
			for (const { keyPath, domain } of [...tables.values(), ...(program.loaded?.values() ?? [])])
				this.#lookAtKey(keyPath, domain);
		}
	}

	/** A private key may never be readable to others, not for a moment. */
	#lookAtMode(path: string): void {
		if (!/\/keys\/./.test(path)) return;
		const mode = this.disk.find(path, false)?.mode ?? 0;
		if ((mode & 0o077) !== 0) this.violations.add(`${path}: mode ${mode.toString(8)}`);
	}

	#lookAtKey(path: string, domain: string): void {
		const content = this.disk.text(path);
		if (content === null || publicKeyOf(content) === null) {
			this.violations.add(`${domain}: no complete key at ${path}`);
			return;
		}
		const first = this.#firstContent.get(path) ?? content;
		this.#firstContent.set(path, first);
		if (first !== content) this.violations.add(`${path}: was written over`);
	}

	#say(level: string, message: string, fields: LogFields): void {
		this.said.push({ level, message, fields });
	}

	#addSigner(name: string): void {
		const program = new SimSignerProgram(`/etc/${name}`, () => this.disk);
		this.programs.set(name, program);
		this.services.add(name, {
			onStart: () => program.start(),
			onStop: () => program.stop(),
			onReload: () => {
				program.isReloadAsked = true;
			},
		});
		const domains = this.domainsOf(name);
		this.disk.put(`/etc/${name}/opendkim.conf`, "KeyTable key.table\n");
		this.disk.put(
			program.keyTable,
			[
				"# ours and theirs",
				...domains.map((d) => `label-${d} ${d}:old:${this.keyPath(d, "old", name)}`),
				"",
			].join("\n"),
		);
		this.disk.put(program.signingTable, domains.map((domain) => `${domain} label-${domain}\n`).join(""));
		for (const domain of domains) {
			const { key, record } = simKey(`${domain} old`);
			this.records.set(`old ${domain}`, record);
			this.disk.putDirectory(`/etc/${name}/keys`, 0o700, SIGNER_OWNER);
			this.disk.putDirectory(`/etc/${name}/keys/${domain}`, 0o700, SIGNER_OWNER);
			this.disk.put(this.keyPath(domain, "old", name), key, 0o600, SIGNER_OWNER);
		}
	}
}
