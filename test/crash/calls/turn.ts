/**
 * One `keyturn rotate --now` of the built program, its agent and each of its doors under strace of its own, so that a call of
 * one of them can be struck. Keys, ids and the order of the file calls (one thread makes them) are the same in every turn.
 */

import { spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CliHost, Outcome } from "../../servers/cli/cli-host.ts";
import { waitUntil } from "../../servers/program.ts";
import { type Call, TRACED } from "./call.ts";
import { settled } from "./processes.ts";

const PROGRAM = join(import.meta.dirname, "../../../dist/src/main.js");
const AGENT = "agent";
const TURN = ["rotate", "--now", "--no-wait"];

/** What befalls a call, as strace's `inject` says it. */
export type Blow = "signal=SIGKILL" | `error=${string}` | `delay_enter=${number}` | `delay_exit=${number}`;

export interface Turn {
	/** Runs it; every call is logged, or one of them struck. `meanwhile` is done while a call is delayed, and ends the turn. */
	run(strike?: Struck, meanwhile?: () => Promise<void>): Promise<Ended>;
	/** Another command, untouched, with ids of its own; the same key as in the turn unless `isNext`. */
	command(args: readonly string[], isNext?: boolean): Promise<Outcome>;
	/** What strace wrote of a process in the last turn. */
	log(process: string): Promise<string>;
	/** The processes of the last turn that were traced, in the order in which they began. */
	processes(): Promise<readonly string[]>;
}

export interface Struck {
	readonly call: Call;
	readonly blow: Blow;
}

export interface Ended extends Outcome {
	/** Whether strace came to the call. */
	readonly isStruck: boolean;
}

/** `place` is where its papers lie: outside of what the turn changes. */
export async function prepareTurn(host: CliHost, place: string): Promise<Turn> {
	await mkdir(place, { recursive: true });
	const launcher = join(place, "node");
	const preload = join(place, "preload.cjs");
	await writeFile(launcher, LAUNCHER.replaceAll("@place", place).replaceAll("@node", process.execPath));
	await chmod(launcher, 0o755);
	await writeFile(preload, preloadText());
	const env = { NODE_OPTIONS: `--require=${preload}`, KEYTURN_IDS: "turn", KEYTURN_KEY: "0" };
	let commands = 0;
	const logOf = (name: string): string => join(place, `${name.replace(" ", ".")}.log`);
	const scriptOf = (name: string): string => join(place, `${name.replace(" ", ".")}.sh`);
	return {
		async run(strike, meanwhile) {
			for (const name of await readdir(place))
				if (/\.(?:log|sh)$|^doors$/.test(name)) await rm(join(place, name));
			const struck = strike?.call.process ?? null;
			for (const name of DOORS) {
				const strace = straceOf(name, strike, logOf(name));
				if (strace.length > 0)
					await writeFile(scriptOf(name), `exec ${strace.join(" ")} ${process.execPath} "$@"\n`);
			}
			const strace = straceOf(AGENT, strike, logOf(AGENT));
			const running = runAgent(host, [...strace, process.execPath], TURN, {
				...env,
				KEYTURN_DOORS: launcher,
			});
			if (strike !== undefined && meanwhile !== undefined && (await comesTo(strike, logOf, running)))
				await meanwhile();
			const ended = await running;
			await settled(host);
			const log = struck === null ? "" : await readFile(logOf(struck), "utf8").catch(() => "");
			return { ...ended, isStruck: /killed by SIGKILL|\(INJECTED\)|\(DELAYED\)/.test(log) };
		},
		command: async (args, isNext = false) => {
			commands += 1;
			const own = { ...env, KEYTURN_IDS: `command ${commands}`, KEYTURN_KEY: isNext ? "1" : "0" };
			return runAgent(host, [process.execPath], args, own);
		},
		log: (name) => readFile(logOf(name), "utf8").catch(() => ""),
		processes: async () => {
			const names = await readdir(place);
			return [AGENT, ...DOORS].filter((name) => names.includes(`${name.replace(" ", ".")}.log`));
		},
	};
}

/** Whether the turn stands still at the call; it may end before. */
async function comesTo(
	{ call, blow }: Struck,
	logOf: (name: string) => string,
	running: Promise<unknown>,
): Promise<boolean> {
	let hasEnded = false;
	void running.then(() => (hasEnded = true));
	const isThere = async (): Promise<boolean> => {
		const log = await readFile(logOf(call.process), "utf8").catch(() => "");
		if (blow.startsWith("delay_exit")) return log.includes("(DELAYED)");
		return log.split(` ${call.name}(`).length > call.ordinal;
	};
	await waitUntil("the turn to come to its call", async () => hasEnded || (await isThere()), 120_000);
	return !hasEnded;
}

const DOORS = Array.from({ length: 9 }, (_, index) => `door ${index + 1}`);

function straceOf(name: string, strike: Struck | undefined, log: string): readonly string[] {
	const base = ["strace", "-f", "-b", "execve", "-q", "-y", "-s", "48", "-o", log];
	if (strike === undefined) return [...base, "-e", `trace=${TRACED}`];
	const { call, blow } = strike;
	if (call.process !== name) return [];
	const only = call.path === null ? [] : ["-P", call.path];
	return [
		...base,
		"-e",
		`trace=${call.name}`,
		...only,
		"-e",
		`inject=${call.name}:${blow}:when=${call.ordinal}`,
	];
}

async function runAgent(
	host: CliHost,
	[program, ...before]: readonly string[],
	args: readonly string[],
	env: Readonly<Record<string, string>>,
): Promise<Outcome> {
	const child = spawn(program ?? "", [...before, PROGRAM, "--config", host.configPath, ...args], {
		env: { PATH: process.env["PATH"] ?? "", LANG: "C.UTF-8", TZ: "UTC", UV_THREADPOOL_SIZE: "1", ...env },
		stdio: ["ignore", "pipe", "pipe"],
	});
	let stdout = "";
	let stderr = "";
	child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
	child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
	await once(child, "exit");
	return { code: child.exitCode, signal: child.signalCode, stdout, stderr };
}

/** In place of Node, where the agent starts a door: the door itself is the program that was built. */
const LAUNCHER = `#!/bin/sh
export UV_THREADPOOL_SIZE=1
count=$(cat @place/doors 2>/dev/null || echo 0)
count=$((count + 1))
echo $count >@place/doors
[ -e @place/door.$count.sh ] && . @place/door.$count.sh
exec @node "$@"
`;

/** Read by the agent before its program: its keys and ids are known, and its doors are started by the launcher. */
function preloadText(): string {
	const key = () =>
		generateKeyPairSync("rsa", {
			modulusLength: 2048,
			privateKeyEncoding: { format: "pem", type: "pkcs8" },
			publicKeyEncoding: { format: "pem", type: "spki" },
		});
	return `
const crypto = require("node:crypto");
const keys = ${JSON.stringify([key(), key()])};
const { KEYTURN_DOORS: launcher, KEYTURN_IDS: ids, KEYTURN_KEY: key } = process.env;
if (launcher !== undefined) process.execPath = launcher;
let drawn = 0;
crypto.randomBytes = (outputLength) => crypto.createHash("shake256", { outputLength }).update(ids + drawn++).digest();
crypto.generateKeyPair = (_type, _options, done) => setImmediate(done, null, keys[key].publicKey, keys[key].privateKey);
`;
}
