/** The mail of the demo: each message signed by whatever signs at that moment, and verified at every name server, then and later. */

import { keyRecordName } from "../../src/dkim/names.ts";
import { joinTxt } from "../../src/dkim/txt-strings.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { MailVerifier } from "../../src/ports/mail-verifier.ts";
import type { Resolver } from "../../src/ports/resolver.ts";
import type { Sockets } from "../../src/ports/sockets.ts";
import { passMessage, quit, shakeHands } from "../../src/signers/milter.ts";
import type { NameServer } from "./name-servers.ts";

export interface Sent {
	readonly number: number;
	readonly domain: string;
	/** Of the key that signed it. */
	readonly selector: string;
	readonly at: Date;
	readonly when: string;
	readonly text: string;
}

export interface Unverifiable {
	readonly message: Sent;
	readonly seenAt: Date;
	readonly server: string;
	readonly why: string;
}

export interface MailFlow {
	/** One message from the domain through the signer, received at once; `when` says at which moment of the story. */
	send(domain: string, when: string): Promise<void>;
	/** All messages that may still be under way are received now, as by a receiver with a slow queue. */
	receiveLate(): Promise<void>;
	readonly sent: readonly Sent[];
	/** Verifications at the time of signing, and later ones. */
	readonly counts: { readonly atOnce: number; readonly late: number };
	/** Each message once, however often it failed. */
	readonly failures: readonly Unverifiable[];
}

export interface MailFlowGiven {
	readonly clock: Clock;
	readonly sockets: Sockets;
	readonly resolver: Resolver;
	readonly verifier: MailVerifier;
	readonly servers: readonly NameServer[];
	readonly signerSocket: string;
	/** How long a message may be under way: its key has to be there as long. */
	readonly graceMs: number;
}

const NEVER = new AbortController().signal;
const SIGN_MS = 10_000;

export function createMailFlow(given: MailFlowGiven): MailFlow {
	const { clock, servers, graceMs } = given;
	const sent: Sent[] = [];
	const counts = { atOnce: 0, late: 0 };
	const failures = new Map<number, Unverifiable>();

	async function receive(messages: readonly Sent[]): Promise<void> {
		for (const server of servers) {
			const lookup = createLookup(given.resolver, server);
			for (const message of messages) {
				const why = await whyUnverifiable(given.verifier, message, lookup);
				if (why === null || failures.has(message.number)) continue;
				failures.set(message.number, { message, seenAt: clock.now(), server: server.name, why });
			}
		}
	}

	return {
		sent,
		counts,
		get failures() {
			return [...failures.values()];
		},
		async send(domain, when) {
			const at = clock.now();
			const number = sent.length + 1;
			const { selector, text } = await signedMessage(given, { number, domain, at });
			const message: Sent = { number, domain, selector, at, when, text };
			sent.push(message);
			await receive([message]);
			counts.atOnce += servers.length;
		},
		async receiveLate() {
			const oldest = clock.now().getTime() - graceMs;
			const underWay = sent.filter((message) => message.at.getTime() > oldest);
			await receive(underWay);
			counts.late += underWay.length * servers.length;
		},
	};
}

/** Through the milter socket, as Postfix would; unsigned mail comes out with no selector. */
async function signedMessage(
	{ clock, sockets, signerSocket }: MailFlowGiven,
	{ number, domain, at }: { readonly number: number; readonly domain: string; readonly at: Date },
): Promise<{ readonly selector: string; readonly text: string }> {
	const sender = `news@${domain}`;
	const headers = [
		["From", `<${sender}>`],
		["To", "<reader@example.edu>"],
		["Date", at.toUTCString().replace("GMT", "+0000")],
		["Message-ID", `<${number}@${domain}>`],
		["Subject", `Message ${number}`],
	] as const;
	const body = `Message ${number} of the demo.\r\n`;
	const deadline = clock.deadline(SIGN_MS, NEVER);
	const connection = await sockets.connect({ kind: "unix", path: signerSocket }, deadline);
	try {
		const session = await shakeHands(connection, deadline);
		const message = { sender, recipient: "reader@example.edu", headers, body };
		const outcome = await passMessage(session, message, deadline);
		await quit(connection);
		const added = outcome.kind === "delivered" ? outcome.added : [];
		const fields = [...added.map(({ name, value }) => [name, value] as const), ...headers];
		const lines = fields.map(([name, value]) => `${name}: ${value.replaceAll("\n", "\r\n")}\r\n`);
		const selector = /\bs=([^;\s]+)/.exec(added[0]?.value ?? "")?.[1] ?? "";
		return { selector, text: `${lines.join("")}\r\n${body}` };
	} finally {
		connection.close();
	}
}

type Lookup = (name: string) => Promise<readonly string[] | null>;

/** Asks a name once only: what a server says does not change while nothing else is done. */
function createLookup(resolver: Resolver, server: NameServer): Lookup {
	const asked = new Map<string, Promise<readonly string[] | null>>();
	return (name) => {
		const found = asked.get(name) ?? ask(resolver, server, name);
		asked.set(name, found);
		return found;
	};
}

async function ask(resolver: Resolver, server: NameServer, name: string): Promise<readonly string[] | null> {
	const question = { name: name.toLowerCase(), type: "TXT", recursive: false, dnssec: false } as const;
	const answer = await resolver.ask(server, question, NEVER);
	if (answer.kind !== "message" || !answer.authoritative) return null;
	return answer.answers.flatMap(({ data }) => (data.kind === "txt" ? [joinTxt(data.strings)] : []));
}

async function whyUnverifiable(
	verifier: MailVerifier,
	{ domain, selector, text }: Sent,
	lookup: Lookup,
): Promise<string | null> {
	const verdicts = await verifier.verify(text, lookup);
	const [verdict] = verdicts;
	if (verdict === undefined) return "it is not signed";
	if (verdicts.length > 1) return `it has ${verdicts.length} signatures, expected one`;
	if (verdict.domain !== domain) return `it is signed for ${verdict.domain}`;
	if (verdict.outcome === "pass") return null;
	return `${keyRecordName(selector, domain)}: ${verdict.reason ?? verdict.outcome}`;
}
