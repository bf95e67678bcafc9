/**
 * The receiving end of a test host's mail, run inside it: keeps every message byte for byte, CRLF included, as a file of
 * its own, written before it is acknowledged. sink.ts ADDRESS PORT DIRECTORY
 */

import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";

const [address = "127.0.0.1", port = "2526", directory = "/var/lib/sink"] = process.argv.slice(2);
mkdirSync(directory, { recursive: true });
let kept = 0;

createServer((socket) => new Session(socket)).listen(Number(port), address);

class Session {
	readonly #socket: Socket;
	#received = "";
	#inData = false;

	constructor(socket: Socket) {
		this.#socket = socket;
		socket.setEncoding("latin1");
		socket.on("data", (chunk: string) => this.#take(chunk));
		socket.on("error", () => socket.destroy());
		socket.write("220 sink.test ESMTP\r\n");
	}

	#take(chunk: string): void {
		this.#received += chunk;
		for (;;) {
			const end = this.#received.indexOf(this.#inData ? "\r\n.\r\n" : "\r\n");
			if (end === -1) return;
			const part = this.#received.slice(0, end);
			this.#received = this.#received.slice(end + (this.#inData ? 5 : 2));
			this.#socket.write(this.#inData ? this.#keep(part) : this.#obey(part));
		}
	}

	#keep(data: string): string {
		this.#inData = false;
		kept += 1;
		const message = `${data}\r\n`.replaceAll("\r\n..", "\r\n.");
		const path = join(directory, `${process.pid}-${Date.now()}-${kept}`);
		writeFileSync(`${path}.part`, message, "latin1");
		renameSync(`${path}.part`, `${path}.eml`);
		return "250 kept\r\n";
	}

	#obey(line: string): string {
		const verb = line.slice(0, 4).toUpperCase();
		if (verb === "DATA") this.#inData = true;
		if (verb === "QUIT") this.#socket.end();
		const answers: Record<string, string> = { DATA: "354 go on\r\n", QUIT: "221 bye\r\n" };
		return answers[verb] ?? "250 ok\r\n";
	}
}
