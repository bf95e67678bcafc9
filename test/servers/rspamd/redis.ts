/** A real Redis for a test, on a unix socket only, as the door reaches it. */

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type Program, startProgram } from "../program.ts";

const SERVER = "/usr/bin/redis-server";
const CLIENT = "/usr/bin/redis-cli";
export const hasRedis = existsSync(SERVER) && existsSync(CLIENT);

export interface RedisServer {
	readonly socket: string;
	/** What its own client makes of a command; `input` is the last word. */
	ask(words: readonly string[], input?: string): string;
	stop(): Promise<void>;
}

export async function startRedis(): Promise<RedisServer> {
	const directory = await mkdtemp("/var/lib/keyturn-redis-");
	onTestFinished(() => rm(directory, { recursive: true, force: true }));
	await chmod(directory, 0o755);
	const socket = join(directory, "redis.sock");
	const ask = (words: readonly string[], input?: string) =>
		execFileSync(CLIENT, ["-s", socket, ...(input === undefined ? [] : ["-x"]), ...words], {
			encoding: "utf8",
			input: input ?? "",
			stdio: ["pipe", "pipe", "ignore"],
		}).trim();
	const options = ["--port", "0", "--unixsocket", socket, "--unixsocketperm", "777"];
	const program: Program = await startProgram(SERVER, [...options, "--save", "", "--dir", directory], {
		log: join(directory, "log"),
		cwd: directory,
		ready: async () => {
			try {
				return ask(["PING"]) === "PONG";
			} catch {
				return false;
			}
		},
	});
	onTestFinished(program.stop);
	return { socket, ask, stop: program.stop };
}
