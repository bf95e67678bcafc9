/** The agent and the command line: joins adapters to the agent, and sets the exit status. */

import { setMaxListeners } from "node:events";
import { resolve } from "node:path";
import { CommanderError } from "commander";
import { createProgram, DEFAULT_CONFIG } from "./cli/program.ts";
import { sentence } from "./cli/sentence.ts";
import { type CommandContext, EXIT, type Terminal, type Workbench } from "./cli/workbench.ts";
import { directoryOf, durableReplace } from "./durable.ts";
import { asKeyturnError } from "./errors.ts";
import { createConfiguration } from "./joining/configuration.ts";
import { heldCredentials, outsideTheUnit, type RunningCommand } from "./joining/credentials.ts";
import { joinInitHost } from "./joining/init-host.ts";
import { createMachine, once } from "./joining/machine.ts";
import {
	counting,
	joinExaminer,
	joinOutside,
	joinProviders,
	joinSinks,
	type OutsideGiven,
} from "./joining/outside.ts";
import { daemonStart, notify, watchdogOf } from "./joining/supervision.ts";
import type { Door } from "./ports/door.ts";
import { plain, wrap } from "./report/words.ts";
import type { Settings } from "./settings/settings.ts";
import { createFileStateStore } from "./state/files.ts";
import { dropToOwner } from "./system/identity.ts";
import type { SecretsOptions } from "./system/secrets.ts";

const DOOR_SOCKET = "/run/keyturn/apply.sock";
/** A command that looks whether a daemon lives holds its lock for a moment, beside others who look. */
const DAEMON_LOCK_MS = 500;
const NEVER = new AbortController().signal;
const VERSION = "0.1.0";

const machine = createMachine(() => isDaemon);
const { clock, disk, pulse, random, takeLock } = machine;
const configuration = createConfiguration(
	machine,
	directoryOf(beside("main")).replace(/(?:\/dist)?\/src$/, ""),
);

// A look asks many servers at once under the one signal of its tick; each listener goes with its question.
setMaxListeners(0);
const stopping = new AbortController();

/** 128 and the signal's number: what a shell gives for a command that a signal ended. */
const SIGNAL_STATUS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
let stoppedBy: keyof typeof SIGNAL_STATUS | null = null;
let isDaemon = false;
let onHangUp = (): void => stop("SIGHUP");

const unread = new AbortController();

const terminal: Terminal = {
	result: (text) => void process.stdout.write(`${plain(text)}\n`),
	say: (text) => void process.stderr.write(`${plain(text)}\n`),
	draw: (text) => void process.stderr.write(text),
	unread: unread.signal,
	isLive: process.stderr.isTTY && process.env["TERM"] !== "dumb",
	isShown: process.stdout.isTTY,
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
		addDomain: (asked, { isTried }) => configuration.addDomain(resolve(configPath), asked, isTried),
		surroundings: async () => ({
			host: await joinInitHost({
				machine,
				configuration,
				owner: { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 },
				signal: stopping.signal,
			}),
			path: resolve(configPath),
			prompt: (await import("./system/prompt.ts")).createPrompt(stopping.signal),
		}),
		onReload: (listener) => {
			onHangUp = listener;
		},
	};
}

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

async function open(configPath: string): Promise<Workbench> {
	const settings = await configuration.read(configPath);
	// Before root goes on as the owner of a directory that the file names: then he would be trusted with the file.
	await configuration.mustBeSafe(configPath, process.geteuid?.() ?? 0);
	const held = await heldCredentials(machine, settings, {
		env: process.env,
		isRoot: process.geteuid?.() === 0,
	});
	await dropToOwner(disk, settings.state);
	const store = createFileStateStore({ directory: settings.state, disk, takeLock, clock });
	const openDoor = once(() => joinDoor(configPath));
	const door: Door = { request: async (request, signal) => (await openDoor()).request(request, signal) };
	const given = once(() => outsideGiven(settings, held));
	const outside = once(async () => joinOutside(await given(), settings, configPath));
	const makeAgent: Workbench["agent"] = async () => {
		const { createAgent } = await import("./agent/agent.ts");
		const { createKeyMaker } = await import("./system/key-maker.ts");
		const { createKeyStore } = await import("./system/key-store.ts");
		const { createMailVerifier } = await import("./system/mail-verifier.ts");
		const { createPrivateShelf } = await import("./system/private-shelf.ts");
		const keys = createKeyStore({ directory: `${settings.state}/keys`, disk, makeKey: createKeyMaker() });
		const verifier = createMailVerifier();
		const shelf = createPrivateShelf(disk);
		const log = await machine.log();
		return createAgent(
			{
				clock,
				random,
				store,
				keys,
				shelf,
				door,
				verifier,
				log,
				...(await counting(machine, settings, await outside())),
			},
			settings,
		);
	};
	const bench: Workbench = {
		settings,
		store,
		door,
		propagation: machine.propagation,
		clock,
		random,
		log: machine.log,
		examiner: async () =>
			joinExaminer(machine, {
				providers: async () => joinProviders(await given(), settings, configPath),
				sinks: async () => joinSinks(await given(), settings),
			}),
		agent: once(makeAgent),
		sinks: async () => (await outside()).sinks,
		daemonAlive: () => isDaemonAlive(settings),
		daemonStart: () => daemonStart(disk),
		becomeDaemon: async () =>
			(await takeLock(`${settings.state}/daemon.lock`, DAEMON_LOCK_MS, stopping.signal)) === "held"
				? "held"
				: "ours",
		wakeOnSchedule,
		reload: () => reload(configPath, bench, held),
		notify: async (words) => notify(machine, process.env, words),
		watchdog: watchdogOf(machine, process.env, process.pid),
		replaceShared: async (path, text) =>
			durableReplace(disk, resolve(path), Buffer.from(text), { mode: 0o644 }),
		serveLocally,
		meters: machine.meters,
		versions: { keyturn: VERSION, node: process.versions.node },
	};
	return bench;
}

async function outsideGiven(settings: Settings, held: SecretsOptions["held"]): Promise<OutsideGiven> {
	const outside = await outsideTheUnit(machine, settings, ourselves(), held);
	const secrets = { env: process.env, held, outside };
	return { machine, configuration, secrets, uid: process.getuid?.() ?? 0 };
}

/** As it was started, should it have to be run again elsewhere. */
function ourselves(): RunningCommand {
	return {
		argv: [process.execPath, ...process.execArgv, ...process.argv.slice(1)],
		directory: currentDirectory(),
		env: process.env,
		isDaemon,
		signal: stopping.signal,
		stoppedBy: () => stoppedBy,
		flush: flushAll,
		end: (status) => process.exit(stoppedBy === null ? status : SIGNAL_STATUS[stoppedBy]),
	};
}

/** One that was removed since, as by an upgrade, is none to run anything in. */
function currentDirectory(): string {
	try {
		return process.cwd();
	} catch {
		return "/";
	}
}

async function joinDoor(configPath: string): Promise<Door> {
	const { createDoorClient } = await import("./system/door-client.ts");
	const client = createDoorClient({
		programs: await machine.programs(),
		disk,
		clock,
		random,
		socketPath: configPath === DEFAULT_CONFIG ? DOOR_SOCKET : null,
		argv: [process.execPath, beside("door"), "--config", configPath],
	});
	return pulse.bear(client);
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
		const log = await machine.log();
		if (signal.aborted) return;
		const waker = createWaker({ schedules: settings.wake, onWake, log });
		signal.addEventListener("abort", () => void waker.stop(), { once: true });
	};
	// Without it a tick still comes every few minutes.
	wake().catch((thrown: unknown) => terminal.say(`no wake-up calls: ${asKeyturnError(thrown).message}`));
}

/** A bad configuration changes nothing. */
async function reload(
	configPath: string,
	bench: Workbench,
	held: SecretsOptions["held"],
): ReturnType<Workbench["reload"]> {
	try {
		const settings = await configuration.read(configPath);
		await configuration.mustBeSafe(configPath, process.geteuid?.() ?? 0);
		if (settings.state !== bench.settings.state)
			return {
				fault: `${configPath}: state: expected ${bench.settings.state} until a restart, got ${settings.state}`,
			};
		(await bench.agent()).configure(
			settings,
			await counting(
				machine,
				settings,
				await joinOutside(await outsideGiven(settings, held), settings, configPath),
			),
		);
		return { settings };
	} catch (thrown) {
		return { fault: asKeyturnError(thrown).message };
	}
}

function beside(entry: string): string {
	return new URL(import.meta.url.replace(/main(\.[jt]s)$/, `${entry}$1`)).pathname;
}

function tellError(thrown: unknown): number {
	if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.done : EXIT.usage;
	if (stoppedBy !== null) return SIGNAL_STATUS[stoppedBy];
	const error = asKeyturnError(thrown);
	const isConfig = error.code.startsWith("config.");
	// Faults of the file stand in lines of their own already, with the file's.
	if (isConfig && error.message.includes("\n")) terminal.say(error.message);
	else if (isConfig) terminal.say(sentence(terminal.isLive, error.message));
	else terminal.say(wrap(`keyturn: ${error.message}`, 79));
	if (error.hint !== null) terminal.say(wrap(`what to do: ${error.hint}`, 79, "  "));
	if (error.code === "bug" && thrown instanceof Error) terminal.say(thrown.stack ?? "");
	if (error.code === "usage" || isConfig) return EXIT.usage;
	return EXIT.failed;
}

/** What goes to a pipe may still be on its way when all is done. */
async function flushAll(): Promise<void> {
	for (const stream of [process.stdout, process.stderr])
		await new Promise<void>((resolve) => void stream.write("", () => resolve()));
}

function stop(name: keyof typeof SIGNAL_STATUS): void {
	stoppedBy = name;
	stopping.abort();
}

// A reader that went away (`| head`, a closed terminal) must not end a turn in the middle.
process.stderr.on("error", () => undefined);
process.stdout.on("error", (error: NodeJS.ErrnoException) => unread.abort(error));
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
	await flushAll();
	return status === EXIT.done && !isDaemon ? statusOfResult() : status;
}

/** Who reads no further has enough; what a full disk did not take is missing in the file. */
function statusOfResult(): number {
	const error = unread.signal.reason as NodeJS.ErrnoException | undefined;
	if (error === undefined || error.code === "EPIPE") return EXIT.done;
	terminal.say(`keyturn: the result could not be written whole: ${error.message}`);
	return EXIT.failed;
}

void main().then((status) => process.exit(status));
