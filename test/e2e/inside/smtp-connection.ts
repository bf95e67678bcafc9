/** One SMTP session of the sender with the Postfix of its host. */

import { once } from "node:events";
import { connect, type Socket } from "node:net";

export class SmtpConnection {
	readonly #socket: Socket;
	#lines: string[] = [];
	#rest = "";
	#wake: (() => void) | null = null;
	#failure: Error | null = null;

	private constructor(socket: Socket) {
		this.#socket = socket;
		socket.setEncoding("latin1").setTimeout(30_000, () => socket.destroy(new Error("no answer for 30 s")));
		socket.on("data", (chunk: string) => this.#take(chunk));
		socket.on("error", (error) => this.#fail(error));
		socket.on("close", () => this.#fail(new Error("connection closed")));
	}

	static async open(port: number): Promise<SmtpConnection> {
		const socket = connect({ host: "127.0.0.1", port, noDelay: true });
		await once(socket, "connect");
		const connection = new SmtpConnection(socket);
		const greeting = await connection.#reply();
		if (!greeting.startsWith("2")) throw new Error(greeting);
		await connection.#command("EHLO sender.test");
		return connection;
	}

	/** Answers the reply that decided what became of the message. */
	async send(domain: string, message: string): Promise<string> {
		for (const command of [`MAIL FROM:<a@${domain}>`, "RCPT TO:<b@sink.test>", "DATA"]) {
			const reply = await this.#command(command);
			if (/^[23]/.test(reply)) continue;
			if (!reply.startsWith("421")) await this.#command("RSET");
			return reply;
		}
		return this.#command(`${message}\r\n.`);
	}

	async close(): Promise<void> {
		await this.#command("QUIT").catch(() => undefined);
		this.destroy();
	}

	destroy(): void {
		this.#socket.destroy();
	}

	async #command(text: string): Promise<string> {
		if (this.#failure !== null) throw this.#failure;
		this.#socket.write(`${text}\r\n`);
		return this.#reply();
	}

	async #reply(): Promise<string> {
		for (;;) {
			const line = this.#lines.shift();
			if (line === undefined) {
				if (this.#failure !== null) throw this.#failure;
				await new Promise<void>((resolve) => (this.#wake = resolve));
			} else if (line[3] !== "-") return line;
		}
	}

	#take(chunk: string): void {
		const lines = (this.#rest + chunk).split("\r\n");
		this.#rest = lines.pop() ?? "";
		this.#lines.push(...lines);
		this.#wake?.();
	}

	#fail(error: Error): void {
		this.#failure ??= error;
		this.#wake?.();
	}
}
