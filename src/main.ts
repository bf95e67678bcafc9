/** The agent and the command line: joins adapters to the agent, and sets the exit status. */

import { setMaxListeners } from "node:events";
import { CommanderError } from "commander";
import { type AgentPorts, createAgent } from "./agent/agent.ts";
import { ALERT_TYPES } from "./alerts/registry.ts";
import { createProgram, DEFAULT_CONFIG } from "./cli/program.ts";
import { type CommandContext, EXIT, type Terminal, type Workbench } from "./cli/workbench.ts";
import { plain, wrap } from "./cli/words.ts";
import { createPropagation } from "./dns/propagation.ts";
import { createWireResolver } from "./dns/wire-resolver.ts";
import { asKeyturnError, KeyturnError } from "./errors.ts";
import type { AlertSink } from "./ports/alert-sink.ts";
import type { DnsProvider } from "./ports/dns-provider.ts";
import { formatFaults } from "./settings/faults.ts";
import { namedTypes } from "./settings/named-types.ts";
import { parseSettings } from "./settings/parse-settings.ts";
import type { AlertSettings, Settings } from "./settings/settings.ts";
import { settingsSchema as opendkimSchema } from "./signers/opendkim/settings.ts";
import { createFileStateStore } from "./state/files.ts";
import { createSystemClock } from "./system/clock.ts";
import { createSystemDisk } from "./system/disk.ts";
import { createDoorClient } from "./system/door-client.ts";
import { dropToOwner, shortHostName, systemTimezone } from "./system/identity.ts";
import { createTakeLock } from "./system/lock.ts";
import { createLog } from "./system/log.ts";
import { createSystemPrograms } from "./system/programs.ts";
import { createSystemRandom } from "./system/random.ts";
import { readSystemResolvers } from "./system/resolv-conf.ts";
import { createSecrets } from "./system/secrets.ts";
import { createWire } from "./system/wire.ts";
import { PROVIDER_TYPES, type ProviderTools } from "../providers/registry.ts";

const CONFIG_LIMIT_BYTES = 4 * 1024 * 1024;
const DOOR_SOCKET = "/run/keyturn/apply.sock";
/** A command that looks whether a daemon lives holds its lock for a moment. */
const DAEMON_LOCK_MS = 500;
const NEVER = new AbortController().signal;

const disk = createSystemDisk();
const programs = createSystemPrograms();
const clock = createSystemClock();
const random = createSystemRandom();
const takeLock = createTakeLock(clock);
const secrets = createSecrets({ disk, env: process.env });
const isDaemon = process.argv.includes("run");
const log = createLog({ level: isDaemon ? "info" : "error", destination: isDaemon ? "stdout" : "stderr" });

const stopping = new AbortController();
// A look asks many servers at once, all under this signal; each listener goes with its question.
setMaxListeners(0, stopping.signal);
let stoppedBy: "SIGINT" | "SIGTERM" | null = null;

const terminal: Terminal = {
	result: (text) => void process.stdout.write(`${text}\n`),
	say: (text) => void process.stderr.write(`${text}\n`),
	isLive: process.stderr.isTTY && process.env["TERM"] !== "dumb",
	columns: process.stderr.columns ?? 80,
};

function contextFor(configPath: string): CommandContext {
	return {
		terminal,
		signal: stopping.signal,
		open: () => open(configPath),
		onReload: (listener) => void process.on("SIGHUP", listener),
	};
}

async function open(configPath: string): Promise<Workbench> {
	const settings = await readSettings(configPath);
	await dropToOwner(disk, settings.state);
	const store = createFileStateStore({ directory: settings.state, disk, takeLock, clock });
	const resolver = createWireResolver({
		wire: createWire(),
		random,
		clock,
		systemServers: () => readSystemResolvers(),
	});
	const propagation = createPropagation({ resolver, clock });
	const door = createDoorClient({
		programs,
		disk,
		clock,
		random,
		socketPath: configPath === DEFAULT_CONFIG ? DOOR_SOCKET : null,
		argv: [process.execPath, beside("door"), "--config", configPath],
	});
	let agent: ReturnType<Workbench["agent"]> | null = null;
	const makeAgent: Workbench["agent"] = async () => {
		const { createKeyMaker } = await import("./system/key-maker.ts");
		const { createKeyStore } = await import("./system/key-store.ts");
		const { createMailVerifier } = await import("./system/mail-verifier.ts");
		const keys = createKeyStore({ directory: `${settings.state}/keys`, disk, makeKey: createKeyMaker() });
		const verifier = createMailVerifier();
		const outside = await joinOutside(settings);
		return createAgent(
			{ clock, random, store, keys, propagation, door, verifier, log, ...outside },
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
		log,
		agent: () => (agent ??= makeAgent()),
		daemonAlive: () => isDaemonAlive(settings),
		becomeDaemon: async () =>
			(await takeLock(`${settings.state}/daemon.lock`, DAEMON_LOCK_MS, stopping.signal)) === "held"
				? "held"
				: "ours",
		wakeOnSchedule,
		reload: () => reload(configPath, bench),
		notify,
	};
	return bench;
}

async function readSettings(configPath: string): Promise<Settings> {
	const bytes = await disk.read(configPath, CONFIG_LIMIT_BYTES);
	if (bytes === null)
		throw new KeyturnError("config.unreadable", `${configPath}: expected the configuration, found nothing`, {
			hint: "copy config/keyturn.example.yaml there, or name another file with --config",
		});
	const text = Buffer.from(bytes).toString("utf8");
	const named = namedTypes(text);
	const parsed = parseSettings(text, {
		path: configPath,
		host: shortHostName(),
		timezone: await systemTimezone(disk),
		schemas: {
			signers: { opendkim: opendkimSchema },
			providers: await schemasOf(named.providers, PROVIDER_TYPES),
			alerts: await schemasOf(named.alerts, ALERT_TYPES),
		},
	});
	if ("faults" in parsed) throw new KeyturnError("config.invalid", formatFaults(parsed.faults));
	return parsed.settings;
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
async function joinOutside(settings: Settings): Promise<Pick<AgentPorts, "providers" | "sinks">> {
	const { createHttp } = await import("./system/http.ts");
	const http = createHttp({ clock });
	const tools: ProviderTools = { secrets, wire: createWire(), http, programs, clock, random, log };
	const { createPublisher } = await import("./publishing/publisher.ts");
	const { createTurns } = await import("./publishing/turns.ts");
	const turns = createTurns();
	const providers = new Map<string, DnsProvider>();
	for (const { name, type, settings: own } of settings.providers) {
		const provider = (await PROVIDER_TYPES[type]?.())?.create({ ...tools, name, settings: own });
		if (provider === undefined) throw new KeyturnError("bug", `provider type ${type} is not registered`);
		providers.set(name, createPublisher({ provider, turns, clock, random, log }));
	}
	const sinks = await Promise.all(
		settings.alerts.map((alert, index) => joinSink(alert, settings.alerts, index, http)),
	);
	return { providers, sinks };
}

/** Named by type and place among those of its type: what the outbox remembers across restarts. */
async function joinSink(
	{ type, on, repeatMs, settings }: AlertSettings,
	all: readonly AlertSettings[],
	index: number,
	http: ProviderTools["http"],
): Promise<AlertSink> {
	const place = all.slice(0, index + 1).filter((one) => one.type === type).length;
	const sink = (await ALERT_TYPES[type]?.())?.create(
		{ name: `${type} ${place}`, on: on as AlertSink["on"], repeatMs, settings },
		{ http, programs, clock, secrets },
	);
	if (sink === undefined) throw new KeyturnError("bug", `alert type ${type} is not registered`);
	return sink;
}

async function isDaemonAlive(settings: Settings): Promise<boolean> {
	const lockPath = `${settings.state}/daemon.lock`;
	if ((await disk.stat(lockPath)) === null) return false;
	const lock = await takeLock(lockPath, 0, NEVER);
	if (lock === "held") return true;
	await lock.release();
	return false;
}

function wakeOnSchedule(settings: Settings, onWake: () => void, signal: AbortSignal): void {
	void import("./system/waker.ts").then(({ createWaker }) => {
		if (signal.aborted) return;
		const waker = createWaker({ schedules: settings.wake, onWake, log });
		signal.addEventListener("abort", () => void waker.stop(), { once: true });
	});
}

/** A bad configuration changes nothing. */
async function reload(configPath: string, bench: Workbench): ReturnType<Workbench["reload"]> {
	try {
		const settings = await readSettings(configPath);
		if (settings.state !== bench.settings.state)
			return {
				fault: `${configPath}: state: expected ${bench.settings.state} until a restart, got ${settings.state}`,
			};
		(await bench.agent()).configure(settings, await joinOutside(settings));
		return { settings };
	} catch (thrown) {
		return { fault: asKeyturnError(thrown).message };
	}
}

async function notify(words: readonly string[]): Promise<void> {
	if (process.env["NOTIFY_SOCKET"] === undefined) return;
	const env = { NOTIFY_SOCKET: process.env["NOTIFY_SOCKET"] };
	await programs
		.run({ argv: ["/usr/bin/systemd-notify", ...words], timeoutMs: 5000, env }, NEVER)
		.catch((thrown: unknown) => log.debug("not notified", { error: asKeyturnError(thrown) }));
}

function beside(entry: string): string {
	return new URL(import.meta.url.replace(/main(\.[jt]s)$/, `${entry}$1`)).pathname;
}

function tellError(thrown: unknown): number {
	if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.done : EXIT.usage;
	if (stoppedBy !== null) return stoppedBy === "SIGINT" ? 130 : 143;
	const error = asKeyturnError(thrown);
	const isConfig = error.code.startsWith("config.");
	terminal.say(isConfig ? error.message : wrap(`keyturn: ${error.message}`, 79));
	if (error.hint !== null) terminal.say(wrap(`what to do: ${plain(error.hint)}`, 79, "  "));
	if (error.code === "bug" && thrown instanceof Error) terminal.say(thrown.stack ?? "");
	if (error.code === "usage" || isConfig) return EXIT.usage;
	return EXIT.failed;
}

for (const name of ["SIGINT", "SIGTERM"] as const)
	process.on(name, () => {
		stoppedBy = name;
		stopping.abort();
	});
if (!isDaemon) process.on("SIGHUP", () => stopping.abort());

let status: number = EXIT.done;
try {
	const program = createProgram({
		version: "0.1.0",
		context: contextFor,
		ended: (code) => {
			status = code;
		},
	});
	await program.parseAsync(process.argv);
	if (stoppedBy !== null && !isDaemon) status = stoppedBy === "SIGINT" ? 130 : 143;
} catch (thrown) {
	status = tellError(thrown);
}
process.exit(status);
