/** Talks to rspamd's normal worker over a plain connection: is it there, and how does it sign a message. */

import { excerpt } from "../dkim/foreign-text.ts";
import { KeyturnError } from "../errors.ts";
import type { Connection } from "../ports/sockets.ts";
import type { MilterOutcome } from "./milter.ts";
import { signaturesIn } from "./rspamd-answer.ts";

/** Fails with `signer.probe` unless it answers pong. */
export async function pingRspamd(connection: Connection, signal: AbortSignal): Promise<void> {
	await connection.write(Buffer.from("GET /ping HTTP/1.0\r\n\r\n"));
	const body = await readBody(connection, signal);
	if (body.trim() !== "pong")
		throw new KeyturnError("signer.probe", `expected pong from rspamd, got ${excerpt(body, 200)}`);
}

/** As if its sender had logged in on loopback, for whom alone some sign; the signatures are those that it would add. */
export async function scanMessage(
	connection: Connection,
	{ message, sender }: { readonly message: string; readonly sender: string },
	signal: AbortSignal,
): Promise<MilterOutcome> {
	const bytes = Buffer.from(message, "utf8");
	const head = [
		"POST /checkv2 HTTP/1.0",
		"IP: 127.0.0.1",
		`From: <${sender}>`,
		`User: ${sender}`,
		`Content-Length: ${bytes.length}`,
		"",
		"",
	];
	await connection.write(Buffer.concat([Buffer.from(head.join("\r\n")), bytes]));
	const body = await readBody(connection, signal);
	const signatures = readSignatures(body);
	return { kind: "delivered", added: signatures.map((value) => ({ name: "DKIM-Signature", value })) };
}

const LINE_LIMIT = 16 * 1024;
const HEADERS_LIMIT = 100;
const BODY_LIMIT = 1024 * 1024;

function readSignatures(body: string): readonly string[] {
	let answer: unknown;
	try {
		answer = JSON.parse(body);
	} catch {
		throw new KeyturnError("signer.probe", `expected JSON from rspamd, got ${excerpt(body, 200)}`);
	}
	const signatures = signaturesIn(answer);
	if (signatures !== null) return signatures;
	throw new KeyturnError("signer.probe", `expected signatures from rspamd, got ${excerpt(body, 200)}`);
}

async function readBody(connection: Connection, signal: AbortSignal): Promise<string> {
	const status = await connection.readLine(LINE_LIMIT, signal);
	let length: number | null = null;
	for (let read = 0; read < HEADERS_LIMIT; read += 1) {
		const line = (await connection.readLine(LINE_LIMIT, signal)).trim();
		if (line === "") break;
		const found = /^content-length:\s*(\d{1,9})$/i.exec(line)?.[1];
		if (found !== undefined) length = Number(found);
	}
	if (!/^HTTP\/1\.\d 200\b/.test(status) || length === null || length > BODY_LIMIT)
		throw new KeyturnError(
			"signer.probe",
			`expected an HTTP answer with status 200 and a length, got ${excerpt(status.trim(), 200)}`,
		);
	return Buffer.from(await connection.read(length, signal)).toString("utf8");
}
