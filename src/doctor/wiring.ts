/** Whether Postfix hands its mail to the signer's socket, and what becomes of mail while nobody answers there. */

import type { MailWiring, MilterList, MilterTables } from "../ports/door.ts";
import type { Facts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";
import { addTo, respell } from "./milter-edits.ts";
import { isOpenedBy, names, type Wired } from "./milter-socket.ts";
import { quoted } from "./words.ts";

export function checkWiring({ door, settings }: Facts): readonly Finding[] {
	if (door.kind === "silent") return [];
	const { mail, signers } = door.answer.examined;
	if (mail === null) return [];
	const wirings = signers.flatMap(({ signer, socket, services }) => {
		const service = services.at(-1)?.service ?? signer;
		if (socket === null) return [];
		const entry = settings.signers.find(({ name }) => name === signer);
		const { type = "", swap = "restart" } = entry ?? {};
		const cutsOff = type === "rspamd" && !isInRedis(entry?.settings);
		return wiringOf(mail, { service, type, socket, swap, isStoppedAlone: services.length === 1, cutsOff });
	});
	const hasMilters = signers.some(({ socket }) => socket !== null);
	return hasMilters ? [...wirings, ...mail.tables.map(ofOwnClients)] : wirings;
}

/** Then nothing is reloaded: rspamd asks for each message. */
function isInRedis(settings: unknown): boolean {
	return typeof settings === "object" && settings !== null && "redis" in settings && settings.redis !== null;
}

function ofOwnClients({ value, setBy }: MilterTables): Finding {
	return finding("milter.tables", "postfix", {
		summary: `${setBy} = ${value}: clients that stand there have milters of their own in place of smtpd_milters, or none (DISABLE), and what their mail is signed by cannot be told`,
		advice:
			"see that what it says of each client whose mail is to be signed names the signer's socket, and no default_action but tempfail",
	});
}

function wiringOf(mail: MailWiring, wired: Wired): readonly Finding[] {
	const named = mail.lists.filter(({ milters }) => milters.some((milter) => names(milter, wired, mail)));
	const bySmtp = named.filter(({ name }) => name === "smtpd_milters");
	const shut = named.flatMap((list) => shutOut(list, wired, mail));
	if (bySmtp.length === 0) return [...shut, unwired(mail, wired)];
	// Behind a content filter everything comes back by SMTP, also what was made here.
	const isFiltered = bySmtp.every(({ setBy, name }) => setBy !== name);
	return [
		...shut,
		...(isFiltered || named.length > bySmtp.length ? [] : [localUnwired(mail, wired)]),
		...(wired.swap === "restart" || wired.cutsOff
			? acceptedBy(mail, wired).map((setBy) => accepting(wired, setBy))
			: []),
	];
}

function unwired(mail: MailWiring, wired: Wired): Finding {
	return finding("milter.unwired", "postfix", {
		summary: `smtpd_milters does not name the socket of ${wired.service} (${place(wired)}): mail that comes in by SMTP is not signed by it`,
		...addTo("smtpd_milters", wired, mail),
	});
}

function localUnwired(mail: MailWiring, wired: Wired): Finding {
	return finding("milter.local", "postfix", {
		summary: `non_smtpd_milters does not name the socket of ${wired.service}: mail made on this host (sendmail, bounces, cron) leaves unsigned`,
		...addTo("non_smtpd_milters", wired, mail),
	});
}

/** A list that means the socket, for services that look for it elsewhere. */
function shutOut(list: MilterList, wired: Wired, mail: MailWiring): readonly Finding[] {
	const shut = list.takenBy.filter(
		(taker) => !list.milters.some((milter) => isOpenedBy(taker, milter, wired, mail)),
	);
	const milter = list.milters.find((one) => names(one, wired, mail));
	if (shut.length === 0 || milter === undefined) return [];
	const [{ isChrooted } = { isChrooted: false }] = shut;
	const where = isChrooted ? `looks below ${mail.queueDirectory}` : "is not chrooted";
	return [
		finding("milter.path", "postfix", {
			summary: `${list.setBy} names ${milter}, and ${shut.map(({ service }) => service).join(", ")} ${where}, where the socket of ${wired.service} is not: mail is deferred, or with accept leaves unsigned`,
			...respell(list, milter, { wired, mail }),
		}),
	];
}

/** Each place that lets mail pass by this signer while it is down. */
function acceptedBy(mail: MailWiring, wired: Wired): readonly string[] {
	const accepting = mail.actions.filter(
		({ milter, action }) => action === "accept" && names(milter, wired, mail),
	);
	return [...new Set(accepting.map(({ setBy }) => setBy))];
}

/** At every turn where nothing keeps mail back meanwhile, not only when something has gone wrong. */
function accepting({ service, swap, isStoppedAlone }: Wired, setBy: string): Finding {
	const stopped = isStoppedAlone
		? `at each turn ${service} is stopped, and the mail server is not: mail leaves unsigned instead of waiting`
		: `whenever ${service} is down, mail leaves unsigned instead of waiting`;
	const unsigned =
		swap === "restart"
			? stopped
			: `at each turn ${service} ends the connections that Postfix has open to it: mail that is under way there leaves unsigned instead of waiting`;
	const severity = isStoppedAlone || swap === "reload" ? "critical" : "warning";
	if (setBy.endsWith("smtpd_milters"))
		return finding("milter.accept", "postfix", {
			summary: `default_action=accept in ${setBy} with swap: ${swap}: ${unsigned}`,
			advice: `let ${setBy} have default_action=tempfail for it, then systemctl reload postfix`,
			severity,
		});
	const edit = setBy.includes("/") ? "-P" : "-e";
	return finding("milter.accept", "postfix", {
		summary: `${setBy} = accept with swap: ${swap}: ${unsigned}`,
		command: `postconf ${edit} ${quoted(`${setBy}=tempfail`)} && systemctl reload postfix`,
		severity,
	});
}

function place({ socket }: Wired): string {
	return socket.kind === "unix" ? socket.path : `inet:${socket.host}:${socket.port}`;
}
