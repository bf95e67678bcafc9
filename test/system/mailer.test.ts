import dns, { Resolver } from "node:dns";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, Socket } from "node:net";
import tls, { TLSSocket } from "node:tls";
import { expect, onTestFinished, test, vi } from "vitest";
import type { MailRequest } from "../../src/ports/mailer.ts";
import { createMailer } from "../../src/system/mailer.ts";
import { selfSigned } from "./self-signed.ts";

const mail: MailRequest = {
	host: "localhost",
	port: 25,
	login: null,
	from: "keyturn@example.com",
	to: ["postmaster@example.com"],
	subject: "a subject",
	text: "a text",
	messageId: "1@example.com",
	inReplyTo: null,
	headers: {},
};
const LOGIN = { user: "keyturn", password: "hush" };
const { signal } = new AbortController();

/** A DNS that has another address for every name than /etc/hosts. */
function misleadDns(): void {
	const answer = (_name: string, give: (error: null, addresses: string[]) => void) =>
		give(null, ["127.0.0.2"]);
	for (const member of ["resolve4", "resolve6"] as const)
		vi.spyOn(Resolver.prototype, member).mockImplementation(answer as never);
	onTestFinished(() => {
		vi.restoreAllMocks();
	});
}

/** Takes whatever it is given, and answers once `heard` has heard of it. */
async function startServer(heard: (line: string) => void = () => undefined) {
	const got: string[] = [];
	let end: () => void = () => undefined;
	const ended = new Promise<void>((resolve) => {
		end = resolve;
	});
	const server: Server = createServer((socket) => {
		let isData = false;
		socket.write("220 here\r\n");
		socket.on("data", (bytes) => {
			for (const line of bytes.toString().split("\r\n").slice(0, -1)) {
				got.push(line);
				heard(line);
				if (isData && line !== ".") continue;
				isData = line === "DATA";
				socket.write(isData ? "354 go on\r\n" : "250 well\r\n");
			}
		});
		socket.on("error", () => undefined).on("close", end);
	}).listen(0, "127.0.0.1");
	await once(server, "listening");
	onTestFinished(() => void server.close());
	return { port: (server.address() as AddressInfo).port, got, ended };
}

test("a server is where this host's own files have it, whatever DNS says", async () => {
	misleadDns();
	const { port, got } = await startServer();
	expect(await createMailer().send({ ...mail, port }, signal)).toEqual([]);
	expect(got).toContain("Subject: a subject");
});

test("where nobody listens nothing is delivered", async () => {
	const { port } = await startServer();
	await expect(createMailer().send({ ...mail, host: "127.0.0.3", port }, signal)).rejects.toMatchObject({
		code: "alert.undelivered",
		message: expect.stringContaining("ECONNREFUSED"),
	});
});

test("where nobody listens at any of several addresses each is told", async () => {
	const { port } = await startServer();
	const addresses = ["127.0.0.3", "127.0.0.4"].map((address) => ({ address, family: 4 }));
	vi.spyOn(dns, "lookup").mockImplementation(((_: string, __: object, give: (...all: unknown[]) => void) =>
		give(null, addresses)) as never);
	onTestFinished(() => {
		vi.restoreAllMocks();
	});
	await expect(createMailer().send({ ...mail, port }, signal)).rejects.toMatchObject({
		message: expect.stringMatching(/ECONNREFUSED 127\.0\.0\.3.*ECONNREFUSED 127\.0\.0\.4/),
	});
});

test("what its time did not suffice for is not delivered afterwards", async () => {
	const late = new AbortController();
	const server = await startServer((line) => {
		if (line.startsWith("RCPT")) late.abort();
	});
	await expect(createMailer().send({ ...mail, port: server.port }, late.signal)).rejects.toMatchObject({
		code: "alert.undelivered",
	});
	await server.ended;
	expect(server.got).not.toContain("DATA");
	const before = await startServer();
	await expect(createMailer().send({ ...mail, port: before.port }, late.signal)).rejects.toMatchObject({
		code: "alert.undelivered",
	});
	expect(before.got).toEqual([]);
});

/** As a Postfix of Debian's stands there: it offers TLS, by a certificate of its own making, and takes passwords without, too. */
async function startRelay({ offersTls = true, beginsWithTls = false } = {}) {
	const certificate = selfSigned("relay.test");
	const got: string[] = [];
	const converse = (socket: Socket, isEncrypted: boolean): void => {
		let isData = false;
		const take = (bytes: Buffer): void => {
			for (const line of bytes.toString().split("\r\n").slice(0, -1)) {
				got.push(`${isEncrypted ? "TLS " : ""}${line}`);
				if (isData && line !== ".") continue;
				isData = line === "DATA";
				if (line === "STARTTLS" && offersTls) {
					socket.off("data", take).write("220 go on\r\n");
					return converse(new TLSSocket(socket, { isServer: true, ...certificate }), true);
				}
				const offers = offersTls && !isEncrypted ? "250-STARTTLS\r\n" : "";
				if (line.startsWith("EHLO")) socket.write(`250-relay\r\n${offers}250 AUTH PLAIN\r\n`);
				else socket.write(isData ? "354 go on\r\n" : "250 well\r\n");
			}
		};
		socket.on("data", take).on("error", () => undefined);
	};
	const server = createServer((socket) => {
		const stream = beginsWithTls ? new TLSSocket(socket, { isServer: true, ...certificate }) : socket;
		stream.write("220 relay\r\n");
		converse(stream, beginsWithTls);
	}).listen(0, "127.0.0.1");
	await once(server, "listening");
	onTestFinished(() => void server.close());
	vi.spyOn(dns, "lookup").mockImplementation(((_: string, __: object, give: (...all: unknown[]) => void) =>
		give(null, [{ address: "127.0.0.1", family: 4 }])) as never);
	onTestFinished(() => {
		vi.restoreAllMocks();
	});
	return { port: (server.address() as AddressInfo).port, got, certificate };
}

test("a relay that asks for no password may have a certificate of its own making", async () => {
	const { port, got } = await startRelay();
	expect(await createMailer().send({ ...mail, host: "relay.test", port }, signal)).toEqual([]);
	expect(got).toContain("TLS Subject: a subject");
});

test("no password goes to whom nobody vouches for, whatever the environment says", async () => {
	const { port, got } = await startRelay();
	vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
	onTestFinished(() => {
		vi.unstubAllEnvs();
	});
	await expect(
		createMailer().send({ ...mail, host: "relay.test", port, login: LOGIN }, signal),
	).rejects.toMatchObject({
		code: "alert.undelivered",
		message: expect.stringContaining("self-signed certificate"),
	});
	expect(got.map((line) => line.split(" ")[0])).toEqual(["EHLO", "STARTTLS"]);
});

test("no password goes to another host over what nothing encrypts", async () => {
	const { port, got } = await startRelay({ offersTls: false });
	await expect(
		createMailer().send({ ...mail, host: "relay.test", port, login: LOGIN }, signal),
	).rejects.toMatchObject({ code: "alert.undelivered" });
	expect(got.map((line) => line.split(" ")[0])).toEqual(["EHLO", "STARTTLS"]);
});

test("a server on this host, whose certificate is hardly for that name, gets it without TLS", async () => {
	const { port, got } = await startRelay();
	expect(await createMailer().send({ ...mail, host: "127.0.0.1", port, login: LOGIN }, signal)).toEqual([]);
	expect(got).toContain("Subject: a subject");
	expect(got).not.toContain("STARTTLS");
});

/** Has each connection, before it is made, as if its socket were what this makes of it. */
function onConnect(change: (socket: Socket, options: { port: number }) => void): void {
	type Connect = (this: Socket, ...given: unknown[]) => Socket;
	const connect = Reflect.get(Socket.prototype, "connect") as Connect;
	vi.spyOn(Socket.prototype, "connect").mockImplementation(function (this: Socket, ...given: unknown[]) {
		const [[options]] = given as [[{ port: number }]];
		change(this, options);
		return connect.apply(this, given);
	});
	onTestFinished(() => {
		vi.restoreAllMocks();
	});
}

test("at port 465 TLS is spoken from the start, and with nobody whom nobody vouches for", async () => {
	const { port, got, certificate } = await startRelay({ beginsWithTls: true });
	// Only root may listen there.
	onConnect((_, options) => {
		if (options.port === 465) options.port = port;
	});
	const sent = { ...mail, host: "relay.test", port: 465 };
	await expect(createMailer().send(sent, signal)).rejects.toMatchObject({
		code: "alert.undelivered",
		message: expect.stringContaining("self-signed certificate"),
	});
	expect(got).toEqual([]);
	const { connect } = tls;
	vi.spyOn(tls, "connect").mockImplementation(((options: object, ...rest: []) =>
		connect({ ...options, ca: certificate.cert }, ...rest)) as never);
	expect(await createMailer().send({ ...sent, login: LOGIN }, signal)).toEqual([]);
	expect(got).toContain("TLS Subject: a subject");
	expect(got).not.toContain("TLS STARTTLS");
});

/** Where the system finds a server that is said to be on this host. */
function foundAt(address: string): void {
	onConnect((socket) => Object.defineProperty(socket, "remoteAddress", { value: address }));
}

test.each([
	["192.0.2.1", "localhost"],
	["2001:db8::1", "127.0.0.1"],
])("what is found at %s is not this host, which is meant by %s, and gets nothing", async (address, host) => {
	const { port, got } = await startServer();
	foundAt(address);
	await expect(createMailer().send({ ...mail, host, port }, signal)).rejects.toMatchObject({
		code: "alert.undelivered",
		message: expect.stringContaining(`${host} is not on this host, but ${address}: see /etc/hosts`),
	});
	expect(got).toEqual([]);
});

test.each(["127.0.1.1", "::1", "::ffff:127.0.0.1"])("localhost at %s is this host", async (address) => {
	const { port, got } = await startServer();
	foundAt(address);
	expect(await createMailer().send({ ...mail, port }, signal)).toEqual([]);
	expect(got).toContain("Subject: a subject");
});
