/** Mail through smtp-sink, the SMTP server of Postfix that keeps what it gets. */

import { mkdir, readdir, readFile } from "node:fs/promises";
import { createConnection, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { create } from "../../../src/alerts/email.ts";
import type { MailRequest } from "../../../src/ports/mailer.ts";
import { createMailer } from "../../../src/system/mailer.ts";
import { event, given, tools } from "../../alerts/bench.ts";
import { found, needlesOf } from "../cli/canaries.ts";
import { freePort, makeDirectory, type Program, removeDirectory, startProgram } from "../program.ts";

const mailer = createMailer();
const { signal } = new AbortController();
let directory: string;
let port: number;
let sink: Program;

const mail: Omit<MailRequest, "port"> = {
	host: "127.0.0.1",
	login: null,
	from: "keyturn@example.com",
	to: ["postmaster@example.com"],
	subject: "a subject",
	text: "a text\n.\nwith a line that is a dot",
	messageId: "1@example.com",
	inReplyTo: null,
	headers: {},
};

beforeAll(async () => {
	directory = await makeDirectory("smtp");
	await mkdir(join(directory, "got"), { mode: 0o777 });
	port = await freePort();
	sink = await startProgram(
		"/usr/sbin/smtp-sink",
		["-u", "root", "-d", join(directory, "got/"), `127.0.0.1:${port}`, "10"],
		{ log: join(directory, "log"), cwd: directory, ready: answers },
	);
});
afterAll(async () => {
	await sink.stop();
	await removeDirectory(directory);
});

async function answers(): Promise<boolean> {
	return new Promise((resolve) => {
		const socket = createConnection({ host: "127.0.0.1", port }, () => {
			socket.destroy();
			resolve(true);
		}).on("error", () => resolve(false));
	});
}

async function got(): Promise<readonly string[]> {
	const names = await readdir(join(directory, "got"));
	const texts = await Promise.all(names.map((name) => readFile(join(directory, "got", name), "utf8")));
	return texts.filter((text) => text.includes("Subject:"));
}

test("an alert arrives as it was worded", async () => {
	const settings = { to: ["one@example.com", "two@example.com"], smtp: `127.0.0.1:${port}` };
	const alert = await create(given(settings), { ...tools({}).tools, mailer });
	await alert.deliver({ ...event, hint: "ask ns2" }, signal);
	const text = (await got()).find((one) => one.includes("CRITICAL mx1"));
	expect(text).toContain("Subject: CRITICAL mx1: not everywhere");
	expect(text).toContain("Auto-Submitted: auto-generated");
	expect(text).toContain("X-Rcpt-Args: <two@example.com>");
	expect(text).toContain("What to do: ask ns2");
});

test("no line of a text ends the message", async () => {
	await mailer.send({ ...mail, port, messageId: "dots@example.com" }, signal);
	const text = (await got()).find((one) => one.includes("dots@example.com"));
	expect(text).toContain("with a line that is a dot");
});

test("a server that is not there is told with its name", async () => {
	const nobody = await freePort();
	await expect(mailer.send({ ...mail, port: nobody }, signal)).rejects.toMatchObject({
		code: "alert.undelivered",
		message: expect.stringContaining(`127.0.0.1 port ${nobody}`),
	});
});

test("what a server refuses is told in its words", async () => {
	const refusing = createServer((socket) => {
		socket.on("error", () => undefined).write("554 5.7.1 not from you\u001b[31m\r\n");
	});
	await new Promise<void>((resolve) => refusing.listen(0, "127.0.0.1", resolve));
	onTestFinished(() => void refusing.close());
	const failed = mailer.send({ ...mail, port: (refusing.address() as AddressInfo).port }, signal);
	await expect(failed).rejects.toMatchObject({ message: expect.stringMatching(/not from you\\u001b/) });
});

/** Knows postmaster alone. */
function refuseOthers(socket: Socket): void {
	let isMessage = false;
	socket.on("error", () => undefined).write("220 ready\r\n");
	socket.on("data", (bytes) => {
		const said = String(bytes);
		if (isMessage && !said.endsWith("\r\n.\r\n")) return;
		if (said.startsWith("RCPT") && !said.includes("<postmaster@")) socket.write("550 5.1.1 no such user\r\n");
		else socket.write(said.startsWith("DATA") ? "354 go on\r\n" : "250 ok\r\n");
		isMessage = said.startsWith("DATA");
	});
}

test("who is refused beside others is told, and it counts as sent; where all are refused it does not", async () => {
	const choosy = createServer(refuseOthers);
	await new Promise<void>((resolve) => choosy.listen(0, "127.0.0.1", resolve));
	onTestFinished(() => void choosy.close());
	const here = { ...mail, port: (choosy.address() as AddressInfo).port };
	const to = ["postmaster@example.com", "alice@example.com"];
	expect(await mailer.send({ ...here, to }, signal)).toEqual([
		`127.0.0.1 port ${here.port} took it for others, not for alice@example.com: 550 5.1.1 no such user`,
	]);
	expect(await mailer.send(here, signal)).toEqual([]);
	await expect(mailer.send({ ...here, to: ["alice@example.com"] }, signal)).rejects.toMatchObject({
		code: "alert.undelivered",
		message: expect.stringContaining("no such user"),
	});
});

test.each(["PLAIN", "LOGIN", "PLAIN LOGIN", "CRAM-MD5"])(
	"a server that repeats what it was sent has no password told (AUTH %s)",
	async (ways) => {
		const heard: string[] = [];
		const echoing = createServer((socket) => {
			socket.on("error", () => undefined).write("220 ready\r\n");
			socket.on("data", (bytes) => {
				const line = String(bytes).trim();
				heard.push(line);
				if (line.startsWith("EHLO")) socket.write(`250-here\r\n250 AUTH ${ways}\r\n`);
				else if (line === "AUTH LOGIN") socket.write("334 VXNlcm5hbWU6\r\n");
				else if (line === Buffer.from("someone").toString("base64")) socket.write("334 UGFzc3dvcmQ6\r\n");
				else
					socket.write(
						`535 5.7.8 what is "${heard.join(" / ")}", that is ${Buffer.from(line.split(" ").at(-1) ?? "", "base64").toString()}\r\n`,
					);
			});
		});
		await new Promise<void>((resolve) => echoing.listen(0, "127.0.0.1", resolve));
		onTestFinished(() => void echoing.close());
		const password = "the password of a test";
		const login = { user: "someone", password };
		const to = { ...mail, port: (echoing.address() as AddressInfo).port, login };
		const failure = await mailer.send(to, signal).catch((thrown: unknown) => thrown);
		expect(failure).toMatchObject({ code: "alert.undelivered" });
		expect(heard.length).toBeGreaterThan(1);
		const said = inspect(failure, { depth: 10, showHidden: true });
		expect(found(new Map(needlesOf("password", password)), said)).toEqual([]);
	},
);

test("a server that never answers is given up when the caller gives up", async () => {
	const silent = createServer((socket) => void socket.on("error", () => undefined));
	await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
	onTestFinished(() => void silent.close());
	const giving = new AbortController();
	silent.once("connection", () => giving.abort());
	const failed = mailer.send({ ...mail, port: (silent.address() as AddressInfo).port }, giving.signal);
	await expect(failed).rejects.toMatchObject({ code: "alert.undelivered" });
});
