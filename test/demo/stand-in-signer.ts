/** Stands in for OpenDKIM: a milter on a socket that signs by the tables read at its start, and the program's offline signing. */

import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import type { Clock } from "../../src/ports/clock.ts";
import type { ProgramResult, Programs } from "../../src/ports/programs.ts";
import { insertHeader, packet } from "../fakes/milter-filter.ts";
import { loadTables, signBy, type Tables } from "./table-signer.ts";

export interface StandInSigner {
	/** Reads the tables and takes connections; fails if it cannot read them. */
	start(): Promise<void>;
	/** Resolves when nobody is served any more. */
	stop(): Promise<void>;
}

export function createStandInSigner(given: {
	readonly configPath: string;
	readonly socketPath: string;
	readonly clock: Clock;
}): StandInSigner {
	let ends: (() => Promise<void>) | null = null;
	return {
		async start() {
			const tables = await loadTables(given.configPath);
			ends ??= await serve(given.socketPath, (message) => answerEnd(tables, message, given.clock));
		},
		async stop() {
			await ends?.();
			ends = null;
		},
	};
}

/** `opendkim -n` and `opendkim -b s -t -`, as far as keyturn uses them. */
export function createStandInProgram(clock: Clock): Programs {
	return {
		async run({ argv, input }) {
			const configPath = argv[argv.indexOf("-x") + 1] ?? "";
			try {
				const tables = await loadTables(configPath);
				if (argv.includes("-n")) return ended(0, "", "");
				const signed = await signBy(tables, Buffer.from(input ?? "").toString("utf8"), clock.now());
				return signed === null
					? ended(1, "", "no signing table line matches")
					: ended(0, `opendkim: (stdin):\n${signed.field}`, "");
			} catch (thrown) {
				return ended(1, "", String(thrown));
			}
		},
	};
}

function ended(status: number, stdout: string, stderr: string): ProgramResult {
	return { status, signal: null, stdout, stderr };
}

type Answer = readonly Uint8Array[];

async function serve(
	socketPath: string,
	atEnd: (message: string) => Promise<Answer>,
): Promise<() => Promise<void>> {
	const open = new Set<Socket>();
	const server = createServer((socket) => {
		open.add(socket);
		socket.on("close", () => open.delete(socket)).on("error", () => socket.destroy());
		void talk(socket, atEnd).catch(() => socket.destroy());
	});
	server.listen(socketPath);
	await once(server, "listening");
	return async () => {
		for (const socket of open) socket.destroy();
		server.close();
		await once(server, "close");
	};
}

/** The filter's side of the milter protocol: everything is heard, and answered at the end of the message. */
async function talk(socket: Socket, atEnd: (message: string) => Promise<Answer>): Promise<void> {
	let unread = Buffer.alloc(0);
	let headers = "";
	let body = "";
	for await (const chunk of socket as AsyncIterable<Buffer>) {
		unread = Buffer.concat([unread, chunk]);
		while (unread.length >= 4 && unread.length >= 4 + unread.readUInt32BE(0)) {
			const end = 4 + unread.readUInt32BE(0);
			const command = unread.toString("latin1", 4, 5);
			const data = unread.toString("utf8", 5, end);
			unread = unread.subarray(end);
			if (command === "Q") {
				socket.end();
				return;
			}
			if (command === "L") headers += `${data.split("\0").slice(0, 2).join(": ")}\r\n`;
			if (command === "B") body += data;
			for (const answer of await answersTo(command, () => atEnd(`${headers}\r\n${body}`)))
				socket.write(answer);
		}
	}
}

async function answersTo(command: string, atEnd: () => Promise<Answer>): Promise<Answer> {
	if (command === "O") return [packet("O", Buffer.from([0, 0, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0]))];
	if (command === "E") return atEnd();
	return "DA".includes(command) ? [] : [packet("c")];
}

async function answerEnd(tables: Tables, message: string, clock: Clock): Promise<Answer> {
	const signed = await signBy(tables, message, clock.now());
	if (signed === null) return [packet("c")];
	const [name = "", ...value] = signed.field.trimEnd().split(": ");
	return [insertHeader(0, name, value.join(": ").replaceAll("\r\n", "\n")), packet("c")];
}
