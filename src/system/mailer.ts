/** Mail by SMTP with nodemailer, which is loaded at first use: under NoNewPrivileges sendmail could not do it. */

import { once } from "node:events";
import { connect as connectSocket, isIP, type Socket } from "node:net";
import { excerpt, withoutSecrets } from "../dkim/foreign-text.ts";
import { KeyturnError } from "../errors.ts";
import type { Mailer, MailRequest } from "../ports/mailer.ts";

const TIMEOUT_MS = 10_000;
/** A far server, or one whose first packet was lost, has not answered in Node's own 250. */
const ATTEMPT_MS = 3_000;
const MOST_ANSWER = 200;

export function createMailer(): Mailer {
	return {
		async send(mail, signal) {
			const { createTransport } = await import("nodemailer");
			const isHere = isLoopback(mail.host);
			const secure = mail.port === 465;
			const transport = createTransport({
				host: mail.host,
				port: mail.port,
				secure,
				// The certificate of a server on this host is hardly ever for the name "localhost".
				ignoreTLS: isHere,
				requireTLS: mail.login !== null && !isHere,
				// Said, since NODE_TLS_REJECT_UNAUTHORIZED=0 of a shell would have the password go to whoever answers. TLS that is
				// taken where it is offered keeps nobody out who stands between: he would offer none.
				tls: { rejectUnauthorized: mail.login !== null || secure },
				...(mail.login === null ? {} : { auth: { user: mail.login.user, pass: mail.login.password } }),
				greetingTimeout: TIMEOUT_MS,
				socketTimeout: TIMEOUT_MS,
				disableFileAccess: true,
				disableUrlAccess: true,
				getSocket: (_, give) => {
					connect(mail, signal).then(
						(connection) => give(null, { connection }),
						(error: Error) => give(error),
					);
				},
			});
			try {
				const { rejectedErrors } = await until(signal, transport.sendMail(messageOf(mail)));
				return (rejectedErrors ?? []).map((refusal) => refused(mail, refusal));
			} catch (thrown) {
				throw undelivered(mail, thrown);
			} finally {
				transport.close();
			}
		},
	};
}

/** To where this host's own C library finds the server, by /etc/hosts first: nodemailer would ask DNS alone, for "localhost", too. */
async function connect({ host, port }: MailRequest, signal: AbortSignal): Promise<Socket> {
	signal.throwIfAborted();
	const socket = connectSocket({
		host,
		port,
		autoSelectFamily: true,
		autoSelectFamilyAttemptTimeout: ATTEMPT_MS,
	});
	const giveUp = () => void socket.destroy(new Error("no connection in time"));
	socket.setTimeout(TIMEOUT_MS, giveUp);
	// Nor is anything delivered any more that was told as not delivered.
	signal.addEventListener("abort", giveUp, { once: true });
	socket.once("close", () => signal.removeEventListener("abort", giveUp));
	await once(socket, "connect");
	socket.setTimeout(0, giveUp);
	const { remoteAddress = "" } = socket;
	if (!isLoopback(host) || isLoopback(remoteAddress.replace(/^::ffff:/, ""))) return socket;
	socket.destroy();
	throw new Error(`${host} is not on this host, but ${remoteAddress}: see /etc/hosts`);
}

async function until<Result>(signal: AbortSignal, work: Promise<Result>): Promise<Result> {
	return new Promise((resolve, reject) => {
		const giveUp = () => reject(new Error("no answer in time"));
		if (signal.aborted) giveUp();
		signal.addEventListener("abort", giveUp, { once: true });
		work.then(resolve, reject).finally(() => signal.removeEventListener("abort", giveUp));
	});
}

function messageOf({ from, to, subject, text, messageId, inReplyTo, headers }: MailRequest) {
	const id = `<${messageId}>`;
	const parent = inReplyTo === null ? {} : { inReplyTo: `<${inReplyTo}>`, references: `<${inReplyTo}>` };
	return { from, to: [...to], subject, text, messageId: id, ...parent, headers: { ...headers } };
}

/** Those that it took get the message all the same: sent again for this one, they had it twice. */
function refused(mail: MailRequest, refusal: { readonly recipient?: string | undefined }): string {
	const { host, port } = mail;
	return `${host} port ${port} took it for others, not for ${refusal.recipient}: ${wordsOf(mail, refusal)}`;
}

function undelivered(mail: MailRequest, thrown: unknown): KeyturnError {
	const { host, port } = mail;
	return new KeyturnError(
		"alert.undelivered",
		`${host} port ${port}: expected the message to be taken, got: ${wordsOf(mail, thrown)}`,
		{
			retry: true,
			hint: "does the server take mail for this recipient from this host? `keyturn alert test` tries it at once",
		},
	);
}

interface Failure {
	readonly message?: string;
	readonly response?: string;
	readonly errors?: readonly Error[];
}

/**
 * In the server's words where it has any, which may be those that it was sent; nodemailer's errors hold no password, but their
 * stack the whole connection.
 */
function wordsOf({ login }: MailRequest, thrown: unknown): string {
	const { message = "unknown", response, errors = [] } = thrown as Failure;
	// Where each of several addresses fails, Node has words for each and none for all.
	const words = message === "" ? errors.map((error) => error.message).join("; ") : message;
	return excerpt(withoutSecrets(response ?? words, login === null ? [] : formsOf(login)), MOST_ANSWER);
}

/** As AUTH LOGIN and AUTH PLAIN (RFC 4616) send it, too. */
function formsOf({ user, password }: NonNullable<MailRequest["login"]>): readonly string[] {
	const encoded = [password, `\0${user}\0${password}`].map((text) => Buffer.from(text).toString("base64"));
	return [password, ...encoded];
}

function isLoopback(host: string): boolean {
	return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}
