/** Connects to local services over TCP and Unix sockets, with bounded reads that end when their signal does. */

import { connect as connectSocket, isIP, type LookupFunction, type Socket } from "node:net";
import { KeyturnError } from "../errors.ts";
import type { Connection, InetTarget, Sockets, SocketTarget } from "../ports/sockets.ts";

/** Whatever a signal says, nobody who holds a lock waits for ever: longer silence, in milliseconds, ends a connection. */
export function createSystemSockets(longestSilenceMs = 60_000): Sockets {
	return { connect: async (target, signal) => connect(target, signal, longestSilenceMs) };
}

/** What is kept unread; more means that the other side does not keep to any protocol of ours. */
const BUFFER_LIMIT_BYTES = 4 * 1024 * 1024;

async function connect(
	target: SocketTarget,
	signal: AbortSignal,
	longestSilenceMs: number,
): Promise<Connection> {
	const name = target.kind === "unix" ? target.path : `${target.host}:${target.port}`;
	if (signal.aborted) throw failure(name, "no connection in time");
	const socket = target.kind === "unix" ? connectSocket({ path: target.path }) : connectInet(target);
	await new Promise<void>((resolve, reject) => {
		const onAbort = (): void => fail("no connection in time");
		const onError = (error: Error): void => fail(error.message);
		const fail = (why: string): void => {
			socket.destroy();
			signal.removeEventListener("abort", onAbort);
			reject(failure(name, why));
		};
		signal.addEventListener("abort", onAbort, { once: true });
		socket.once("error", onError);
		socket.once("connect", () => {
			signal.removeEventListener("abort", onAbort);
			socket.off("error", onError);
			resolve();
		});
	});
	socket.setTimeout(longestSilenceMs, () => socket.destroy(new Error("no answer in time")));
	return createConnection(socket, name);
}

/** Several addresses are tried one after another. */
function connectInet({ host, port, addresses }: InetTarget): Socket {
	if (addresses === undefined) return connectSocket({ host, port });
	const known = addresses.map((address) => ({ address, family: isIP(address) }));
	const lookup: LookupFunction = (_host, _options, answer) => answer(null, known);
	return connectSocket({ host, port, lookup, autoSelectFamily: true });
}

function createConnection(socket: Socket, name: string): Connection {
	let unread = Buffer.alloc(0);
	let ended: string | null = null;
	let wake: () => void = () => {};
	socket.on("data", (bytes) => {
		unread = Buffer.concat([unread, bytes]);
		if (unread.length > BUFFER_LIMIT_BYTES) socket.destroy(new Error("more than 4 MiB unread"));
		wake();
	});
	const end = (why: string): void => {
		ended ??= why;
		wake();
	};
	socket.on("error", (error) => end(error.message));
	socket.on("end", () => end("closed by the other side"));
	socket.on("close", () => end("closed"));

	/** Takes from what came as many bytes as `measure` says, once it says so. */
	const take = async (measure: () => number | null, signal: AbortSignal): Promise<Buffer> => {
		const onAbort = (): void => wake();
		signal.addEventListener("abort", onAbort, { once: true });
		try {
			for (;;) {
				const count = measure();
				if (count !== null) {
					const taken = unread.subarray(0, count);
					unread = unread.subarray(count);
					return taken;
				}
				if (ended !== null) throw failure(name, ended);
				if (signal.aborted) throw failure(name, "no answer in time");
				await new Promise<void>((resolve) => {
					wake = resolve;
				});
			}
		} finally {
			signal.removeEventListener("abort", onAbort);
		}
	};

	return {
		write: async (bytes) => {
			if (ended !== null) throw failure(name, ended);
			await new Promise<void>((resolve, reject) => {
				socket.write(bytes, (error) =>
					error === undefined || error === null ? resolve() : reject(failure(name, error.message)),
				);
			});
		},
		read: async (count, signal) =>
			new Uint8Array(await take(() => (unread.length >= count ? count : null), signal)),
		readLine: async (limitBytes, signal) => {
			const line = await take(() => {
				const newline = unread.indexOf(0x0a);
				if (newline >= limitBytes || (newline === -1 && unread.length >= limitBytes))
					throw failure(name, `a line longer than ${limitBytes} bytes`);
				return newline === -1 ? null : newline + 1;
			}, signal);
			return line.toString("utf8");
		},
		close: () => {
			socket.destroy();
		},
	};
}

function failure(name: string, why: string): KeyturnError {
	return new KeyturnError("signer.probe", `${name}: ${why}`, { retry: true });
}
