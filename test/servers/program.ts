/** Starts a real server for a test: in a directory of its own, on free loopback ports, stopped by its pid. */

import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export interface Program {
	readonly pid: number;
	signal(name: "SIGTERM" | "SIGKILL" | "SIGHUP" | "SIGSTOP" | "SIGCONT"): void;
	/** Can be repeated; removes nothing. */
	readonly stop: () => Promise<void>;
}

export interface StartedServer {
	readonly address: string;
	readonly port: number;
	readonly directory: string;
	readonly log: string;
	/** Stops answering without closing its port, as a dead host would; and again. */
	freeze(): void;
	thaw(): void;
	/** Can be repeated; removes its directory. */
	readonly stop: () => Promise<void>;
}

/** A directory for one server's files; whoever made it removes it. */
export async function makeDirectory(name: string): Promise<string> {
	return mkdtemp(join(tmpdir(), `keyturn-${name}-`));
}

export async function removeDirectory(path: string): Promise<void> {
	await rm(path, { recursive: true, force: true });
}

/** A port that is free for UDP and TCP on `address` at this moment. */
export async function freePort(address = "127.0.0.1"): Promise<number> {
	for (let attempt = 0; attempt < 50; attempt++) {
		const port = await freeTcpPort(address);
		if (await isUdpFree(address, port)) return port;
	}
	throw new Error(`no port free for UDP and TCP on ${address}`);
}

/** Runs until stopped; standard output and error go to `log`. Waits until `ready` says yes, fails if the program ends before. */
export async function startProgram(
	command: string,
	args: readonly string[],
	options: { readonly log: string; readonly cwd: string; readonly ready: () => Promise<boolean> },
): Promise<Program> {
	const out = openSync(options.log, "a");
	const child = spawn(command, args, { cwd: options.cwd, stdio: ["ignore", out, out] });
	closeSync(out);
	const ended = once(child, "exit");
	await once(child, "spawn");
	const program: Program = {
		pid: child.pid ?? 0,
		signal: (name) => child.kill(name),
		stop: async () => {
			if (child.exitCode !== null || child.signalCode !== null) return;
			child.kill("SIGCONT");
			child.kill("SIGTERM");
			const killer = setTimeout(() => child.kill("SIGKILL"), 5_000);
			await ended;
			clearTimeout(killer);
		},
	};
	try {
		await waitUntil(`${command} to answer`, async () => {
			if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${command} ended`);
			return options.ready();
		});
	} catch (thrown) {
		await program.stop();
		const log = await readFile(options.log, "utf8").catch(() => "");
		throw new Error(`${command} did not start:\n${log.slice(-4_000)}`, { cause: thrown });
	}
	return program;
}

/** proc(5): the state stands behind the name. It throws where the process is gone. */
function isStopped(pid: number): boolean {
	const states = readdirSync(`/proc/${pid}/task`).map((thread) =>
		readFileSync(`/proc/${pid}/task/${thread}/stat`, "latin1")
			.replace(/^.*\) /s, "")
			.slice(0, 1),
	);
	return states.every((state) => state === "T");
}

/** Starts a name server whose files lie in a directory of its own; the directory goes with it, also if it does not start. */
export async function startServer(
	place: { readonly address: string; readonly port: number; readonly directory: string },
	command: string,
	args: readonly string[],
	ready: () => Promise<boolean>,
): Promise<StartedServer> {
	const { directory } = place;
	const log = join(directory, "log");
	const program = await startProgram(command, args, { log, cwd: directory, ready }).catch(
		async (thrown: unknown) => {
			await removeDirectory(directory);
			throw thrown;
		},
	);
	return {
		...place,
		log,
		freeze: () => {
			program.signal("SIGSTOP");
			// Its threads stop one after the other: one of them would go on to answer.
			while (!isStopped(program.pid));
		},
		thaw: () => program.signal("SIGCONT"),
		stop: async () => {
			await program.stop();
			await removeDirectory(directory);
		},
	};
}

/** Polls a state until it is there; fails after `timeoutMs`. */
export async function waitUntil(
	what: string,
	check: () => Promise<boolean> | boolean,
	timeoutMs = 20_000,
): Promise<void> {
	const end = performance.now() + timeoutMs;
	while (!(await check())) {
		if (performance.now() > end) throw new Error(`waited ${timeoutMs} ms for ${what}`);
		await delay(25);
	}
}

async function freeTcpPort(address: string): Promise<number> {
	const server = createServer();
	server.listen(0, address);
	await once(server, "listening");
	const bound = server.address();
	server.close();
	await once(server, "close");
	if (bound === null || typeof bound === "string") throw new Error("no TCP port");
	return bound.port;
}

async function isUdpFree(address: string, port: number): Promise<boolean> {
	const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
	try {
		socket.bind(port, address);
		await once(socket, "listening");
		return true;
	} catch {
		return false;
	} finally {
		socket.close();
	}
}
