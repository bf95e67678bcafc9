/** One DNS message to one address by UDP or TCP: from a fresh random port, only that address's own answer taken. */

import { createSocket } from "node:dgram";
import { createConnection, isIP } from "node:net";
import { NO_ROUTE, type Wire, type WireOutcome } from "../ports/wire.ts";

interface Target {
	readonly address: string;
	readonly port: number;
}

const NO_ROUTE_CODES = new Set(["ENETUNREACH", "EHOSTUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT", "ENETDOWN"]);

export function createWire(): Wire {
	return {
		async exchange(target, query, signal) {
			if (isIP(target.address.replace(/%.*$/, "")) === 0)
				return { kind: "unreachable", why: `${target.address} is no address` };
			if (signal.aborted) return { kind: "timeout" };
			return target.transport === "udp"
				? exchangeDatagram(target, query, signal)
				: exchangeStream(target, query, signal);
		},
	};
}

/** Connected, so that the kernel drops what comes from elsewhere and tells of a refused port; each call has its own port. */
async function exchangeDatagram(
	target: Target,
	query: Uint8Array,
	signal: AbortSignal,
): Promise<WireOutcome> {
	const socket = createSocket(target.address.includes(":") ? "udp6" : "udp4");
	try {
		return await new Promise<WireOutcome>((resolve) => {
			signal.addEventListener("abort", () => resolve({ kind: "timeout" }), { once: true });
			socket.on("error", (error) => resolve(unreachable(error, target)));
			socket.on("message", (bytes) => {
				if (bytes.length >= 2 && bytes[0] === query[0] && bytes[1] === query[1])
					resolve({ kind: "bytes", bytes: new Uint8Array(bytes) });
			});
			socket.on("connect", () => {
				socket.send(query, (error) => {
					if (error !== null) resolve(unreachable(error, target));
				});
			});
			socket.connect(target.port, target.address);
		});
	} finally {
		socket.close();
	}
}

/** RFC 1035 section 4.2.2: two octets of length before each message. */
async function exchangeStream(target: Target, query: Uint8Array, signal: AbortSignal): Promise<WireOutcome> {
	const socket = createConnection({ host: target.address, port: target.port });
	try {
		return await new Promise<WireOutcome>((resolve) => {
			let bytes = Buffer.alloc(0);
			signal.addEventListener("abort", () => resolve({ kind: "timeout" }), { once: true });
			socket.on("error", (error) => resolve(unreachable(error, target)));
			socket.on("close", () =>
				resolve({ kind: "unreachable", why: `${place(target)} closed the connection without an answer` }),
			);
			socket.on("connect", () => {
				const length = Buffer.from([query.length >> 8, query.length & 0xff]);
				socket.write(Buffer.concat([length, query]));
			});
			socket.on("data", (chunk) => {
				bytes = Buffer.concat([bytes, chunk]);
				const end = bytes.length < 2 ? Infinity : 2 + bytes.readUInt16BE(0);
				if (bytes.length >= end) resolve({ kind: "bytes", bytes: new Uint8Array(bytes.subarray(2, end)) });
			});
		});
	} finally {
		socket.destroy();
	}
}

function unreachable(error: Error, target: Target): WireOutcome {
	const code = "code" in error ? String(error.code) : "";
	const port = place(target);
	if (NO_ROUTE_CODES.has(code)) return { kind: "unreachable", why: `${NO_ROUTE} to ${port} (${code})` };
	if (code === "ECONNREFUSED") return { kind: "unreachable", why: `nothing listens on ${port}` };
	return { kind: "unreachable", why: `${port}: ${error.message}` };
}

function place(target: Target): string {
	return target.address.includes(":")
		? `[${target.address}]:${target.port}`
		: `${target.address}:${target.port}`;
}
