/** One request and one answer over a unix socket: everything is sent, our half is closed, everything is read. */

import { createConnection } from "node:net";
import { unreachable } from "./door-answer.ts";

export interface ExchangeOptions {
	readonly path: string;
	readonly text: string;
	readonly limitBytes: number;
	readonly signal: AbortSignal;
}

/** Nobody listens there: nothing was sent. */
const ABSENT = new Set(["ENOENT", "ECONNREFUSED", "ENOTSOCK"]);

/** Null if nobody listens at the path; fails with `door.unreachable` if somebody does and no answer comes. */
export function exchange({ path, text, limitBytes, signal }: ExchangeOptions): Promise<string | null> {
	return new Promise((resolve, reject) => {
		const socket = createConnection({ path, allowHalfOpen: true });
		const chunks: Buffer[] = [];
		let total = 0;
		let isConnected = false;
		const settle = (end: () => void) => {
			signal.removeEventListener("abort", onAbort);
			socket.destroy();
			end();
		};
		const give = (why: string) => settle(() => reject(unreachable(`${path}: ${why}`)));
		const onAbort = () => give("it gave no answer in time; it may still be at work");
		socket.once("connect", () => {
			isConnected = true;
			socket.end(text);
		});
		socket.on("data", (chunk) => {
			chunks.push(chunk);
			total += chunk.length;
			if (total > limitBytes) give(`expected an answer of at most ${limitBytes} bytes, got more`);
		});
		socket.once("end", () => {
			if (total === 0) give("it ended without an answer");
			else settle(() => resolve(Buffer.concat(chunks).toString("utf8")));
		});
		socket.on("error", (error: NodeJS.ErrnoException) => {
			const errno = error.code ?? "unknown";
			if (!isConnected && ABSENT.has(errno)) settle(() => resolve(null));
			else if (errno === "EACCES")
				give("permission denied (EACCES): only root and keyturn's own user may ask");
			else give(`it was cut off (${errno})`);
		});
		signal.addEventListener("abort", onAbort, { once: true });
		if (signal.aborted) onAbort();
	});
}
