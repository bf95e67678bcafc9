/** Whether Postfix hands its mail to the signer's socket, and what becomes of mail while nobody answers there. */

import type { MailWiring } from "../ports/door.ts";
import type { SocketTarget } from "../ports/sockets.ts";
import type { Facts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";
import { quoted } from "./words.ts";

export function checkWiring({ door, settings }: Facts): readonly Finding[] {
	if (door.kind === "silent") return [];
	const { mail, signers } = door.answer.examined;
	if (mail === null) return [];
	return signers.flatMap(({ signer, socket, services }) => {
		const service = services.at(-1)?.service ?? signer;
		if (socket === null) return [];
		const swap = settings.signers.find(({ name }) => name === signer)?.swap ?? "restart";
		return wiringOf(mail, { service, socket, swap });
	});
}

interface Wired {
	readonly service: string;
	readonly socket: SocketTarget;
	readonly swap: "restart" | "reload";
}

function wiringOf(mail: MailWiring, { service, socket, swap }: Wired): readonly Finding[] {
	const reaches = (milters: readonly string[]): boolean =>
		milters.some((milter) => leadsTo(milter, socket, mail));
	if (!reaches([...mail.milters, ...mail.ownMilters]))
		return [
			finding("milter.unwired", "postfix", {
				summary: `smtpd_milters does not name the socket of ${service} (${spelled(socket, mail)}): mail that comes in by SMTP is not signed by it`,
				command: setMilters("smtpd_milters", mail.milters, socket, mail),
			}),
		];
	// Behind a content filter everything comes back by SMTP, also what was made here.
	const isFiltered = !reaches(mail.milters);
	return [
		...(isFiltered || reaches(mail.localMilters) ? [] : [localUnwired(mail, service, socket)]),
		...(swap === "restart" ? acceptedBy(mail, socket).map((setBy) => accepting(service, setBy)) : []),
	];
}

function localUnwired(mail: MailWiring, service: string, socket: SocketTarget): Finding {
	return finding("milter.local", "postfix", {
		summary: `non_smtpd_milters does not name the socket of ${service}: mail made on this host (sendmail, bounces, cron) leaves unsigned`,
		command: setMilters("non_smtpd_milters", mail.localMilters, socket, mail),
	});
}

/** Each place that lets mail pass by this signer while it is down. */
function acceptedBy(mail: MailWiring, socket: SocketTarget): readonly string[] {
	const accepting = mail.actions.filter(
		({ milter, action }) => action === "accept" && leadsTo(milter, socket, mail),
	);
	return [...new Set(accepting.map(({ setBy }) => setBy))];
}

function accepting(service: string, setBy: string): Finding {
	const unsigned = `whenever ${service} is down, mail leaves unsigned instead of waiting`;
	if (setBy.endsWith("smtpd_milters"))
		return finding("milter.accept", "postfix", {
			summary: `default_action=accept in ${setBy} with swap: restart: ${unsigned}`,
			advice: `let ${setBy} have default_action=tempfail for it, then systemctl reload postfix`,
		});
	const edit = setBy.includes("/") ? "-P" : "-e";
	return finding("milter.accept", "postfix", {
		summary: `${setBy} = accept with swap: restart: ${unsigned}`,
		command: `postconf ${edit} ${quoted(`${setBy}=tempfail`)} && systemctl reload postfix`,
	});
}

function setMilters(
	option: string,
	given: readonly string[],
	socket: SocketTarget,
	mail: MailWiring,
): string {
	const value = [...given, spelled(socket, mail)].join(",");
	return `postconf -e ${quoted(`${option}=${value}`)} && systemctl reload postfix`;
}

/** As Postfix names it: from its queue directory on, where most of its services are locked in. */
function spelled(socket: SocketTarget, { queueDirectory }: MailWiring): string {
	if (socket.kind === "inet")
		return `inet:${socket.host.includes(":") ? `[${socket.host}]` : socket.host}:${socket.port}`;
	const isInside = socket.path.startsWith(`${queueDirectory}/`);
	return `unix:${isInside ? socket.path.slice(queueDirectory.length) : socket.path}`;
}

/** `unix:path`, `local:path` or `inet:host:port` (postconf(5), smtpd_milters); a path may begin at the root or at the queue. */
function leadsTo(milter: string, socket: SocketTarget, { queueDirectory }: MailWiring): boolean {
	const [, kind = "", place = ""] = /^(unix|local|inet):(.+)$/.exec(milter) ?? [];
	if (socket.kind === "unix") {
		const inside = `${queueDirectory}/${place.replace(/^\/+/, "")}`;
		return (kind === "unix" || kind === "local") && [place, inside].map(real).includes(real(socket.path));
	}
	const [, host = "", port = ""] = /^(.*):([^:]+)$/.exec(place) ?? [];
	if (kind !== "inet" || Number(port) !== socket.port) return false;
	// By what name or address this host is called there cannot be told.
	return socket.isOnEveryAddress ?? isSameHost(host, socket.host);
}

/** Debian's /run is /var/run to older guides. */
function real(path: string): string {
	return path.replace(/^\/var\/run\//, "/run/");
}

function isSameHost(named: string, host: string): boolean {
	const bare = named.replace(/^\[(?:ipv6:)?(.*)\]$/i, "$1");
	return bare === host || (isLoopback(bare) && isLoopback(host));
}

function isLoopback(host: string): boolean {
	return host === "localhost" || host === "::1" || host.startsWith("127.");
}
