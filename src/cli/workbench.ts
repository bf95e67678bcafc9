/** What a command works with: the configuration read, the ports joined, and where its words go. */

import type { Agent } from "../agent/agent.ts";
import type { DoctorPorts, Known } from "../doctor/sources.ts";
import { parseDomain } from "../dkim/names.ts";
import { KeyturnError } from "../errors.ts";
import type { AlertSink } from "../ports/alert-sink.ts";
import type { Clock } from "../ports/clock.ts";
import type { DnsProvider } from "../ports/dns-provider.ts";
import type { Door } from "../ports/door.ts";
import type { AnswerFor, LocalServer } from "../ports/local-server.ts";
import type { Log } from "../ports/log.ts";
import type { Prompt } from "../ports/prompt.ts";
import type { Propagation } from "../ports/propagation.ts";
import type { Random } from "../ports/random.ts";
import type { StateStore } from "../ports/state-store.ts";
import type { Meters } from "../report/meters.ts";
import type { Policy } from "../rotation/policy.ts";
import type { InitHost } from "./init-host.ts";
import type { DomainAsked } from "../settings/add-domain.ts";
import { didYouMean } from "../settings/nearest.ts";
import type { Settings } from "../settings/settings.ts";

export interface Workbench {
	readonly settings: Settings;
	/** Made when first asked for: it loads the providers and the alerts. */
	agent(): Promise<Agent>;
	/** The ways of telling, as configured; made when first asked for. */
	sinks(): Promise<readonly AlertSink[]>;
	readonly store: StateStore;
	readonly door: Door;
	readonly propagation: Propagation;
	readonly clock: Clock;
	readonly random: Random;
	/** Opened when first asked for. */
	log(): Promise<Log>;
	/** What `keyturn doctor` asks besides; made when first asked for, and then without what could not be made. */
	examiner(): Promise<Examiner>;
	/** Whether a `keyturn run` holds the daemon's lock. */
	daemonAlive(): Promise<boolean>;
	/** What starts the daemon on this host: a command, and whose work it is where that is not systemd's. */
	daemonStart(): Promise<string>;
	/** Takes the daemon's lock for the life of the process; "held" if another has it. */
	becomeDaemon(): Promise<"ours" | "held">;
	/** Calls back at every slot of the schedule until the signal aborts. */
	wakeOnSchedule(settings: Settings, onWake: () => void, signal: AbortSignal): void;
	/** Reads the configuration again and gives it to the agent; says in words what is wrong with it, null if nothing. */
	reload(): Promise<{ readonly settings: Settings } | { readonly fault: string }>;
	/** Tells the service manager how it stands; a no-op where there is none. */
	notify(words: readonly string[]): Promise<void>;
	readonly watchdog: Watchdog;
	/** Replaces a file that others read (0644), whole; a relative path is one of the caller's directory. Fails with `disk.failed`. */
	replaceShared(path: string, text: string): Promise<void>;
	/** Serves nowhere before it is told an address. */
	serveLocally(answerFor: AnswerFor): LocalServer;
	/** What this process counts; made when first asked for. */
	meters(): Promise<Meters>;
	readonly versions: { readonly keyturn: string; readonly node: string };
}

export interface Examiner
	extends Pick<DoctorPorts, "resolver" | "policies" | "timeSource" | "disk">,
		Pick<Known, "addresses" | "unmade" | "unheard"> {
	/** By name; none where one of them could not be made, with the reason in `unmade`. */
	readonly providers: ReadonlyMap<string, DnsProvider>;
}

/** The service manager's, which ends a daemon that it does not hear of. */
export interface Watchdog {
	/** How long it waits for a word, in milliseconds; null if nobody waits. */
	readonly patienceMs: number | null;
	/** For how long no call to the outside has come to an end, while none that may take long is under way. */
	silentMs(): number;
	/** When it ended a daemon before this one; null if it did not, or that has been told. */
	endedAt(): Promise<Date | null>;
	/** Durably. */
	forget(): Promise<void>;
}

/** Standard output is for results, standard error for everything else. */
export interface Terminal {
	result(text: string): void;
	say(text: string): void;
	/** Whether standard error is a terminal: live progress, else lines. */
	readonly isLive: boolean;
	/** Whether standard output is one, where somebody reads the result. */
	readonly isShown: boolean;
	readonly columns: number;
	readonly rows: number;
	/** Aborts when a result could not be written, as to a pipe whose reader went away. */
	readonly unread: AbortSignal;
	/** Standard error as it is, escape sequences and all; only where it is a terminal. */
	draw(text: string): void;
}

export interface CommandContext {
	readonly terminal: Terminal;
	/** Reads the configuration and joins everything. Fails with `config.*`. */
	open(): Promise<Workbench>;
	/**
	 * Puts a domain into the configuration, as whoever runs the command and so before `open`; with `isTried` nothing is
	 * written. Fails with `config.*`, `disk.failed` or `usage`, and the file is then as it was.
	 */
	addDomain(asked: DomainAsked, how: { readonly isTried: boolean }): Promise<DomainConfigured>;
	/** What `keyturn init` looks at, and the file that it is to write; made when first asked for. */
	surroundings(): Promise<{ readonly host: InitHost; readonly path: string; readonly prompt: Prompt | null }>;
	/** Aborts on SIGINT and SIGTERM. */
	readonly signal: AbortSignal;
	/** Called for each SIGHUP. */
	onReload(listener: () => void): void;
}

export interface DomainConfigured {
	/** As the configuration is with the domain in it. */
	readonly settings: Settings;
	/** The line that was, or would be, added; null where the domain stood there. */
	readonly line: string | null;
}

/** DESIGN.md section 5. */
export const EXIT = {
	done: 0,
	failed: 1,
	usage: 2,
	waiting: 3,
	unverified: 4,
	held: 75,
} as const;

/** The worst over several domains, in the order 1, 4, 3, 0. */
export function worst(codes: readonly number[]): number {
	for (const code of [EXIT.failed, EXIT.unverified, EXIT.waiting]) if (codes.includes(code)) return code;
	return EXIT.done;
}

const NAMES_TOLD = 12;

/** The policies of the domains named, each once, or all; a name may be written as in keyturn.yaml. */
export function choose(bench: Pick<Workbench, "settings">, names: readonly string[]): readonly Policy[] {
	const { policies, path } = bench.settings;
	if (names.length === 0) return policies;
	const known = policies.map(({ domain }) => domain);
	const chosen = names.map((name) => {
		const policy = policies.find(({ domain }) => domain === parseDomain(name));
		if (policy !== undefined) return policy;
		const more = known.length > NAMES_TOLD ? `, and ${known.length - NAMES_TOLD} more` : "";
		throw new KeyturnError("usage", `${name} is not configured in ${path}`, {
			hint: didYouMean(name, known) ?? `configured: ${known.slice(0, NAMES_TOLD).join(", ")}${more}`,
		});
	});
	return [...new Set(chosen)];
}
