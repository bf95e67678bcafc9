/** The agent and the command line: joins adapters to the agent, and sets the exit status. */

import { setMaxListeners } from "node:events";
import { resolve } from "node:path";
import { CommanderError } from "commander";
import type { AgentPorts } from "./agent/agent.ts";
import { ALERT_TYPES, type AlertTools } from "./alerts/registry.ts";
import { createProgram, DEFAULT_CONFIG } from "./cli/program.ts";
import {
	type CommandContext,
	type DomainConfigured,
	type Examiner,
	EXIT,
	type Terminal,
	type Watchdog,
	type Workbench,
} from "./cli/workbench.ts";
import type { InitHost } from "./cli/init-host.ts";
import { plain, wrap } from "./report/words.ts";
import { directoryOf, durableReplace, hashOf, durableCreate, replaceIfUnchanged } from "./durable.ts";
import { asKeyturnError, KeyturnError } from "./errors.ts";
import type { AlertSink } from "./ports/alert-sink.ts";
import type { DnsProvider } from "./ports/dns-provider.ts";
import type { Door } from "./ports/door.ts";
import type { HeldLock } from "./ports/lock.ts";
import type { Log } from "./ports/log.ts";
import type { Propagation } from "./ports/propagation.ts";
import type { Resolver } from "./ports/resolver.ts";
import type { VerifyPolicy } from "./rotation/policy.ts";
import type { DomainAsked } from "./settings/add-domain.ts";
import { formatFaults } from "./settings/faults.ts";
import { namedTypes } from "./settings/named-types.ts";
import { parseSettings } from "./settings/parse-settings.ts";
import type { AlertSettings, Settings } from "./settings/settings.ts";
import { readYaml } from "./settings/yaml-source.ts";
import { SIGNER_TYPES } from "./signers/registry.ts";
import { createFileStateStore } from "./state/files.ts";
import { createSystemClock } from "./system/clock.ts";
import { createSystemDisk } from "./system/disk.ts";
import { dropToOwner, publicAddresses, shortHostName, systemTimezone } from "./system/identity.ts";
import { createTakeLock } from "./system/lock.ts";
import { createPulse } from "./system/pulse.ts";
import { createSystemRandom } from "./system/random.ts";
import { PROVIDER_TYPES, type ProviderTools, type ProviderType } from "../providers/registry.ts";

const CONFIG_LIMIT_BYTES = 4 * 1024 * 1024;
const DOOR_SOCKET = "/run/keyturn/apply.sock";
/** A command that looks whether a daemon lives holds its lock for a moment, beside others who look. */
const DAEMON_LOCK_MS = 500;
/** One call with its retries takes as long. */
const ACCOUNT_LOCK_MS = 120_000;
/** Where no domain is configured yet. */
const ANY_SERVERS: VerifyPolicy = {
	nameservers: "auto",
	quorum: "all",
	resolvers: ["system"],
	via: ["servers"],
	intervalMs: 30_000,
	soakMs: "auto",
	timeoutMs: 86_400_000,
};
const NEVER = new AbortController().signal;
const VERSION = "0.1.0";

const clock = createSystemClock();
const pulse = createPulse(clock);
const disk = pulse.watch(createSystemDisk());
const random = createSystemRandom();
const { takeLock } = pulse.watch({ takeLock: createTakeLock(clock) });

// A look asks many servers at once under the one signal of its tick; each listener goes with its question.
setMaxListeners(0);
const stopping = new AbortController();

/** 128 and the signal's number: what a shell gives for a command that a signal ended. */
const SIGNAL_STATUS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
let stoppedBy: keyof typeof SIGNAL_STATUS | null = null;
let isDaemon = false;
let onHangUp = (): void => stop("SIGHUP");

const terminal: Terminal = {
	result: (text) => void process.stdout.write(`${plain(text)}\n`),
	say: (text) => void process.stderr.write(`${plain(text)}\n`),
	draw: (text) => void process.stderr.write(text),
	isLive: process.stderr.isTTY && process.env["TERM"] !== "dumb",
	columns: process.stderr.columns || 80,
	rows: process.stderr.rows || 24,
};

function contextFor(configPath: string, runsAsDaemon: boolean): CommandContext {
	isDaemon = runsAsDaemon;
	if (isDaemon) onHangUp = () => undefined;
	return {
		terminal,
		signal: stopping.signal,
		// The door is started elsewhere.
		open: () => open(resolve(configPath)),
		addDomain: (asked, { isTried }) => addDomain(resolve(configPath), asked, isTried),
		surroundings: async () => ({
			host: await joinInitHost(),
			path: resolve(configPath),
			prompt: (await import("./system/prompt.ts")).createPrompt(stopping.signal),
		}),
		onReload: (listener) => {
			onHangUp = listener;
		},
	};
}

/** pino takes its time: loaded when something is to be logged. */
const openLog = once(async (): Promise<Log> => {
	const { createLog } = await import("./system/log.ts");
	return createLog(
		isDaemon ? { level: "info", destination: "stdout" } : { level: "error", destination: "stderr" },
	);
});

const openUnwatchedPrograms = once(async () => (await import("./system/programs.ts")).createSystemPrograms());
const openPrograms = once(async () => pulse.watch(await openUnwatchedPrograms()));

const openResolver = once(async (): Promise<Resolver> => {
	const { createWireResolver } = await import("./dns/wire-resolver.ts");
	const { readSystemResolvers } = await import("./system/resolv-conf.ts");
	const { createWire } = await import("./system/wire.ts");
	return createWireResolver({
		wire: pulse.watch(createWire()),
		random,
		clock,
		systemServers: () => readSystemResolvers(),
	});
});

const openPropagation = once(async (): Promise<Propagation> => {
	const { createPropagation } = await import("./dns/propagation.ts");
	return createPropagation({ resolver: await openResolver(), clock });
});

const openMeters = once(async () => (await import("./report/meters.ts")).createMeters(clock));

/** Loaded when there is an address to serve at. */
const serveLocally: Workbench["serveLocally"] = (answerFor) => {
	const server = once(async () => (await import("./system/local-server.ts")).createLocalServer(answerFor));
	let isServing = false;
	return {
		async listen(endpoint) {
			if (endpoint === null && !isServing) return;
			isServing = true;
			await (await server()).listen(endpoint);
		},
	};
};

const propagation: Propagation = {
	look: async (request, signal) => (await openPropagation()).look(request, signal),
	vacancy: async (domain, selector, verify, signal) =>
		(await openPropagation()).vacancy(domain, selector, verify, signal),
};

function once<Made>(make: () => Promise<Made>): () => Promise<Made> {
	let made: Promise<Made> | null = null;
	return () => (made ??= make());
}

async function open(configPath: string): Promise<Workbench> {
	const settings = await readSettings(configPath);
	await dropToOwner(disk, settings.state);
	const store = createFileStateStore({ directory: settings.state, disk, takeLock, clock });
	const openDoor = once(() => joinDoor(configPath));
	const door: Door = { request: async (request, signal) => (await openDoor()).request(request, signal) };
	const outside = once(() => joinOutside(settings, configPath));
	const metered = async (): Promise<Outside & Pick<AgentPorts, "propagation">> =>
		counting(settings, await outside());
	const makeAgent: Workbench["agent"] = async () => {
		const { createAgent } = await import("./agent/agent.ts");
		const { createKeyMaker } = await import("./system/key-maker.ts");
		const { createKeyStore } = await import("./system/key-store.ts");
		const { createMailVerifier } = await import("./system/mail-verifier.ts");
		const { createPrivateShelf } = await import("./system/private-shelf.ts");
		const keys = createKeyStore({ directory: `${settings.state}/keys`, disk, makeKey: createKeyMaker() });
		const verifier = createMailVerifier();
		const shelf = createPrivateShelf(disk);
		const log = await openLog();
		return createAgent(
			{ clock, random, store, keys, shelf, door, verifier, log, ...(await metered()) },
			settings,
		);
	};
	const bench: Workbench = {
		settings,
		store,
		door,
		propagation,
		clock,
		random,
		log: openLog,
		examiner: async () => joinExaminer(outside),
		agent: once(makeAgent),
		sinks: async () => (await outside()).sinks,
		daemonAlive: () => isDaemonAlive(settings),
		becomeDaemon: async () =>
			(await takeLock(`${settings.state}/daemon.lock`, DAEMON_LOCK_MS, stopping.signal)) === "held"
				? "held"
				: "ours",
		wakeOnSchedule,
		reload: () => reload(configPath, bench),
		notify,
		watchdog: watchdogOf(),
		replaceShared: async (path, text) => durableReplace(disk, path, Buffer.from(text), { mode: 0o644 }),
		serveLocally,
		meters: openMeters,
		versions: { keyturn: VERSION, node: process.versions.node },
	};
	return bench;
}

async function joinDoor(configPath: string): Promise<Door> {
	const { createDoorClient } = await import("./system/door-client.ts");
	const client = createDoorClient({
		programs: await openPrograms(),
		disk,
		clock,
		random,
		socketPath: configPath === DEFAULT_CONFIG ? DOOR_SOCKET : null,
		argv: [process.execPath, beside("door"), "--config", configPath],
	});
	return pulse.bear(client);
}

async function readSettings(configPath: string): Promise<Settings> {
	return settingsOf(configPath, await readConfig(configPath));
}

async function readConfig(configPath: string): Promise<string> {
	const bytes = await disk.read(configPath, CONFIG_LIMIT_BYTES);
	if (bytes !== null) return Buffer.from(bytes).toString("utf8");
	throw new KeyturnError("config.unreadable", `${configPath}: expected the configuration, found nothing`, {
		hint: "`keyturn init` writes one from what is installed; or name another file with --config",
	});
}

/** The daemon reads it again when it finds a wish for the domain. */
async function addDomain(
	configPath: string,
	asked: DomainAsked,
	isTried: boolean,
): Promise<DomainConfigured> {
	const path = (await disk.realpath(configPath)) ?? configPath;
	const text = await readConfig(path);
	const settings = await settingsOf(configPath, text);
	if (settings.policies.some((policy) => policy.domain === asked.domain)) return { settings, line: null };
	const { entryFor, withDomain } = await import("./settings/add-domain.ts");
	const entry = entryFor(asked, settings, configPath);
	const added = withDomain(text, entry);
	if (added.kind === "refused")
		throw new KeyturnError("config.invalid", `${configPath}: ${asked.domain} was not added: ${added.why}`, {
			hint: `add { name: ${entry.domain}, provider: ${entry.provider} } to domains by hand, and run the command again`,
		});
	const next = await settingsOf(configPath, added.text);
	if (!isTried) await replaceConfig(path, text, added.text);
	return { settings: next, line: added.line };
}

async function replaceConfig(path: string, before: string, after: string): Promise<void> {
	const [hash, bytes] = [hashOf(Buffer.from(before)), Buffer.from(after)];
	try {
		if ((await replaceIfUnchanged(disk, path, hash, bytes, { keepBefore: null })) === "replaced") return;
	} catch (thrown) {
		const error = asKeyturnError(thrown);
		throw new KeyturnError("disk.failed", `${path}: the domain was not added: ${error.message}`, {
			hint: "the file belongs to root: run the command as root, or add the domain to it by hand",
			cause: thrown,
		});
	}
	throw new KeyturnError(
		"config.invalid",
		`${path}: the domain was not added: somebody else changed the file`,
		{
			hint: "run the command again",
		},
	);
}

async function settingsOf(configPath: string, text: string): Promise<Settings> {
	const read = readYaml(text, configPath);
	const named = namedTypes(read);
	const providers = await providerTypes(named.providers, configPath);
	const parsed = parseSettings(read, {
		unproven: providers
			.filter(([, { about }]) => ONLY_ON_FAKES.includes(about.evidence))
			.map(([type]) => type),
		path: configPath,
		host: shortHostName(),
		timezone: await systemTimezone(disk),
		schemas: {
			signers: await schemasOf(named.signers, SIGNER_TYPES),
			providers: Object.fromEntries(providers.map(([type, { settingsSchema }]) => [type, settingsSchema])),
			alerts: await schemasOf(named.alerts, ALERT_TYPES),
		},
	});
	if ("faults" in parsed)
		throw new KeyturnError("config.invalid", formatFaults(parsed.faults), { cause: parsed.faults });
	return parsed.settings;
}

const ONLY_ON_FAKES: readonly string[] = ["recorded", "documented"];

/** Those that there are. */
async function providerTypes(
	named: readonly string[],
	configPath: string,
): Promise<readonly (readonly [string, ProviderType])[]> {
	const found: (readonly [string, ProviderType])[] = [];
	for (const name of named) {
		const type = await providerType(name, configPath);
		if (type !== null) found.push([name, type]);
	}
	return found;
}

/** One that keyturn has, or a plug-in. */
async function providerType(name: string, configPath: string): Promise<ProviderType | null> {
	if (Object.hasOwn(PROVIDER_TYPES, name)) return (await PROVIDER_TYPES[name]?.()) ?? null;
	const { loadPlugIn } = await import("./system/plug-ins.ts");
	const ownRoot = directoryOf(beside("main")).replace(/(?:\/dist)?\/src$/, "");
	const plugIn = await loadPlugIn(disk, { configPath, ownRoot }, name);
	if (plugIn === null) return null;
	const { plugInType } = await import("../providers/plug-in.ts");
	return plugInType(name, plugIn);
}

async function schemasOf<Type extends { readonly settingsSchema: Schema }, Schema>(
	named: readonly string[],
	types: Readonly<Record<string, () => Promise<Type>>>,
): Promise<Record<string, Schema>> {
	const schemas: Record<string, Schema> = {};
	for (const name of named) {
		const load = Object.hasOwn(types, name) ? types[name] : undefined;
		if (load !== undefined) schemas[name] = (await load()).settingsSchema;
	}
	return schemas;
}

/** What faces the network: loaded only when the agent is. */
async function joinOutside(settings: Settings, configPath: string): Promise<Outside> {
	const { createHttp } = await import("./system/http.ts");
	const { createSecrets } = await import("./system/secrets.ts");
	const { createWire } = await import("./system/wire.ts");
	const secrets = createSecrets({ disk, env: process.env });
	const programs = await openPrograms();
	const http = pulse.watch(createHttp({ clock }));
	const log = await openLog();
	const { createMailer } = await import("./system/mailer.ts");
	const { createAuthorities } = await import("./dns/authorities.ts");
	const { createZoneCopies } = await import("./system/zone-copies.ts");
	const { createProgramTrust } = await import("./system/program-trust.ts");
	const verifyFor = (name: string): VerifyPolicy => verifyOf(settings, name);
	const tools: ProviderTools & AlertTools = {
		authorities: createAuthorities({ resolver: await openResolver(), clock, verifyFor }),
		programTrust: createProgramTrust(disk, process.getuid?.() ?? 0),
		secrets,
		disk,
		copies: createZoneCopies({ disk, clock, directory: `${settings.state}/zone-copies` }),
		wire: pulse.watch(createWire()),
		http,
		mailer: pulse.watch(createMailer()),
		programs,
		clock,
		random,
		log,
	};
	const { createPublisher } = await import("./publishing/publisher.ts");
	const { createTurns } = await import("./publishing/turns.ts");
	const turns = createTurns(async (account, signal) => lockAccount(settings.state, account, signal));
	const providers = new Map<string, DnsProvider>();
	for (const { name, type, settings: own } of settings.providers) {
		const provider = await (await providerType(type, configPath))?.create({ ...tools, name, settings: own });
		if (provider === undefined) throw new KeyturnError("bug", `provider type ${type} is not registered`);
		providers.set(
			name,
			createPublisher({ provider, turns, clock, random, log, authorities: tools.authorities }),
		);
	}
	const sinks = await Promise.all(
		settings.alerts.map((alert, index) => joinSink(alert, settings.alerts, index, tools)),
	);
	const { pre, after } = await joinHooks(settings.hooks);
	return { providers, sinks: [...sinks, ...after], pre };
}

type Outside = Pick<AgentPorts, "providers" | "sinks" | "pre">;

/** Where metrics are asked for, what goes to DNS, providers and alerts is counted. */
async function counting(
	{ metrics }: Settings,
	outside: Outside,
): Promise<Outside & Pick<AgentPorts, "propagation">> {
	if (metrics.textfile === null && metrics.listen === null) return { ...outside, propagation };
	const meters = await openMeters();
	return {
		...outside,
		providers: new Map([...outside.providers].map(([name, port]) => [name, meters.provider(port)])),
		sinks: outside.sinks.map((sink) => meters.sink(sink)),
		propagation: meters.propagation(propagation),
	};
}

/** A secret that is missing must not keep `doctor` from telling the rest. */
async function joinExaminer(outside: () => ReturnType<typeof joinOutside>): Promise<Examiner> {
	const { createMailPolicies } = await import("./system/mail-policies.ts");
	const { createTimeSource } = await import("./system/time-source.ts");
	const ports = {
		resolver: await openResolver(),
		policies: createMailPolicies(),
		timeSource: createTimeSource({ disk, programs: await openPrograms() }),
		disk,
		addresses: publicAddresses(),
	};
	try {
		return { ...ports, providers: (await outside()).providers, unmade: null };
	} catch (thrown) {
		const { message, hint } = asKeyturnError(thrown);
		return { ...ports, providers: new Map(), unmade: { why: message, hint } };
	}
}

/** Everything is read as whoever runs it: root, since what signs is nobody else's to read. */
async function joinInitHost(): Promise<InitHost> {
	const { discoverSigners } = await import("./signers/discovery/discovery.ts");
	const { findZoneOf } = await import("./dns/found-zone.ts");
	const { findTsigKeys } = await import("./system/tsig-keys.ts");
	const { guessProvider } = await import("../providers/guess.ts");
	const { createSystemSockets } = await import("./system/sockets.ts");
	const programs = await openPrograms();
	const resolver = await openResolver();
	const isThere = async (path: string): Promise<boolean> => (await disk.lstat(path)) !== null;
	const runProbe = async (): Promise<never> => {
		throw new KeyturnError("bug", "a signer is only read here");
	};
	return {
		signers: async () =>
			discoverSigners({ disk, programs, outside: programs, sockets: createSystemSockets(), runProbe }),
		mailServer: async () => {
			if (await isThere("/usr/sbin/postfix")) return "postfix";
			return (await isThere("/usr/sbin/exim4")) ? "exim4" : null;
		},
		zoneOf: async (domain) =>
			findZoneOf(domain, { resolver, addresses: publicAddresses(), signal: stopping.signal }),
		guess: guessProvider,
		tsigKeys: async () => findTsigKeys(disk),
		timezone: await systemTimezone(disk),
		isThere,
		copyKey,
		write: writeFirstConfig,
	};
}

async function copyKey(from: string, to: string): Promise<"copied" | "exists"> {
	const { readAccounts } = await import("./signers/accounts.ts");
	const bytes = await disk.read(from, CONFIG_LIMIT_BYTES);
	if (bytes === null) throw new KeyturnError("disk.failed", `${from}: expected a TSIG key, found nothing`);
	const group = (await readAccounts(disk)).groups.find((one) => one.group === "keyturn");
	const owner = { uid: process.geteuid?.() ?? 0, gid: group?.gid ?? process.getegid?.() ?? 0 };
	await disk.makeDirectory(directoryOf(to), 0o755);
	const made = await durableCreate(disk, to, bytes, { mode: 0o640, owner });
	return made === "created" ? "copied" : "exists";
}

/** What keyturn would not read itself is not written. */
async function writeFirstConfig(path: string, text: string): Promise<"written" | "exists"> {
	await settingsOf(path, text);
	await disk.makeDirectory(directoryOf(path), 0o755);
	const made = await durableCreate(disk, path, Buffer.from(text), { mode: 0o644 });
	return made === "created" ? "written" : "exists";
}

/** `provider check` works beside a daemon, and both may be at one account. */
async function lockAccount(state: string, account: string, signal: AbortSignal): Promise<HeldLock> {
	const directory = `${state}/accounts`;
	await disk.makeDirectory(directory, 0o700);
	const path = `${directory}/${hashOf(Buffer.from(account)).slice(0, 16)}.lock`;
	const lock = await takeLock(path, ACCOUNT_LOCK_MS, signal);
	if (lock !== "held") return lock;
	throw new KeyturnError("provider.unreachable", "another keyturn is at work on the same account", {
		retry: true,
		hint: "it is tried again; `provider check` ends by itself",
	});
}

async function joinHooks(
	hooks: Settings["hooks"],
): Promise<{ readonly pre: AgentPorts["pre"]; readonly after: readonly AlertSink[] }> {
	const { createHookSink, createPreHook } = await import("./system/hooks.ts");
	const { timeoutMs } = hooks;
	const programs = await openPrograms();
	const after = (["deploy", "post"] as const).flatMap((phase) =>
		hooks[phase].map((argv, index) => createHookSink({ phase, place: index + 1, argv, timeoutMs, programs })),
	);
	const pre = hooks.pre.map((argv, index) =>
		createPreHook({ phase: "pre", place: index + 1, argv, timeoutMs, programs }),
	);
	return { pre, after };
}

/** As the domain has it that the name belongs to. */
function verifyOf({ policies }: Settings, name: string): VerifyPolicy {
	const own = policies.find(({ domain }) => name.endsWith(`.${domain}`));
	return own?.verify ?? policies[0]?.verify ?? ANY_SERVERS;
}

/** Named by type and place among those of its type: what the outbox remembers across restarts. */
async function joinSink(
	{ type, on, repeatMs, settings }: AlertSettings,
	all: readonly AlertSettings[],
	index: number,
	tools: AlertTools,
): Promise<AlertSink> {
	const place = all.slice(0, index + 1).filter((one) => one.type === type).length;
	const sink = (await ALERT_TYPES[type]?.())?.create(
		{ name: `${type} ${place}`, on, repeatMs, settings },
		tools,
	);
	if (sink === undefined) throw new KeyturnError("bug", `alert type ${type} is not registered`);
	return sink;
}

async function isDaemonAlive(settings: Settings): Promise<boolean> {
	const lockPath = `${settings.state}/daemon.lock`;
	if ((await disk.stat(lockPath)) === null) return false;
	const lock = await takeLock(lockPath, 0, NEVER, "shared");
	if (lock === "held") return true;
	await lock.release();
	return false;
}

function wakeOnSchedule(settings: Settings, onWake: () => void, signal: AbortSignal): void {
	const wake = async (): Promise<void> => {
		const { createWaker } = await import("./system/waker.ts");
		const log = await openLog();
		if (signal.aborted) return;
		const waker = createWaker({ schedules: settings.wake, onWake, log });
		signal.addEventListener("abort", () => void waker.stop(), { once: true });
	};
	// Without it a tick still comes every few minutes.
	wake().catch((thrown: unknown) => terminal.say(`no wake-up calls: ${asKeyturnError(thrown).message}`));
}

/** A bad configuration changes nothing. */
async function reload(configPath: string, bench: Workbench): ReturnType<Workbench["reload"]> {
	try {
		const settings = await readSettings(configPath);
		if (settings.state !== bench.settings.state)
			return {
				fault: `${configPath}: state: expected ${bench.settings.state} until a restart, got ${settings.state}`,
			};
		(await bench.agent()).configure(
			settings,
			await counting(settings, await joinOutside(settings, configPath)),
		);
		return { settings };
	} catch (thrown) {
		return { fault: asKeyturnError(thrown).message };
	}
}

/** Its own end is no sign that the agent gets on. */
async function notify(words: readonly string[]): Promise<void> {
	if (process.env["NOTIFY_SOCKET"] === undefined) return;
	const env = { NOTIFY_SOCKET: process.env["NOTIFY_SOCKET"] };
	await (await openUnwatchedPrograms())
		.run({ argv: ["/usr/bin/systemd-notify", ...words], timeoutMs: 5000, env }, NEVER)
		.catch(async (thrown: unknown) =>
			(await openLog()).debug("not notified", { error: asKeyturnError(thrown) }),
		);
}

/** sd_watchdog_enabled(3). The unit leaves a file when its watchdog has ended the daemon. */
function watchdogOf(): Watchdog {
	const { WATCHDOG_USEC, WATCHDOG_PID, STATE_DIRECTORY } = process.env;
	const isOurs = WATCHDOG_PID === undefined || WATCHDOG_PID === String(process.pid);
	const patienceMs = isOurs ? Number(WATCHDOG_USEC ?? 0) / 1000 : 0;
	const left = STATE_DIRECTORY === undefined ? null : `${STATE_DIRECTORY}/hung`;
	return {
		patienceMs: patienceMs > 0 ? patienceMs : null,
		silentMs: () => pulse.silentMs(),
		endedAt: async () => (left === null ? null : ((await disk.lstat(left))?.modifiedAt ?? null)),
		async forget() {
			if (left === null) return;
			await disk.unlink(left);
			await disk.syncDirectory(directoryOf(left));
		},
	};
}

function beside(entry: string): string {
	return new URL(import.meta.url.replace(/main(\.[jt]s)$/, `${entry}$1`)).pathname;
}

function tellError(thrown: unknown): number {
	if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.done : EXIT.usage;
	if (stoppedBy !== null) return SIGNAL_STATUS[stoppedBy];
	const error = asKeyturnError(thrown);
	const isConfig = error.code.startsWith("config.");
	terminal.say(isConfig ? error.message : wrap(`keyturn: ${error.message}`, 79));
	if (error.hint !== null) terminal.say(wrap(`what to do: ${error.hint}`, 79, "  "));
	if (error.code === "bug" && thrown instanceof Error) terminal.say(thrown.stack ?? "");
	if (error.code === "usage" || isConfig) return EXIT.usage;
	return EXIT.failed;
}

/** What goes to a pipe may still be on its way when all is done. */
async function flushed(stream: NodeJS.WriteStream): Promise<void> {
	await new Promise<void>((resolve) => void stream.write("", () => resolve()));
}

function stop(name: keyof typeof SIGNAL_STATUS): void {
	stoppedBy = name;
	stopping.abort();
}

// A reader that went away (`| head`, a closed terminal) must not end a turn in the middle.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
process.on("SIGINT", () => stop("SIGINT"));
process.on("SIGTERM", () => stop("SIGTERM"));
process.on("SIGHUP", () => onHangUp());

/** No await stands outside a function: the built program is a script, which Node can take from its code cache. */
async function main(): Promise<number> {
	let status: number = EXIT.done;
	try {
		const program = createProgram({
			version: VERSION,
			context: contextFor,
			print: (text) => terminal.result(text),
			say: (text) => terminal.say(text),
			ended: (code) => {
				status = code;
			},
		});
		await program.parseAsync(process.argv);
		if (stoppedBy !== null && !isDaemon) status = SIGNAL_STATUS[stoppedBy];
	} catch (thrown) {
		status = tellError(thrown);
	}
	for (const stream of [process.stdout, process.stderr]) await flushed(stream);
	return status;
}

void main().then((status) => process.exit(status));
