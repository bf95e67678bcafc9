import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server, type Socket as Stream } from "node:net";
import { afterEach, expect, test } from "vitest";
import { createWire } from "../../src/system/wire.ts";

const QUERY = Uint8Array.of(1, 2, 3, 4);
const NEVER = new AbortController().signal;
const wire = createWire();
const closers: (() => void)[] = [];

afterEach(() => {
	for (const close of closers.splice(0)) close();
});

async function startUdp(answer: (socket: Socket, port: number, query: Buffer) => void): Promise<number> {
	const socket = createSocket("udp4");
	socket.on("message", (query, from) => answer(socket, from.port, query));
	socket.bind(0, "127.0.0.1");
	await once(socket, "listening");
	closers.push(() => socket.close());
	return socket.address().port;
}

async function startTcp(answer: (stream: Stream, query: Buffer) => void): Promise<number> {
	const server: Server = createServer((stream) => {
		stream.on("error", () => stream.destroy());
		stream.once("data", (query) => answer(stream, Buffer.from(query)));
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	closers.push(() => server.close());
	const address = server.address();
	if (address === null || typeof address === "string") throw new Error("no port");
	return address.port;
}

function target(port: number, transport: "udp" | "tcp" = "udp") {
	return { address: "127.0.0.1", port, transport } as const;
}

test("a datagram's answer comes back, each question from a port of its own", async () => {
	const ports = new Set<number>();
	const port = await startUdp((socket, from, query) => {
		ports.add(from);
		socket.send(Buffer.concat([query, Buffer.from([9])]), from, "127.0.0.1");
	});
	for (let count = 0; count < 4; count++)
		expect(await wire.exchange(target(port), QUERY, NEVER)).toEqual({
			kind: "bytes",
			bytes: Uint8Array.of(1, 2, 3, 4, 9),
		});
	expect(ports.size).toBeGreaterThan(1);
});

test("datagrams with another id or from another port are passed over", async () => {
	const stranger = createSocket("udp4");
	closers.push(() => stranger.close());
	const port = await startUdp((socket, from) => {
		stranger.send(Buffer.from([1, 2, 66]), from, "127.0.0.1", () => {
			socket.send(Buffer.from([1, 3, 67]), from, "127.0.0.1");
			socket.send(Buffer.from([1]), from, "127.0.0.1");
			socket.send(Buffer.from([1, 2, 8]), from, "127.0.0.1");
		});
	});
	expect(await wire.exchange(target(port), QUERY, NEVER)).toEqual({
		kind: "bytes",
		bytes: Uint8Array.of(1, 2, 8),
	});
});

test("silence ends with the signal, as a timeout", async () => {
	const udp = await startUdp(() => {});
	const tcp = await startTcp(() => {});
	expect(await wire.exchange(target(udp), QUERY, AbortSignal.timeout(50))).toEqual({ kind: "timeout" });
	expect(await wire.exchange(target(tcp, "tcp"), QUERY, AbortSignal.timeout(50))).toEqual({
		kind: "timeout",
	});
	expect(await wire.exchange(target(udp), QUERY, AbortSignal.abort())).toEqual({ kind: "timeout" });
});

test.each(["udp", "tcp"] as const)(
	"nothing listening is told apart from silence over %s",
	async (transport) => {
		const socket = createSocket("udp4");
		socket.bind(0, "127.0.0.1");
		await once(socket, "listening");
		const { port } = socket.address();
		socket.close();
		const outcome = await wire.exchange(target(port, transport), QUERY, AbortSignal.timeout(2000));
		expect(outcome).toEqual({ kind: "unreachable", why: `nothing listens on 127.0.0.1:${port}` });
	},
);

test("what is no address is unreachable, and never looked up", async () => {
	const outcome = await wire.exchange({ address: "localhost", port: 53, transport: "udp" }, QUERY, NEVER);
	expect(outcome).toEqual({ kind: "unreachable", why: "localhost is no address" });
});

test("a stream is framed, in whatever pieces it comes", async () => {
	const body = Buffer.alloc(5000, 7);
	const port = await startTcp((stream, query) => {
		expect([...query]).toEqual([0, 4, 1, 2, 3, 4]);
		stream.write(Buffer.from([5000 >> 8]));
		setImmediate(() => {
			stream.write(Buffer.concat([Buffer.from([5000 & 0xff]), body.subarray(0, 10)]));
			setImmediate(() => stream.write(Buffer.concat([body.subarray(10), Buffer.from("more")])));
		});
	});
	const outcome = await wire.exchange(target(port, "tcp"), QUERY, AbortSignal.timeout(2000));
	expect(outcome).toEqual({ kind: "bytes", bytes: new Uint8Array(body) });
});

test("a stream that ends early is unreachable", async () => {
	const port = await startTcp((stream) => stream.end(Buffer.from([0, 50, 1, 2])));
	const outcome = await wire.exchange(target(port, "tcp"), QUERY, AbortSignal.timeout(2000));
	expect(outcome).toMatchObject({ kind: "unreachable" });
});
