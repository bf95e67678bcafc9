/**
 * The sending end, run inside a test host: offers messages to Postfix at a steady rate, over one connection each ("short")
 * or over five that stay open ("long"), until its standard input closes, and at most COUNT of them. Writes one line of
 * JSON for each: what became of it. sender.ts short|long RATE COUNT FIRST-NUMBER DOMAIN[:PORT]...
 */

import { writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fate } from "../host/fate.ts";
import { SmtpConnection } from "./smtp-connection.ts";

const [mode = "short", rate = "50", most = "6000", first = "0", ...senders] = process.argv.slice(2);
const intervalMs = 1000 / Number(rate);
const startedAt = Date.now();
const waiting: { readonly number: number; readonly offeredAt: number }[] = [];
const over = new AbortController();
process.stdin.on("close", () => over.abort()).resume();

await Promise.all([offer(), ...Array.from({ length: mode === "long" ? 5 : 20 }, work)]);

async function offer(): Promise<void> {
	for (let index = 0; index < Number(most) && !over.signal.aborted; index += 1) {
		await sleep(Math.max(0, startedAt + index * intervalMs - Date.now()));
		waiting.push({ number: Number(first) + index, offeredAt: Date.now() });
	}
	over.abort();
}

async function work(): Promise<void> {
	let connection: SmtpConnection | null = null;
	for (;;) {
		const next = waiting.shift();
		if (next === undefined && over.signal.aborted) break;
		if (next === undefined) {
			await sleep(5);
			continue;
		}
		const tried: Tried = await deliver(next.number, connection);
		connection = tried.connection;
		const line: Fate = { ...next, endedAt: Date.now(), fate: tried.fate, reply: tried.reply };
		writeSync(1, `${JSON.stringify(line)}\n`);
	}
	await connection?.close();
}

interface Tried {
	readonly fate: Fate["fate"];
	readonly reply: string;
	/** Still open, for the next message. */
	readonly connection: SmtpConnection | null;
}

async function deliver(number: number, existing: SmtpConnection | null): Promise<Tried> {
	const [domain = "example.com", port = "25"] = senders[number % senders.length]?.split(":") ?? [];
	let connection = existing;
	try {
		connection ??= await SmtpConnection.open(Number(port));
		const reply = await connection.send(domain, messageText(number, domain));
		const mayStay = mode === "long" && !reply.startsWith("421");
		if (!mayStay) await connection.close();
		return { fate: fateOf(reply), reply, connection: mayStay ? connection : null };
	} catch (thrown) {
		connection?.destroy();
		const { code, message } = thrown as NodeJS.ErrnoException;
		return { fate: code === "ECONNREFUSED" ? "refused" : "dropped", reply: message, connection: null };
	}
}

function fateOf(reply: string): Fate["fate"] {
	if (reply.startsWith("2")) return "accepted";
	return reply.startsWith("4") ? "tempfailed" : "rejected";
}

function messageText(number: number, domain: string): string {
	const headers = [
		`From: a@${domain}`,
		"To: b@sink.test",
		`Subject: message ${number}`,
		`X-Number: ${number}`,
		`Date: ${new Date().toUTCString().replace("GMT", "+0000")}`,
		`Message-ID: <${number}.${startedAt}@${domain}>`,
	];
	return [...headers, "", `This is message ${number}.`].join("\r\n");
}
