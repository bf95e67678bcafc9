/** Speaks Redis' protocol (RESP 2) over a connection to its socket: one command, one reply, and a transaction of several. */

import { excerpt } from "../../dkim/foreign-text.ts";
import { KeyturnError } from "../../errors.ts";
import type { Connection, Sockets } from "../../ports/sockets.ts";

export type Reply = string | number | null | readonly Reply[];

export interface Redis {
	/** Fails with `signer.config` on what Redis refuses; never repeats the command, which may hold a key. */
	ask(...words: readonly string[]): Promise<Reply>;
	/** All of them at once; "changed" if what was watched was changed meanwhile: then none. */
	atOnce(commands: readonly (readonly string[])[]): Promise<"done" | "changed">;
}

export interface RedisPlace {
	/** Of its unix socket: the door has no network. */
	readonly socket: string;
	readonly database: number;
	readonly password: string | null;
}

/** The connection lives as long as `use`. */
export async function withRedis<T>(
	sockets: Sockets,
	{ socket, database, password }: RedisPlace,
	use: (redis: Redis) => Promise<T>,
): Promise<T> {
	const signal = NEVER;
	const connection = await connect(sockets, socket);
	try {
		const redis = speak(connection, socket, signal);
		if (password !== null) await redis.ask("AUTH", password);
		if (database !== 0) await redis.ask("SELECT", String(database));
		return await use(redis);
	} finally {
		connection.close();
	}
}

const NEVER = new AbortController().signal;
const LINE_LIMIT = 64 * 1024;
const TEXT_LIMIT = 1024 * 1024;
const LIST_LIMIT = 1_000_000;

async function connect(sockets: Sockets, socket: string): Promise<Connection> {
	try {
		return await sockets.connect({ kind: "unix", path: socket }, NEVER);
	} catch (cause) {
		throw new KeyturnError("signer.config", `redis does not answer at ${socket}`, {
			cause,
			retry: true,
			hint: "redis.conf has to have `unixsocket` with this path; the door reaches nothing by TCP.",
		});
	}
}

function speak(connection: Connection, name: string, signal: AbortSignal): Redis {
	const ask = async (...words: readonly string[]): Promise<Reply> => {
		await connection.write(commandOf(words));
		return readReply(connection, name, signal);
	};
	return {
		ask,
		atOnce: async (commands) => {
			await ask("MULTI");
			for (const words of commands) await ask(...words);
			return (await ask("EXEC")) === null ? "changed" : "done";
		},
	};
}

function commandOf(words: readonly string[]): Uint8Array {
	const parts = words.map((word) => `$${Buffer.byteLength(word, "latin1")}\r\n${word}\r\n`);
	return Buffer.from(`*${words.length}\r\n${parts.join("")}`, "latin1");
}

async function readReply(connection: Connection, name: string, signal: AbortSignal): Promise<Reply> {
	const line = (await connection.readLine(LINE_LIMIT, signal)).replace(/\r?\n$/, "");
	const rest = line.slice(1);
	switch (line.charAt(0)) {
		case "+":
			return rest;
		case "-":
			// Of a command that it does not know it repeats the arguments.
			throw new KeyturnError(
				"signer.config",
				`redis at ${name} says: ${excerpt(rest.replace(/,? with args.*$/s, ""), 200)}`,
			);
		case ":":
			return Number(rest);
		case "$":
			return readText(connection, Number(rest), name, signal);
		case "*":
			return readList(connection, Number(rest), name, signal);
		default:
			throw notRedis(name, line);
	}
}

async function readText(
	connection: Connection,
	length: number,
	name: string,
	signal: AbortSignal,
): Promise<string | null> {
	if (length === -1) return null;
	if (!(length >= 0 && length <= TEXT_LIMIT)) throw notRedis(name, `a text of ${length} bytes`);
	const bytes = await connection.read(length + 2, signal);
	return Buffer.from(bytes.subarray(0, length)).toString("latin1");
}

async function readList(
	connection: Connection,
	length: number,
	name: string,
	signal: AbortSignal,
): Promise<readonly Reply[] | null> {
	if (length === -1) return null;
	if (!(length >= 0 && length <= LIST_LIMIT)) throw notRedis(name, `a list of ${length}`);
	const items: Reply[] = [];
	while (items.length < length) items.push(await readReply(connection, name, signal));
	return items;
}

function notRedis(name: string, got: string): KeyturnError {
	return new KeyturnError("signer.config", `${name}: expected redis, got ${excerpt(got, 100)}`);
}
