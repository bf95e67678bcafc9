import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createSystemSockets } from "../../src/system/sockets.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const sockets = createSystemSockets();
const NEVER = new AbortController().signal;
const read = async (bytes: Promise<Uint8Array>) => Buffer.from(await bytes).toString();

async function listen(serve: (socket: Socket) => void, path?: string) {
	const server = createServer((socket) => {
		socket.on("error", () => undefined);
		serve(socket);
	});
	server.listen(path === undefined ? { host: "127.0.0.1", port: 0 } : { path });
	await once(server, "listening");
	onTestFinished(() => void server.close());
	const address = server.address();
	if (typeof address === "string" || address === null)
		return { kind: "unix", path: String(address) } as const;
	return { kind: "inet", host: "127.0.0.1", port: address.port } as const;
}

test("reads exactly what is asked for, however it arrives, over TCP and Unix sockets", async () => {
	for (const path of [undefined, join(await temporaryDirectory(), "s")]) {
		const target = await listen((socket) => {
			socket.write("ab");
			socket.on("data", (bytes) => socket.end(`c${String(bytes)}one\r\ntwo\n`));
		}, path);
		const connection = await sockets.connect(target, NEVER);
		expect(await read(connection.read(1, NEVER))).toBe("a");
		await connection.write(Buffer.from("!"));
		expect(await read(connection.read(3, NEVER))).toBe("bc!");
		expect(await connection.readLine(100, NEVER)).toBe("one\r\n");
		expect(await connection.readLine(100, NEVER)).toBe("two\n");
		await expect(connection.readLine(100, NEVER)).rejects.toThrow("closed by the other side");
		connection.close();
		connection.close();
		await expect(connection.read(1, NEVER)).rejects.toMatchObject({ code: "signer.probe" });
	}
});

test("a host whose addresses are given is asked for nowhere, and each of them is tried", async () => {
	const target = await listen((socket) => socket.end("here\n"));
	if (target.kind === "unix") throw new Error("expected a port");
	const named = { ...target, host: "name.invalid", addresses: ["127.0.0.9", "127.0.0.1"] };
	const connection = await sockets.connect(named, NEVER);
	onTestFinished(() => connection.close());
	expect(await connection.readLine(100, NEVER)).toBe("here\n");
	await expect(sockets.connect({ ...named, addresses: ["127.0.0.9"] }, NEVER)).rejects.toThrow(
		"connect ECONNREFUSED 127.0.0.9",
	);
});

test("silence ends a connection, whatever the signal says", async () => {
	const target = await listen(() => undefined);
	const connection = await createSystemSockets(20).connect(target, NEVER);
	onTestFinished(() => connection.close());
	await expect(connection.read(1, NEVER)).rejects.toMatchObject({
		code: "signer.probe",
		message: expect.stringContaining("no answer in time") as string,
	});
});

test("a read ends when its signal does, and the connection can still be used", async () => {
	const target = await listen((socket) => socket.on("data", () => socket.write("late")));
	const connection = await sockets.connect(target, NEVER);
	onTestFinished(() => connection.close());
	const controller = new AbortController();
	const reading = connection.read(4, controller.signal);
	controller.abort();
	await expect(reading).rejects.toThrow("no answer in time");
	await expect(connection.read(4, controller.signal)).rejects.toThrow("no answer in time");
	await connection.write(Buffer.from("x"));
	expect(await read(connection.read(4, NEVER))).toBe("late");
});

test("a line longer than the limit is an error, not a growing buffer", async () => {
	const target = await listen((socket) => socket.write("x".repeat(1000)));
	const connection = await sockets.connect(target, NEVER);
	onTestFinished(() => connection.close());
	await expect(connection.readLine(100, NEVER)).rejects.toThrow("longer than 100 bytes");
});

test("nobody there is an error that names the place", async () => {
	const path = join(await temporaryDirectory(), "none");
	await expect(sockets.connect({ kind: "unix", path }, NEVER)).rejects.toMatchObject({
		code: "signer.probe",
		retry: true,
		message: expect.stringContaining(path) as string,
	});
	await expect(sockets.connect({ kind: "unix", path }, AbortSignal.abort())).rejects.toThrow("in time");
});
