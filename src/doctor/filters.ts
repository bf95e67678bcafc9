/** Whether mail reaches a signer that is a filter by SMTP, and comes back from it; and whether it leaves on ways that pass a signer by. */

import type { ExaminedSigner, MailWiring } from "../ports/door.ts";
import type { SmtpFilter } from "../ports/signer.ts";
import type { InetTarget } from "../ports/sockets.ts";
import type { Facts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";

export function checkFilters({ door }: Facts): readonly Finding[] {
	if (door.kind === "silent") return [];
	const { mail, signers } = door.answer.examined;
	return signers.flatMap((signer) => [
		...(mail === null || signer.filter === null ? [] : filterOf(mail, signer, signer.filter)),
		...signer.unsignedWays.map((way) => passing(signer, way)),
		...(signer.unsignedUnknown === undefined ? [] : [untold(signer, signer.unsignedUnknown)]),
	]);
}

function filterOf(
	mail: MailWiring,
	{ signer, services }: ExaminedSigner,
	{ listen, relay }: SmtpFilter,
): readonly Finding[] {
	const service = services.at(-1)?.service ?? signer;
	const isReached = mail.filters.some((filter) => leadsTo(filter, listen));
	const isTakenBack = relay === null || mail.listeners.some((listener) => leadsTo(listener, relay));
	return [
		...(isReached ? [] : [unwired(service, listen)]),
		...(isTakenBack ? [] : [withoutReturn(service, relay)]),
	];
}

/** A transport map or a FILTER action would do as well, and cannot be looked through. */
function unwired(service: string, listen: InetTarget): Finding {
	return finding("filter.unwired", "postfix", {
		summary: `no content_filter, smtpd_proxy_filter or relayhost leads to ${service} at ${spelled(listen)}: unless a transport map or a FILTER action does, mail is not signed by it`,
		advice: `let the service that takes mail to be sent (submission in master.cf) have -o content_filter=dksign:[${listen.host}]:${listen.port}, with a transport dksign unix - - n - 10 smtp`,
	});
}

function withoutReturn(service: string, relay: InetTarget): Finding {
	return finding("filter.return", "postfix", {
		summary: `${service} hands signed mail back at ${spelled(relay)}, where no service of master.cf listens: unless another program does, mail is deferred`,
		advice: `add a line ${spelled(relay)} inet n - n - 10 smtpd to master.cf, with -o content_filter= and -o mynetworks=127.0.0.0/8`,
	});
}

function passing({ signer }: ExaminedSigner, way: string): Finding {
	return finding("transport.unsigned", `signer ${signer}`, {
		summary: `mail that leaves by ${way} is not signed`,
		advice:
			"give it the options that the others have (docs/signers.md), unless it hands mail to a signing host",
	});
}

function untold({ signer }: ExaminedSigner, why: string): Finding {
	return finding("transport.unsigned", `signer ${signer}`, {
		summary: `whether mail leaves on ways that pass it by cannot be told: ${why}`,
		advice: "run keyturn doctor again once it answers",
	});
}

/** `transport:[host]:port`, `host:port`, `*:port`; the port is the last part. */
function leadsTo(named: string, socket: InetTarget): boolean {
	const [, before = "", port = ""] = /^(.*?):?(?:inet:)?(\d{1,5})$/.exec(named) ?? [];
	if (Number(port) !== socket.port) return false;
	if (socket.isOnEveryAddress ?? false) return true;
	const host = /\[(?:ipv6:)?([^\]]+)\]$/i.exec(before)?.[1] ?? before.split(":").at(-1) ?? "";
	return host === socket.host || ["", "*"].includes(host) || (isLoopback(host) && isLoopback(socket.host));
}

function isLoopback(host: string): boolean {
	return host === "localhost" || host === "::1" || host.startsWith("127.");
}

function spelled({ host, port }: InetTarget): string {
	return `${host}:${port}`;
}
