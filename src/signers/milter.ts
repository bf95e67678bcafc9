/** Speaks the mail server's side of the milter protocol, version 6: gives a filter one message and hears what it would change. */

import { excerpt, inOneLine } from "../dkim/foreign-text.ts";
import { KeyturnError } from "../errors.ts";
import type { Connection } from "../ports/sockets.ts";

export interface MilterMessage {
	/** Without angle brackets. */
	readonly sender: string;
	readonly recipient: string;
	/** In order, without line ends. */
	readonly headers: readonly (readonly [name: string, value: string])[];
	/** CRLF line ends. */
	readonly body: string;
}

export interface AddedHeader {
	readonly name: string;
	readonly value: string;
}

export type MilterOutcome =
	/** To be delivered, with these header fields on top, the topmost first. */
	| { readonly kind: "delivered"; readonly added: readonly AddedHeader[] }
	/** Let through before its headers were heard: the filter does not care for this client. */
	| { readonly kind: "passed_over"; readonly at: string }
	| { readonly kind: "refused"; readonly reply: string };

/** Agrees on the protocol with the filter; fails with `signer.probe` if it is no milter or needs what we do not offer. */
export async function shakeHands(connection: Connection, signal: AbortSignal): Promise<MilterSession> {
	const offer = Buffer.alloc(12);
	offer.writeUInt32BE(VERSION, 0);
	offer.writeUInt32BE(ACTIONS, 4);
	offer.writeUInt32BE(STEPS, 8);
	await send(connection, "O", offer);
	const reply = await receive(connection, signal);
	if (reply.command !== "O" || reply.data.length < 12)
		throw protocolError(`expected option negotiation, got "${inOneLine(reply.command)}"`);
	const steps = reply.data.readUInt32BE(8);
	if ((steps & ~STEPS) !== 0) throw protocolError(`the filter asks for steps 0x${steps.toString(16)}`);
	return { connection, steps };
}

export interface MilterSession {
	readonly connection: Connection;
	/** The SMFIP flags of what the filter does not want to hear. */
	readonly steps: number;
}

/** Gives the filter one message from a client on loopback; ends the session. */
export async function passMessage(
	session: MilterSession,
	message: MilterMessage,
	signal: AbortSignal,
): Promise<MilterOutcome> {
	for (const step of stepsOf(message)) {
		if ((session.steps & step.unlessAsked) !== 0) continue;
		await send(session.connection, step.command, step.data);
		if (step.command === "D" || step.command === "E") continue;
		const answer = await receiveReply(session.connection, signal);
		if (answer.command === "a") return acceptedEarly(step);
		if (answer.command !== "c" && answer.command !== "s")
			return { kind: "refused", reply: describe(answer, step.name) };
	}
	return receiveChanges(session.connection, signal);
}

/** Tells the filter that no more comes. */
export async function quit(connection: Connection): Promise<void> {
	await send(connection, "Q", Buffer.alloc(0));
}

interface Packet {
	readonly command: string;
	readonly data: Buffer;
}

interface ProtocolStep extends Packet {
	readonly name: string;
	/** The flag by which a filter asks to be spared this step. */
	readonly unlessAsked: number;
}

const VERSION = 6;
/** All that a filter may change, SMFIF_ADDHDRS to SMFIF_SETSYMLIST. */
const ACTIONS = 0x1ff;
/** What a filter may ask to be spared; not SMFIP_HDR_LEADSPC, so that "name: value" has its blank. */
const STEPS = 0x77f;
const NO_CONNECT = 0x01;
const NO_HELO = 0x02;
const NO_MAIL = 0x04;
const NO_RCPT = 0x08;
const NO_BODY = 0x10;
const NO_HEADERS = 0x20;
const NO_EOH = 0x40;
const NO_DATA = 0x200;
const PACKET_LIMIT_BYTES = 1024 * 1024;
const CHANGES_LIMIT = 1000;
/** Of all header fields that a filter adds; a signature has a thousand. */
const ADDED_LIMIT_BYTES = PACKET_LIMIT_BYTES;
const REPLY_LIMIT = 300;

function stepsOf(message: MilterMessage): readonly ProtocolStep[] {
	const client = Buffer.concat([
		text("localhost"),
		Buffer.from("4"),
		Buffer.from([0, 25]),
		text("127.0.0.1"),
	]);
	return [
		step("D", "the macros", 0, Buffer.concat([Buffer.from("C"), text("j", "localhost")])),
		step("C", "the connection", NO_CONNECT, client),
		step("H", "HELO", NO_HELO, text("localhost")),
		step("D", "the macros", 0, Buffer.concat([Buffer.from("M"), text("i", "keyturn-probe")])),
		step("M", "MAIL FROM", NO_MAIL, text(`<${message.sender}>`)),
		step("R", "RCPT TO", NO_RCPT, text(`<${message.recipient}>`)),
		step("T", "DATA", NO_DATA, Buffer.alloc(0)),
		...message.headers.map(([name, value]) => step("L", `the header ${name}`, NO_HEADERS, text(name, value))),
		step("N", "the end of the headers", NO_EOH, Buffer.alloc(0)),
		step("B", "the body", NO_BODY, Buffer.from(message.body, "utf8")),
		step("E", "the end of the message", 0, Buffer.alloc(0)),
	];
}

function step(command: string, name: string, unlessAsked: number, data: Buffer): ProtocolStep {
	return { command, name, unlessAsked, data };
}

function text(...strings: readonly string[]): Buffer {
	return Buffer.from(strings.map((string) => `${string}\0`).join(""), "utf8");
}

function acceptedEarly(step: ProtocolStep): MilterOutcome {
	return "CHMR".includes(step.command)
		? { kind: "passed_over", at: step.name }
		: { kind: "delivered", added: [] };
}

async function receiveChanges(connection: Connection, signal: AbortSignal): Promise<MilterOutcome> {
	const onTop: AddedHeader[] = [];
	const below: AddedHeader[] = [];
	let addedBytes = 0;
	for (let count = 0; count < CHANGES_LIMIT; count++) {
		const answer = await receive(connection, signal);
		addedBytes += answer.data.length;
		if (addedBytes > ADDED_LIMIT_BYTES)
			throw protocolError(`more than ${ADDED_LIMIT_BYTES} bytes of changes of one message`);
		switch (answer.command) {
			case "i":
				onTop.unshift(parseHeader(answer.data.subarray(4)));
				break;
			case "h":
				below.push(parseHeader(answer.data));
				break;
			case "c":
			case "a":
				return { kind: "delivered", added: [...onTop, ...below] };
			case "r":
			case "t":
			case "d":
			case "y":
				return { kind: "refused", reply: describe(answer, "the end of the message") };
			default:
		}
	}
	throw protocolError(`more than ${CHANGES_LIMIT} changes of one message`);
}

function parseHeader(data: Buffer): AddedHeader {
	const [name = "", value = ""] = data.toString("utf8").split("\0");
	return { name, value };
}

async function receiveReply(connection: Connection, signal: AbortSignal): Promise<Packet> {
	for (let count = 0; count < CHANGES_LIMIT; count++) {
		const answer = await receive(connection, signal);
		if (answer.command !== "p") return answer;
	}
	throw protocolError("it only says that it is working");
}

function describe(answer: Packet, at: string): string {
	if (answer.command === "y") {
		const [reply = ""] = answer.data.toString("utf8").split("\0", 1);
		return `"${excerpt(reply, REPLY_LIMIT)}" at ${at}`;
	}
	const words: Readonly<Record<string, string>> = {
		t: "a temporary failure",
		r: "a rejection",
		d: "a silent discard",
	};
	return `${words[answer.command] ?? `the unexpected reply "${inOneLine(answer.command)}"`} at ${at}`;
}

async function send(connection: Connection, command: string, data: Buffer): Promise<void> {
	const packet = Buffer.alloc(5 + data.length);
	packet.writeUInt32BE(data.length + 1, 0);
	packet.write(command, 4, "latin1");
	data.copy(packet, 5);
	await connection.write(packet);
}

async function receive(connection: Connection, signal: AbortSignal): Promise<Packet> {
	const length = Buffer.from(await connection.read(4, signal)).readUInt32BE(0);
	if (length < 1 || length > PACKET_LIMIT_BYTES) throw protocolError(`a packet of ${length} bytes`);
	const packet = Buffer.from(await connection.read(length, signal));
	return { command: packet.toString("latin1", 0, 1), data: packet.subarray(1) };
}

function protocolError(got: string): KeyturnError {
	return new KeyturnError("signer.probe", `milter: expected protocol version ${VERSION}, got: ${got}`);
}
